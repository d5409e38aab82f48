"""The life of a turn: opened or widened, claimed by a lease, shown, finished; and found when lost.

Every function that takes a locked chat is called inside its transaction, with the chat row held.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import orjson
from celery import current_app
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from kombu.exceptions import OperationalError
from kombu.messaging import Producer
from redis import RedisError

from chat.models import Chat, ChatResult, Turn
from organizations.statements import row_of

log = logging.getLogger(__name__)

# Long enough for the database to be restarted under a running answer, short enough for an answer
# whose worker was killed to be there again within 20 seconds.
LEASE = timedelta(seconds=12)
RENEW_SECONDS = 3.0
DRAFT_SECONDS = 1.0
# A task that was sent and not claimed within this time is taken for lost.
PATIENCE = timedelta(seconds=10)
MAX_FAILURES = 3
# A visitor who keeps typing must not starve the answer.
MAX_WIDENED = 2
# What the dispatcher sees to: rows that are their own outbox, and the task that each is done by.
Work = type[Turn] | type[ChatResult]
TASKS: dict[Work, str] = {Turn: "chat.tasks.reply", ChatResult: "chat.tasks.make_result"}


class Lost(Exception):
    """The turn is no longer ours: widened, taken over, stopped, or claimed by another worker."""


@dataclass(frozen=True)
class Claim:
    """A worker's right to answer a turn: valid while the attempt and the token still match.

    `queued` is for the receipt: the milliseconds from the turn's date to the claim.
    """

    turn_id: int
    attempt: int
    token: uuid.UUID
    queued: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Grounds:
    """What an answer rests on, for its receipt."""

    sources: Sequence[dict[str, Any]] = ()
    facts: Sequence[dict[str, Any]] = ()
    prompt_version: str = ""
    rewritten: str = ""
    prompt_parts: Mapping[str, Any] = field(default_factory=dict)
    agent_version: int | None = None


@dataclass(frozen=True)
class NotYet:
    """The turn is due in `seconds`; ask again then."""

    seconds: float


def open_or_widen(chat: Chat, seq: int, delay: float) -> None:
    """Have the locked chat's line `seq` answered `delay` seconds from now.

    While no text of a waiting answer was shown, that turn is widened to cover the line (which
    makes a prompt already on its way stale). One that was widened often enough covers the line on
    its old date, if it still waits. Once text was shown, nothing is done: the commit of that
    answer opens the next turn for what it did not cover.
    """
    (due,) = row_of(OPEN_OR_WIDEN, values(chat, seq, delay))
    if due:
        dispatch_on_commit(due)


def values(chat: Chat, seq: int, delay: float) -> dict[str, Any]:
    """What OPENED_OR_WIDENED is given."""
    return {
        "organization_id": chat.organization_id,
        "chat_id": chat.pk,
        "from": chat.answered_seq + 1,
        "upto": seq,
        "epoch": chat.epoch,
        "delay": delay,
        "most": MAX_WIDENED,
    }


# One piece of a statement for every message of a visitor; `due` are the turns to be sent. Only who
# holds the chat opens or ends its turn, but workers claim and show it without: so it is held first,
# and looked at as it is then.
OPENED_OR_WIDENED = """
held AS MATERIALIZED (
    SELECT id, status, shown_at IS NULL AND widened < %(most)s AS is_wide_open
    FROM chat_turn
    WHERE chat_id = %(chat_id)s AND status IN ('queued', 'running')
    FOR UPDATE
), widened AS (
    UPDATE chat_turn t
    SET upto_seq = %(upto)s, widened = t.widened + 1, attempt = t.attempt + 1, status = 'queued',
        lease_token = NULL, lease_until = NULL,
        due_at = statement_timestamp() + %(delay)s * interval '1 second',
        dispatched_at = statement_timestamp()
    FROM held WHERE t.id = held.id AND held.is_wide_open
    RETURNING t.id
), covered AS (
    UPDATE chat_turn t SET upto_seq = %(upto)s
    FROM held WHERE t.id = held.id AND NOT held.is_wide_open AND held.status = 'queued'
), opened AS (
    INSERT INTO chat_turn (
        organization_id, chat_id, from_seq, upto_seq, epoch, status, attempt, failures, widened,
        due_at, dispatched_at, draft, sources, facts, prompt_version, model, timings, error,
        created_at
    )
    SELECT %(organization_id)s, %(chat_id)s, %(from)s, %(upto)s, %(epoch)s, 'queued', 0, 0, 0,
        statement_timestamp() + %(delay)s * interval '1 second', statement_timestamp(),
        '', '[]', '[]', '', '', '{}', '', statement_timestamp()
    WHERE NOT EXISTS (SELECT FROM held)
    RETURNING id
), due AS (
    SELECT id FROM widened UNION ALL SELECT id FROM opened
)
"""
OPEN_OR_WIDEN = f"WITH {OPENED_OR_WIDENED} SELECT ARRAY(SELECT id FROM due)"  # noqa: S608  (our own)


def open_anew(chat: Chat, former: Turn, seq: int) -> None:
    """Have what a former turn of the locked chat covered answered again, in place of line `seq`."""
    turn = Turn.unscoped.create(
        organization_id=chat.organization_id,
        chat=chat,
        from_seq=former.from_seq,
        upto_seq=former.upto_seq,
        epoch=chat.epoch,
        due_at=Now(),
        dispatched_at=Now(),
        replaces=seq,
    )
    dispatch_on_commit([turn.pk])


def open_turn(chat: Chat) -> Turn | None:
    """The turn that waits or runs in the locked chat, held: no worker claims or shows it now."""
    return (
        Turn.unscoped.select_for_update(of=("self",))
        .filter(chat=chat, status__in=[Turn.Status.QUEUED, Turn.Status.RUNNING])
        .first()
    )


def claim(turn_id: int) -> Claim | NotYet | None:
    """Take the turn, or say when to ask again; None when another has it or it is over.

    One conditional UPDATE decides, by the database's clock, so a doubled task finds nothing.
    """
    token = uuid.uuid4()
    taken = row_of(
        CLAIM,
        {
            "turn": turn_id,
            "token": token,
            "lease": LEASE.total_seconds(),
            "failures": MAX_FAILURES,
        },
    )
    if taken:
        attempt, queued = taken
        return Claim(turn_id, attempt, token, round(queued))
    waiting = (
        Turn.unscoped.filter(pk=turn_id, status=Turn.Status.QUEUED, failures__lt=MAX_FAILURES)
        .annotate(now=Now())
        .values_list("due_at", "now")
        .first()
    )
    if waiting:
        due, now = waiting
        return NotYet(max(0.0, (due - now).total_seconds()))
    return None


# The last attempt is not taken up again: its loss is the last failure (see `exhausted`).
CLAIM = """
UPDATE chat_turn
SET status = 'running', attempt = attempt + 1, failures = failures + (status = 'running')::int,
    lease_token = %(token)s, shown_at = NULL, draft = '',
    lease_until = statement_timestamp() + %(lease)s * interval '1 second'
