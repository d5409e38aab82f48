"""The life of a result: asked for, claimed by a lease, made, kept; and found when it was lost.

As with turns, the row is its own outbox, PostgreSQL decides whose it is, and whatever a worker
writes is refused when the result is no longer its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import connection, transaction
from django.db.models import F, Max, Q
from django.db.models.functions import Coalesce, Now
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ai.interface import Call
from chat import cards, conversation, turns
from chat.delivery import events
from chat.models import Chat, ChatResult, Message, Mode
from chat.protocol import ResultChanged
from chat.refusals import ChatClosed, Refused
from organizations.models import Member

Status = ChatResult.Status
OPEN = [Status.QUEUED, Status.RUNNING]
# Each is a long request to a model.
MOST_VERSIONS = 20


class NoResult(Refused):
    code = "no_result"

    def __init__(self) -> None:
        super().__init__(_("There is no result to be made of this chat."))


class NotYours(Refused):
    code = "not_yours_to_finish"

    def __init__(self) -> None:
        super().__init__(_("Somebody else finishes chats of this type."))


class NothingSaid(Refused):
    code = "nothing_to_finish"

    def __init__(self) -> None:
        super().__init__(_("Say something first: the result is made of what was said."))


class NothingNew(Refused):
    code = "nothing_new"

    def __init__(self) -> None:
        super().__init__(_("Nothing was said since the last result."))


class TooMany(Refused):
    code = "too_many_results"

    def __init__(self) -> None:
        super().__init__(_("This chat has had enough results. Start a new one."))


@dataclass(frozen=True)
class Claim:
    """A worker's right to make a result: valid while the attempt and the token still match."""

    result_id: int
    attempt: int
    token: uuid.UUID


def ask(locked: Chat, who: str, member: Member | None = None) -> ChatResult:
    """Have the locked chat turned into its result, for a `visitor` or an `operator`.

    While one is being made it is that one. Refuses a chat of no type or of one without a result,
    whoever may not finish it, and where nothing (new) was said.
    """
    kind, rows = locked.kind, ChatResult.objects.of(locked.organization).filter(chat=locked)
    if kind is None or not kind.schema or not cards.can_finish(locked, kind):
        raise NoResult
    if not kind.lets_finish(who):
        raise NotYours
    if locked.mode == Mode.CLOSED:
        raise ChatClosed
    if running := rows.filter(status__in=OPEN).first():
        return running
    said = Message.objects.of(locked.organization).filter(chat=locked)
    if not said.filter(role=Message.Role.USER).exists():
        raise NothingSaid
    done = rows.filter(status=Status.DONE).aggregate(upto=Max("upto_seq"))["upto"] or 0
    if done and not said.filter(seq__gt=done, role__in=["user", "operator"]).exists():
        raise NothingNew
    version = (rows.aggregate(last=Max("version"))["last"] or 0) + 1
    if version > MOST_VERSIONS:
        raise TooMany
    result = ChatResult.unscoped.create(
        organization=locked.organization,
        chat=locked,
        kind=kind,
        name=cards.result_name(kind, locked.session.language)[:80],
        schema=kind.schema,
        instructions=kind.instructions,
        version=version,
        author=member,
        upto_seq=locked.seq,
        due_at=Now(),
        dispatched_at=Now(),
    )
    turns.dispatch_on_commit([result.pk], ChatResult)
    _tell(locked, result)
    return result


def _tell(chat: Chat, result: ChatResult) -> None:
    """Show everyone in the chat how far it is."""
    shown = cards.body(result, chat.session.language)
    events.publish(chat.chat_id, ResultChanged(chat_id=chat.chat_id, result=shown))


def claim(result_id: int) -> Claim | None:
    """Take the result; None when another has it or it is over."""
    token = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(
            CLAIM,
            {
                "result": result_id,
                "token": token,
                "lease": turns.LEASE.total_seconds(),
                "failures": turns.MAX_FAILURES,
            },
        )
        taken = cursor.fetchone()
    return Claim(result_id, taken[0], token) if taken else None


# As a turn's: one conditional UPDATE, by the database's clock.
CLAIM = """
UPDATE chat_chatresult
SET status = 'running', attempt = attempt + 1, failures = failures + (status = 'running')::int,
    lease_token = %(token)s,
    lease_until = statement_timestamp() + %(lease)s * interval '1 second'
WHERE id = %(result)s AND (
    status = 'queued' AND due_at <= statement_timestamp() AND failures < %(failures)s
    OR status = 'running' AND lease_until < statement_timestamp() AND failures < %(failures)s - 1
)
RETURNING attempt
"""


def _mine(claim: Claim) -> Q:
    return Q(
        pk=claim.result_id,
        status=Status.RUNNING,
        attempt=claim.attempt,
        lease_token=claim.token,
    )


