"""How chats are named in lists: the ways to their transcripts, and ratings as people draw them."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from chat.models import Chat


def stars(rating: int | None) -> str:
    """A rating as people draw it."""
    return f"{'★' * rating}{'☆' * (5 - rating)}" if rating else "—"


def title_of(chat: Chat) -> str:
    """A chat's own name, or the first words of its visit."""
    return chat.name or chat.session.title or str(chat)


def chat_link(chat: Chat) -> SafeString:
    """The way to a chat's transcript."""
    address = reverse("admin:chat_chat_change", args=[chat.pk])
    return format_html('<a class="row-link" href="{}">{}</a>', address, title_of(chat))


def chat_links(chats: QuerySet[Chat]) -> SafeString:
    """The ways to several transcripts, a line each."""
    links = ((chat_link(chat),) for chat in chats.select_related("session"))
    return format_html_join(mark_safe("<br>"), "{}", links)
