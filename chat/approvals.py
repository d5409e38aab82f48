"""Changes that the assistant proposed: decided by an operator, made at most once, told to the chat.

`operators.desk` decides; a task of the `reply` queue makes the call; the dispatcher calls `sweep`.
The row is the outbox, as a turn is: a task that is lost is sent again, for only the one that takes
the row from *approved* to *running* makes the call. Nothing takes it back: when that worker dies,
what came of the call is unknown, and a person has to look.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import timedelta

from celery import current_app
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerError
from redis import RedisError

from chat import calls, conversation, turns
from chat.answering.tools import take
from chat.database import in_database
from chat.models import Chat, Handoff, Message, Mode, ToolCall
from organizations import calling
from organizations.calls import schemas
from organizations.models import Member

log = logging.getLogger(__name__)

TASK = "chat.tasks.call_tool"
PATIENCE = timedelta(seconds=10)
# Longer than the longest call and the longest wait for the database after it.
LOST_AFTER = timedelta(seconds=150)
KEEP_TRYING = 60.0
RETRY_SECONDS = 1.0

Status = ToolCall.Status


def decide(locked: Chat, call: ToolCall, member: Member, approve: bool) -> bool:
    """Write an operator's decision down in the locked chat; False when it was made before."""
    decided = ToolCall.objects.of(locked.organization).filter(pk=call.pk, status=Status.PENDING)
    status = Status.APPROVED if approve else Status.REFUSED
    if not decided.update(status=status, decided_by=member, decided_at=Now(), dispatched_at=Now()):
        return False
    call.refresh_from_db()
    if approve:
        calls.tell_desk(call, locked)
        transaction.on_commit(lambda: dispatch([call.pk]))
    else:
        _tell(locked, call)
    return True


def dispatch(call_ids: Sequence[int]) -> None:
    """Send approved calls to the workers; `sweep` sends again what did not go."""
    try:
        for call_id in call_ids:
            current_app.send_task(TASK, [call_id], retry=False)
    except (BrokerError, RedisError, OSError) as error:
        log.warning("calls %s were not sent: %s", list(call_ids), type(error).__name__)
        ToolCall.unscoped.filter(pk__in=call_ids, status=Status.APPROVED).update(dispatched_at=None)


async def run(call_id: int) -> None:
    """Make an approved call, unless somebody else does or has done."""
    call = await in_database(_take_up, call_id)
    if call is None:
        return
    outcome = calling.Outcome("tool_gone")
    if call.tool is not None and call.tool.is_active:
        outcome = calling.Outcome("tool_changed")
        if is_what_was_asked(call):
            outcome = await calling.call(call.tool, call.arguments, str(call.key))
    await _kept(call_id, outcome)


def _take_up(call_id: int) -> ToolCall | None:
    """One conditional UPDATE decides who makes the call."""
    taken = ToolCall.unscoped.filter(pk=call_id, status=Status.APPROVED).update(
        status=Status.RUNNING, started_at=Now()
    )
    if not taken:
        return None
    return ToolCall.unscoped.select_related("tool", "organization").get(pk=call_id)


def is_what_was_asked(call: ToolCall) -> bool:
    """Whether its tool is still the one that a person was shown: only that was confirmed."""
    if call.tool is None or call.revision != call.tool.revision:
        return False
    return not schemas.problems(call.tool.parameters, call.arguments)


async def _kept(call_id: int, outcome: calling.Outcome) -> None:
    """Write the outcome down, through a short absence of the database: it is known nowhere else."""
    deadline = time.monotonic() + KEEP_TRYING
    while True:
        try:
            return await in_database(_finish, call_id, outcome)
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() > deadline:
                raise
            log.warning("the outcome of call %s waits: %s", call_id, type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)


def _finish(call_id: int, outcome: calling.Outcome) -> None:
    row = ToolCall.unscoped.select_related("chat__organization").filter(pk=call_id).first()
    if row is None:
        # Its chat was erased while it was made, and nobody is left to be told.
        return
    with transaction.atomic():
        locked = conversation.lock(row.chat)
        call = ToolCall.unscoped.select_related("decided_by__user").get(pk=call_id)
        # The sweeper, too, may have given it up for lost.
        if call.status not in (Status.RUNNING, Status.UNKNOWN):
            return
        before = call.status
        take(call, outcome)
        if call.status == before:
            return
        call.save(update_fields=["status", "http_status", "kept", "error", "milliseconds"])
        _tell(locked, call)


def _tell(locked: Chat, call: ToolCall) -> None:
    """Tell the desk, and the visitor: by the assistant, where it has the chat."""
    calls.tell_desk(call, locked)
    if locked.mode == Mode.CLOSED:
        return
    line = conversation.tell_of_call(locked, call, Message.Event.CALL_DECIDED)
    ToolCall.objects.of(locked.organization).filter(pk=call.pk).update(told_seq=line.seq)
    if locked.mode != Mode.AI:
        return
    if call.status == Status.UNKNOWN and locked.session.widget.is_open():
        # Nobody knows what has happened: no model may guess it, a person has to look.
        conversation.change_mode(
            locked, Message.Event.WAITING, actor="assistant", reason=Handoff.Reason.ERROR
        )
    else:
        turns.open_or_widen(locked, line.seq, delay=0)


def sweep(limit: int = 100) -> int:
    """Send again what no worker took, and give up what a lost worker had taken; how many."""
    rows = list(
        ToolCall.unscoped.filter(is_changing=True)
        .filter(
            Q(status=Status.APPROVED)
            & (Q(dispatched_at__isnull=True) | Q(dispatched_at__lt=Now() - PATIENCE))
            | Q(status=Status.RUNNING, started_at__lt=Now() - LOST_AFTER)
        )
        .values_list("pk", "status")[:limit]
    )
    waiting = [pk for pk, status in rows if status == Status.APPROVED]
    if waiting:
        ToolCall.unscoped.filter(pk__in=waiting).update(dispatched_at=Now())
        dispatch(waiting)
    for pk, status in rows:
        if status == Status.RUNNING:
            _finish(pk, calling.Outcome("worker_lost"))
    return len(rows)
