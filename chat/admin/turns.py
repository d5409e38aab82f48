"""The admin page of turns: the receipt of every answer."""

from __future__ import annotations

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chat.admin import receipt
from chat.admin.links import chat_link
from chat.admin.test_sets import CaseOfTurn
from chat.models import Turn
from organizations.admin import ReadOnlyAdmin


@admin.register(Turn)
class TurnAdmin(CaseOfTurn, ReadOnlyAdmin):
    """Receipts of answers."""

    list_display = [
        "__str__",
        "dialogue",
        "status",
        "model",
        "tokens",
        "cost",
        "took",
        "created_at",
    ]
    list_filter = ["status", "model", "created_at"]
    search_fields = ["chat__chat_id", "chat__session__title", "model", "error"]
    list_select_related = ["chat__session"]
    ordering = ["-pk"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "dialogue",
                    "status",
                    "error",
                    "model",
                    "prompt_version",
                    "agent_version",
                    "prompt_tokens",
                    "completion_tokens",
                    "cost",
                    "remarks",
                    "times",
                    "created_at",
                    "finished_at",
                ]
            },
        ),
        (_("Grounds"), {"fields": ["rewritten", "grounds", "tools"]}),
        (_("Prompt"), {"fields": ["parts"]}),
        (_("Requests to models"), {"fields": ["requests"]}),
        (
            _("For support"),
            {
                "classes": ["collapse"],
                "fields": [
                    "from_seq",
                    "upto_seq",
                    "epoch",
                    "attempt",
                    "failures",
                    "widened",
                    "due_at",
                    "dispatched_at",
                    "lease_until",
                    "shown_at",
                    "draft",
                ],
            },
        ),
    ]

    @admin.display(description=_("chat"), ordering="chat")
    def dialogue(self, turn: Turn) -> SafeString:
        """The way to the transcript."""
        return chat_link(turn.chat)

    @admin.display(description=_("tokens"))
    def tokens(self, turn: Turn) -> str:
        """Of the prompt and of the answer."""
        if turn.prompt_tokens is None and turn.completion_tokens is None:
            return "—"
        return f"{turn.prompt_tokens or 0} + {turn.completion_tokens or 0}"

    @admin.display(description=_("time, ms"))
    def took(self, turn: Turn) -> str:
        """From the question to the whole answer."""
        return str(turn.timings.get("total", "—"))

    @admin.display(description=_("times, ms"))
    def times(self, turn: Turn) -> SafeString:
        """Where the time went."""
        return render_to_string("chat/times.html", {"timings": turn.timings})

    @admin.display(description=_("remarks"))
    def remarks(self, turn: Turn) -> SafeString:
        """What an owner should look at."""
        return render_to_string("chat/flags.html", {"flags": receipt.flags_of(turn)})

    @admin.display(description=_("parts"))
    def parts(self, turn: Turn) -> SafeString:
        """What the prompt was made of, and what did not fit."""
        context = {"turn": turn, "parts": receipt.parts_of(turn)}
        return render_to_string("chat/prompt_parts.html", context)

    @admin.display(description=_("tools"))
    def tools(self, turn: Turn) -> SafeString:
        """What was called for it, and what came of that."""
        made = turn.tool_calls.select_related("decided_by__user")
        return render_to_string("chat/tool_calls.html", {"calls": made})

    @admin.display(description=_("in order"))
    def requests(self, turn: Turn) -> SafeString:
        """Which models were asked, and how each ended."""
        return receipt.attempts([turn.pk], turn.organization)(turn.pk)

    @admin.display(description=_("grounds"))
    def grounds(self, turn: Turn) -> SafeString:
        """What the answer rests on, with the scores of the search."""
        return render_to_string("chat/grounds.html", {"sources": turn.sources, "facts": turn.facts})