WHERE id = %(turn)s AND (
    status = 'queued' AND due_at <= statement_timestamp() AND failures < %(failures)s
    OR status = 'running' AND lease_until < statement_timestamp() AND failures < %(failures)s - 1
)
RETURNING attempt, extract(epoch FROM statement_timestamp() - due_at)::float8 * 1000
"""


def mine(claim: Claim) -> Q:
    """Picks the turn while it is the claimer's."""
    # Columns of the turn only: whatever raises the chat's epoch ends its turn in the same commit.
    # A join would move all this into a subquery, which an UPDATE that had to wait for the row does
    # not look at again, and a turn stopped meanwhile would be revived.
    return Q(
        pk=claim.turn_id,
        status=Turn.Status.RUNNING,
        attempt=claim.attempt,
        lease_token=claim.token,
    )


def show(claim: Claim, grounds: Grounds | None = None) -> bool:
    """Before the first text is shown: from now on the turn is not widened. False: stop at once.

    The grounds go into the receipt with it, so that they are there for an answer cut short.
    """
    grounds = grounds or Grounds()
    shown = row_of(
        SHOW,
        {
            "turn": claim.turn_id,
            "attempt": claim.attempt,
            "token": claim.token,
            "lease": LEASE.total_seconds(),
            "sources": orjson.dumps(grounds.sources).decode(),
            "facts": orjson.dumps(grounds.facts).decode(),
            "prompt_version": grounds.prompt_version,
            "rewritten": grounds.rewritten,
            "prompt_parts": orjson.dumps(grounds.prompt_parts).decode(),
            "agent_version": grounds.agent_version,
        },
    )
    return bool(shown)


SHOW = """
UPDATE chat_turn
SET shown_at = statement_timestamp(), prompt_version = %(prompt_version)s,
    rewritten = %(rewritten)s, prompt_parts = %(prompt_parts)s::jsonb,
    agent_version_id = %(agent_version)s,
    sources = %(sources)s::jsonb, facts = %(facts)s::jsonb,
    lease_until = statement_timestamp() + %(lease)s * interval '1 second'
WHERE id = %(turn)s AND status = 'running'
  AND attempt = %(attempt)s AND lease_token = %(token)s
RETURNING id
"""


def renew(drafts: Mapping[Claim, str]) -> tuple[set[Claim], set[Claim]]:
    """Keep the leases and the texts so far of many turns in one statement; who is kept, and lost.

    A turn that somebody holds just now is neither; it is kept the next time, and holds up no other.
    """
    claims = list(drafts)
    with connection.cursor() as cursor:
        cursor.execute(
            RENEW,
            [
                [claim.turn_id for claim in claims],
                [claim.attempt for claim in claims],
                [claim.token for claim in claims],
                list(drafts.values()),
                LEASE.total_seconds(),
            ],
        )
        kept = {(row[0], row[1]) for row in cursor.fetchall()}
    rest = [claim for claim in claims if (claim.turn_id, claim.attempt) not in kept]
    lost = {claim for claim in rest if not Turn.unscoped.filter(mine(claim)).exists()}
    return set(claims) - set(rest), lost


