"""Results as people read them in the admin."""

from __future__ import annotations

from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from chat import cards
from chat.models import Chat, ChatResult


def card_of(result: ChatResult) -> SafeString:
    """The fields by their titles, in the reader's language."""
    language = get_language() or ""
    parts = cards.card(result.data, result.schema, language) if result.data else []
    return render_to_string("chat/result.html", {"parts": parts})


def cards_of(chat: Chat) -> SafeString:
    """What the dialogue was turned into, the last one first."""
    rows = ChatResult.objects.of(chat.organization).filter(chat=chat).order_by("-version")
    shown: list[dict[str, Any]] = [{"result": row, "card": card_of(row)} for row in rows]
    return render_to_string("chat/results.html", {"results": shown})
