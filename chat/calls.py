"""The rows of tool calls: written before a call, and after it; and how people are shown them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import orjson
from django.db import transaction
from django.utils.translation import gettext as _

from chat import snapshots, turns
from chat.delivery import events
from chat.models import Chat, ToolCall, Turn
from chat.protocol import CallBody, CallStatus, ToolCallChanged
from organizations import calling
from organizations.models import Organization

Status = ToolCall.Status
# What the desk and the prompt are shown of one chat.
LATEST = 20
SHOWN_VALUE = 1000
# States of a change after a person was asked.
ASKED = [Status.PENDING, Status.APPROVED, Status.RUNNING]
TOLD = [*ASKED, Status.DONE, Status.FAILED, Status.REFUSED, Status.UNKNOWN]


def begin(claim: turns.Claim, rows: Sequence[ToolCall]) -> bool:
    """Write calls down before they are made; False when the turn is no longer the claimer's."""
    with transaction.atomic():
        if not Turn.unscoped.filter(turns.mine(claim)).exists():
            return False
        ToolCall.unscoped.bulk_create(rows)
    return True


def end(rows: Sequence[ToolCall]) -> None:
    """Write down what came of calls."""
    ToolCall.unscoped.bulk_update(rows, ["status", "http_status", "kept", "error", "milliseconds"])


def put_to_people(locked: Chat, turn: Turn) -> list[ToolCall]:
    """Have operators decide on what the saved answer has proposed; in the answer's own commit."""
    rows = list(
        ToolCall.objects.of(locked.organization)
        .filter(turn=turn, attempt=turn.attempt, status=Status.PROPOSED)
        .order_by("pk")
    )
    ToolCall.objects.of(locked.organization).filter(pk__in=[row.pk for row in rows]).update(
        status=Status.PENDING
    )
    for row in rows:
        row.status = Status.PENDING
        tell_desk(row, locked)
    return rows


def tell_desk(call: ToolCall, chat: Chat) -> None:
    """Show every console the call as it is, after the commit."""
    events.publish_desk(call.organization_id, ToolCallChanged(call=body(call, chat)))


def body(call: ToolCall, chat: Chat) -> CallBody:
    """A call as operators see it."""
    return CallBody(
        call_id=call.pk,
        chat_id=chat.chat_id,
        chat=chat.name,
        label=call.label or call.name,
        arguments={
            str(name)[:80]: _words(value)
            for name, value in (call.arguments.items() if isinstance(call.arguments, dict) else ())
        },
        status=cast(CallStatus, call.status),
        answer=call.kept[:SHOWN_VALUE],
        error=calling.sentence(call.error) if call.error else "",
        decided_by=call.decided_by.name if call.decided_by else "",
        since=snapshots.iso(call.decided_at or call.created_at),
    )


def _words(value: Any) -> str:
    return (value if isinstance(value, str) else orjson.dumps(value).decode())[:SHOWN_VALUE]


def of_chat(chat: Chat) -> list[CallBody]:
    """The changes that people were asked about in a chat, the oldest first."""
    rows = (
        ToolCall.objects.of(chat.organization)
        .filter(chat=chat, is_changing=True, status__in=TOLD)
        .select_related("decided_by__user")
        .order_by("-pk")[:LATEST]
    )
    return [body(row, chat) for row in rows][::-1]


def pending(organization: Organization, most: int) -> list[CallBody]:
    """Everything that waits for somebody's word."""
    rows = (
        ToolCall.objects.of(organization)
        .filter(status=Status.PENDING)
        .exclude(chat__mode="closed")
        .select_related("chat", "decided_by__user")
        .order_by("created_at")[:most]
    )
    return [body(row, row.chat) for row in rows]


def sentence(call: ToolCall) -> str:
    """What the visitor is told of a change, in the active language."""
    words = {
        Status.PENDING: _("A colleague has to confirm: %(name)s."),
        Status.DONE: _("Confirmed and done: %(name)s."),
        Status.FAILED: _("Confirmed, but it could not be done: %(name)s."),
        Status.REFUSED: _("Not confirmed: %(name)s."),
        Status.UNKNOWN: _("Confirmed, but it is not known whether it was done: %(name)s."),
    }
    return words[Status(call.status)] % {"name": call.label or call.name}