# The rows are held before they are changed, so that each is looked at as it is then.
RENEW = """
WITH held AS (
    SELECT t.id, v.draft
    FROM unnest(%s::bigint[], %s::int[], %s::uuid[], %s::text[]) AS v (id, attempt, token, draft)
    JOIN chat_turn t ON t.id = v.id AND t.attempt = v.attempt AND t.lease_token = v.token
    WHERE t.status = 'running'
    FOR UPDATE OF t SKIP LOCKED
)
UPDATE chat_turn t
SET draft = held.draft, lease_until = statement_timestamp() + %s * interval '1 second'
FROM held WHERE t.id = held.id
RETURNING t.id, t.attempt
"""


def release(claim: Claim, error: str, delay: float) -> bool:
    """Give a failed attempt back to be tried again after `delay` seconds; counts as a failure."""
    with transaction.atomic():
        released = bool(
            Turn.unscoped.filter(mine(claim)).update(
                status=Turn.Status.QUEUED,
                failures=F("failures") + 1,
                error=error[:300],
                lease_token=None,
                lease_until=None,
                due_at=Now() + timedelta(seconds=delay),
                dispatched_at=Now(),
            )
        )
        if released:
            dispatch_on_commit([claim.turn_id])
    return released


def record(claim: Claim, **fields: Any) -> bool:
    """Write parts of the receipt (sources, model, timings…) while the turn is still mine."""
    return bool(Turn.unscoped.filter(mine(claim)).update(**fields))


def finish(turn: Turn, status: Turn.Status, **fields: Any) -> None:
    """End a turn of a locked chat."""
    Turn.unscoped.filter(pk=turn.pk).update(
        status=status,
        finished_at=Now(),
        lease_token=None,
        lease_until=None,
        **fields,
    )


def overdue(limit: int = 100, work: Work = Turn) -> list[int]:
    """Work that should be running and is not; each is marked as sent, so no one else sends it.

    This is the outbox and the sweeper in one: a send that never reached the broker, a task that
    was lost, and a worker that died all look the same, a row whose time has passed.
    """
    with transaction.atomic():
        rows = list(
            work.unscoped.select_for_update(skip_locked=True, of=("self",))
            .filter(
                Q(status=Turn.Status.QUEUED, due_at__lte=Now())
                & (Q(dispatched_at__isnull=True) | Q(dispatched_at__lt=Now() - PATIENCE))
                | Q(status=Turn.Status.RUNNING, lease_until__lt=Now())
                & (Q(dispatched_at__isnull=True) | Q(dispatched_at__lt=Now() - PATIENCE))
            )
            .order_by("due_at")
            .values_list("pk", flat=True)[:limit]
        )
        work.unscoped.filter(pk__in=rows).update(dispatched_at=Now())
    return rows


def exhausted(limit: int = 100, work: Work = Turn) -> list[int]:
    """Turns that failed too often and whose chat must be given to people; or results."""
    # A last attempt whose worker died has failed like one that said so.
    work.unscoped.filter(
        status=Turn.Status.RUNNING, lease_until__lt=Now(), failures=MAX_FAILURES - 1
    ).update(
        status=Turn.Status.QUEUED,
        failures=MAX_FAILURES,
        lease_token=None,
        lease_until=None,
    )
    return list(
        work.unscoped.filter(status=Turn.Status.QUEUED, failures__gte=MAX_FAILURES).values_list(
            "pk", flat=True
        )[:limit]
    )


def dispatch_on_commit(ids: Sequence[int], work: Work = Turn) -> None:
    """Tell the workers after the commit; when the broker is down the dispatcher does it later.

    The commit itself marks the turns as sent, which saves a second one: a process that dies in
    between leaves a task that looks lost, and is sent again like one.
    """
    transaction.on_commit(lambda: dispatch(ids, work))


def dispatch(ids: Sequence[int], work: Work = Turn) -> None:
    """Send turns that are marked as sent to the workers; the mark goes when they cannot be."""
    try:
        with current_app.producer_pool.acquire(block=True) as producer:
            for row_id in ids:
                _send(producer, TASKS[work], row_id)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("%ss %s were not sent: %s", work.__name__, list(ids), type(error).__name__)
        work.unscoped.filter(pk__in=ids).update(dispatched_at=None)


def _send(producer: Producer, task: str, row_id: int) -> None:
    """Send a task as Celery's message protocol has it, at half the cost of `send_task`."""
    task_id = str(uuid.uuid4())
    producer.publish(
        ([row_id], {}, {}),
        routing_key="reply",
        serializer="json",
        headers={"lang": "py", "task": task, "id": task_id, "root_id": task_id},
        correlation_id=task_id,
        retry=False,
    )