def read(claim: Claim) -> ChatResult | None:
    """The claimed result with its chat; None when it is no longer the claimer's."""
    return (
        ChatResult.unscoped.filter(_mine(claim))
        .select_related(
            "organization",
            "chat__organization",
            "chat__session__widget__agent",
            "chat__session__customer",
            "chat__session__visitor",
        )
        .first()
    )


def renew(claim: Claim) -> bool:
    """Keep the lease; False when it is somebody else's."""
    return bool(ChatResult.unscoped.filter(_mine(claim)).update(lease_until=Now() + turns.LEASE))


def spent(claim: Claim, calls: Sequence[Call], costs: Sequence[Decimal | None]) -> None:
    """Add what an attempt took to the receipt, whatever came of it and whose it is by now."""
    if not calls:
        return
    fields: dict[str, Any] = {
        "model": calls[-1].model[:120],
        "prompt_tokens": F("prompt_tokens") + sum(call.usage.prompt_tokens for call in calls),
        "completion_tokens": F("completion_tokens")
        + sum(call.usage.completion_tokens for call in calls),
    }
    known = [cost for cost in costs if cost is not None]
    if known:
        fields["cost"] = Coalesce(F("cost"), Decimal(0)) + sum(known)
    ChatResult.unscoped.filter(pk=claim.result_id).update(**fields)


def release(claim: Claim, error: str, delay: float) -> None:
    """Give a failed attempt back to be tried again; after too many it has failed."""
    with transaction.atomic():
        released = ChatResult.unscoped.filter(_mine(claim)).update(
            status=Status.QUEUED,
            failures=F("failures") + 1,
            error=error[:40],
            lease_token=None,
            lease_until=None,
            due_at=Now() + timedelta(seconds=delay),
            # The dispatcher sends it when it is due.
            dispatched_at=None,
        )
    if released and claim.result_id in exhausted():
        give_up(claim.result_id)


def keep(claim: Claim, data: Any) -> bool:
    """Store the whole result and the line that tells of it; False when it is no longer ours."""
    with transaction.atomic():
        held = _hold(claim.result_id)
        if held is None or not ChatResult.unscoped.filter(_mine(claim)).exists():
            return False
        result, chat = held
        result.data, result.seq = data, chat.seq + 1
        _close(result, Status.DONE)
        # Before its line, so that whoever hears the line alone knows that something was lost.
        _tell(chat, result)
        with translation.override(chat.session.language):
            words = gettext("%(name)s: version %(version)s is ready")
        conversation.append(
            chat,
            role=Message.Role.SYSTEM,
            event=Message.Event.RESULT,
            content=words % {"name": result.name, "version": result.version},
            sender="system",
        )
        events.tell("result", chat.chat_id, "assistant")
        return True


def fail(claim: Claim, error: str) -> bool:
    """It cannot be made; whoever asked may ask again. False when it is no longer ours."""
    with transaction.atomic():
        held = _hold(claim.result_id)
        if held is None or not ChatResult.unscoped.filter(_mine(claim)).exists():
            return False
        result, chat = held
        result.error = error[:40]
        _close(result, Status.FAILED)
        _tell(chat, result)
        return True


def give_up(result_id: int) -> None:
    """After too many failures."""
    with transaction.atomic():
        held = _hold(result_id)
        if held is None:
            return
        result, chat = held
        if result.status == Status.QUEUED and result.failures >= turns.MAX_FAILURES:
            result.error = result.error or "worker_lost"
            _close(result, Status.FAILED)
            _tell(chat, result)


def exhausted(limit: int = 100) -> list[int]:
    """Results that failed too often."""
    return turns.exhausted(limit, ChatResult)


def overdue(limit: int = 100) -> list[int]:
    """Results that should be in the making and are not; each is marked as sent."""
    return turns.overdue(limit, ChatResult)


def _hold(result_id: int) -> tuple[ChatResult, Chat] | None:
    """The result as it is once its chat is locked; None when they were erased meanwhile."""
    rows = ChatResult.unscoped.select_related("author__user").select_for_update(of=("self",))
    try:
        chat = Chat.unscoped.select_related("organization").get(results=result_id)
        locked = conversation.lock(chat)
        return rows.get(pk=result_id), locked
    except ObjectDoesNotExist:
        return None


def _close(result: ChatResult, status: ChatResult.Status) -> None:
    result.status = status
    result.lease_token = result.lease_until = None
    result.finished_at = Now()
    if status == Status.DONE:
        result.error = ""
    fields = ["data", "seq", "error", "status", "lease_token", "lease_until", "finished_at"]
    result.save(update_fields=fields)
