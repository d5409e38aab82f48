"""The receipt of a rehearsed answer: what a turn keeps, and the whole prompt; plain as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import Any

from ai.metering import milliseconds
from chat.accounting.bills import Bill
from chat.answering.plans import HandOver, Plan
from chat.assistant import Speech
from chat.models import ToolCall

ANSWER, UNKNOWN, HANDOFF, FAILED = "answer", "unknown", "handoff", "failed"
# Nothing was asked, as a limit is used up; `error` is the limit's code.
LIMIT = "limit"


@dataclass
class Receipt:
    """What came of a question; `outcome` is one of the five above, `reason` that of a handoff.

    `sources` are what was found, with scores; `cited` what a visitor sees below the answer. `more`
    is what else the plan may hold.
    """

    outcome: str = FAILED
    text: str = ""
    reason: str = ""
    error: str = ""
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: str = ""
    timings: dict[str, int] = field(default_factory=dict)
    prompt: list[dict[str, str]] = field(default_factory=list)
    prompt_version: str = ""
    rewritten: str = ""
    sources: list[dict[str, Any]] = field(default_factory=list)
    cited: list[dict[str, Any]] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    prompt_parts: dict[str, Any] = field(default_factory=dict)
    flags: list[dict[str, Any]] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """As a result keeps it."""
        return asdict(self)


def read(stored: Mapping[str, Any]) -> Receipt:
    """A receipt as it was kept, also by an older version that knew less."""
    known = {one.name for one in fields(Receipt)}
    return Receipt(**{name: value for name, value in stored.items() if name in known})


def of_handover(plan: HandOver) -> Receipt:
    """The receipt where people are given the chat at once."""
    return Receipt(outcome=HANDOFF, reason=str(plan.reason.value))


def begun(plan: Plan) -> Receipt:
    """The receipt before the first word."""
    grounds = plan.grounds
    return Receipt(
        timings=dict(plan.timings),
        prompt_version=grounds.prompt_version,
        rewritten=grounds.rewritten,
        sources=list(grounds.sources),
        facts=list(grounds.facts),
        prompt_parts=dict(grounds.prompt_parts),
        more=_more(plan),
    )


def end(receipt: Receipt, plan: Plan, speech: Speech, *, has_failed: bool) -> None:
    """Write down what came of it: as `assistant` does, and the calls of tools."""
    now = time.monotonic()
    receipt.text, receipt.model = speech.text, speech.model
    receipt.timings["first_text"] = milliseconds(speech.started_at, speech.first_text_at or now)
    receipt.timings["total"] = milliseconds(speech.started_at, now)
    outcome = plan.outcome(speech.text, speech.checker)
    has_helped = bool(plan.toolbox and plan.toolbox.has_helped)
    receipt.cited = outcome.sources
    receipt.flags = outcome.flags
    receipt.tools = [_call(row) for row in getattr(plan.toolbox, "kept", [])]
    if not has_failed:
        receipt.outcome = UNKNOWN if outcome.offers_support and not has_helped else ANSWER


def count(receipt: Receipt, bill: Bill) -> None:
    """Write down the tokens of every model that was asked, and their price where it is known."""
    calls = [call for _purpose, some in bill.calls for call in some]
    if not calls:
        return
    receipt.prompt_tokens = sum(call.usage.prompt_tokens for call in calls)
    receipt.completion_tokens = sum(call.usage.completion_tokens for call in calls)
    costs = [bill.account.cost(call) if bill.account else None for call in calls]
    known = [cost for cost in costs if cost is not None]
    receipt.cost = str(sum(known)) if known else ""


def _call(row: ToolCall) -> str:
    """A tool's call in a line: by which revision, what was asked, and what it said."""
    arguments = json.dumps(row.arguments, ensure_ascii=False)
    name = f"{row.name} ({row.revision})" if row.revision else row.name
    return f"{name} {arguments} → {row.status} {row.error}".strip()


# What has a place of its own in the receipt, or is no news to anybody.
_KNOWN = {
    *("chat_id", "epoch", "model", "request", "stand_in", "shown_sources", "offers_support"),
    *("grounds", "timings", "prices", "sources", "facts", "prompt_version", "rewritten"),
    *(
        "account",
        "calls_for_people",
        "limit",
        "agent_version",
        "prompt_parts",
        "prompt",
        "unless_cited",
        "guard",
        "toolbox",
        "is_long",
        "remembered",
    ),
}


def _more(plan: Plan) -> dict[str, str]:
    """Whatever else the plan and its grounds hold, as readable texts."""
    found = {
        one.name: getattr(part, one.name)
        for part in (plan, plan.grounds)
        for one in fields(part)
        if one.name not in _KNOWN
    }
    return {name: _in_words(value) for name, value in found.items() if value}


def _in_words(value: Any) -> str:
    return (
        value if isinstance(value, str) else json.dumps(_plain(value), ensure_ascii=False, indent=2)
    )


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
