"""The admin page of tool calls: what was asked of other systems, by whom it was confirmed."""

from __future__ import annotations

from django.contrib import admin
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chat.admin.links import chat_link
from chat.admin.results import pretty
from chat.models import ToolCall
from organizations import calling
from organizations.admin import ReadOnlyAdmin
from organizations.models import ToolRevision


@admin.register(ToolCall)
class ToolCallAdmin(ReadOnlyAdmin):
    """Every call of every answer."""

    class Media:
        css = {"all": ["admin/results.css"]}

    list_display = [
        *("label_or_name", "dialogue", "is_changing", "status", "http_status"),
        *("milliseconds", "decided_by", "created_at"),
    ]
    list_filter = ["status", "is_changing", "tool", "created_at"]
    list_select_related = ["chat__session", "decided_by__user"]
    search_fields = ["name", "label", "chat__chat_id"]
    ordering = ["-pk"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    *(
                        "name",
                        "label",
                        "definition",
                        "dialogue",
                        "turn",
                        "given",
                        "is_changing",
                        "status",
                    ),
                    *("http_status", "trouble", "kept", "milliseconds"),
                ]
            },
        ),
        (_("Confirmation"), {"fields": ["decided_by", "decided_at", "started_at", "created_at"]}),
    ]

    @admin.display(description=_("tool"), ordering="label")
    def label_or_name(self, call: ToolCall) -> str:
        """The name for people, or the one that the model has made up."""
        return call.label or call.name

    @admin.display(description=_("revision of the tool"))
    def definition(self, call: ToolCall) -> SafeString:
        """The way to the definition that it was made by."""
        if call.revision is None:
            return SafeString("—")
        kept = ToolRevision.objects.of(call.organization).filter(
            tool=call.tool_id, number=call.revision
        )
        if revision := kept.first():
            address = reverse("admin:organizations_toolrevision_change", args=[revision.pk])
            return format_html('<a class="row-link" href="{}">{}</a>', address, call.revision)
        return format_html("{}", call.revision)

    @admin.display(description=_("chat"), ordering="chat")
    def dialogue(self, call: ToolCall) -> SafeString:
        """The way to the transcript."""
        return chat_link(call.chat)

    @admin.display(description=_("arguments"))
    def given(self, call: ToolCall) -> SafeString:
        """What it was asked with, in the letters it was asked in."""
        return render_to_string("chat/result_json.html", {"value": pretty(call.arguments)})

    @admin.display(description=_("what went wrong"))
    def trouble(self, call: ToolCall) -> str:
        """The error in words."""
        return calling.sentence(call.error) or "—"
