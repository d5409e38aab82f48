"""A turn's receipt in words: what its prompt was made of, who was asked, and the remarks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from ai.interface import AIError
from chat.accounting import usage
from chat.models import Turn
from organizations import providers
from organizations.models import Organization

# In the order of the prompt.
PARTS: dict[str, str | Promise] = {
    "rules": _("Rules"),
    "instructions": _("Instructions"),
    "settings": _("Context"),
    "memory": _("Memory of the visitor"),
    "summary": _("Summary of the chat"),
    "history": _("Last messages"),
    "sources": _("Sources"),
    "facts": _("Facts"),
    "page": _("Page"),
    "question": _("Question"),
}
FLAGS: dict[str, str | Promise] = {
    "uncited": _("The answer cites none of its sources"),
    "partly_cited": _("Some sentences cite nothing"),
    "refused": _("Nothing was found and the model cited nothing, so its answer was not shown"),
    "unknown_source": _("It cited sources that were not given; the numbers were taken out"),
    **{code: providers.SENTENCES[code] for code in ("ai_cut", "ai_filtered", "ai_too_long")},
    "no_source": _("No source was found; the model answered from its instructions and the chat"),
}


def parts_of(turn: Turn) -> dict[str, Any] | None:
    """The parts of a prompt as rows; None where no model was asked."""
    kept = turn.prompt_parts
    if not kept:
        return None
    spent, left_out = kept.get("parts", {}), kept.get("left_out", {})
    rows = [
        {"label": label, "tokens": spent.get(part, 0), "left_out": left_out.get(part, 0)}
        for part, label in PARTS.items()
        if part in spent or part in left_out
    ]
    return {"rows": rows, "estimated": kept.get("estimated"), "budget": kept.get("budget")}


def flags_of(turn: Turn) -> list[dict[str, Any]]:
    """The remarks with their words."""
    return [{**flag, "label": FLAGS.get(flag["code"], flag["code"])} for flag in turn.flags]


def attempts(turn_ids: list[int], organization: Organization) -> Callable[[int], SafeString]:
    """Every model that was asked for turns, and how it ended, as a list by the turn's number."""
    found = usage.of_turn(turn_ids)

    def shown(turn_id: int) -> SafeString:
        calls = [
            (call, providers.sentence(AIError("", code=call.code, retryable=False)))
            for call in found.get(turn_id, [])
        ]
        context = {"calls": calls, "currency": organization.currency}
        return render_to_string("chat/attempts.html", context)

    return shown
