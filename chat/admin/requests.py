"""Admin pages of what people are asked for: handoffs, and messages left while nobody was there."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chat.admin.links import chat_link
from chat.models import ContactRequest, Handoff
from organizations import access
from organizations.admin import ReadOnlyAdmin


@admin.register(Handoff)
class HandoffAdmin(ReadOnlyAdmin):
    """Requests for a person."""

    list_display = ["__str__", "dialogue", "reason", "operator", "requested_at", "outcome"]
    list_filter = ["reason", "outcome", "operator", "requested_at"]
    search_fields = ["chat__chat_id", "chat__session__title"]
    list_select_related = ["chat__session", "operator__user"]
    ordering = ["-requested_at"]
    fields = [
        "dialogue",
        "reason",
        "in_short",
        "operator",
        "requested_at",
        "accepted_at",
        "ended_at",
        "outcome",
    ]

    @admin.display(description=_("chat"))
    def dialogue(self, handoff: Handoff) -> SafeString:
        """The way to the transcript."""
        return chat_link(handoff.chat)

    @admin.display(description=_("in short"))
    def in_short(self, handoff: Handoff) -> SafeString:
        """What the operator was told beforehand, and who has written it."""
        labels = {"wants": _("Wants"), "said": _("Said before"), "tried": _("Was answered")}
        rows = [(labels[name], text) for name, text in handoff.summary.items() if text]
        if not rows:
            return SafeString("—")
        by = (_("Written by"), handoff.summary_model or _("rule"))
        return format_html_join(SafeString("<br>"), "{}: {}", [*rows, by])


@admin.register(ContactRequest)
class ContactRequestAdmin(ReadOnlyAdmin):
    """Messages left while nobody was there."""

    list_display = ["name", "email", "short_text", "created_at", "handled_at", "handled_by"]
    list_filter = [("handled_at", admin.EmptyFieldListFilter), "created_at"]
    search_fields = ["name", "email", "text"]
    list_select_related = ["handled_by__user"]
    ordering = ["-created_at"]
    fields = ["name", "email", "text", "dialogue", "created_at", "handled_at", "handled_by"]
    actions = ["mark_handled"]

    def has_handle_permission(self, request: HttpRequest) -> bool:
        """Who may mark requests as done."""
        return request.user.has_perm("chat.change_contactrequest")

    @admin.display(description=_("text"))
    def short_text(self, contact: ContactRequest) -> str:
        """The beginning of the text."""
        return Truncator(contact.text).chars(60)

    @admin.display(description=_("chat"))
    def dialogue(self, contact: ContactRequest) -> SafeString:
        """The way to the transcript."""
        return chat_link(contact.chat)

    @admin.action(description=_("Mark as done"), permissions=["handle"])
    def mark_handled(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """The chosen requests were answered."""
        member = access.require_member(request.user)
        count = rows.filter(handled_at=None).update(handled_at=timezone.now(), handled_by=member)
        messages.success(
            request,
            ngettext("%(count)s request done.", "%(count)s requests done.", count)
            % {"count": count},
        )
