"""Runs of test sets and replays: begun and cancelled by an owner, asked case by case by a worker.

A result is held by a lease while it is asked, so a killed worker's case is asked again and every
case is recorded once. A task asks for some seconds and sends the next one, so that an import or
another organization's run waits no longer than that.
"""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now

import ai
from chat.database import in_database
from chat.models import TestCase, TestResult, TestRun, TestSet
from chat.trials import judging, receipts, rehearsal
from chat.trials.candidates import Candidate
from chat.trials.receipts import Receipt
from knowledge import entries
from organizations import agents, definitions
from organizations.models import Agent, Member

log = logging.getLogger(__name__)

TASK = "chat.tasks.run_tests"
LEASE = timedelta(seconds=15)
RENEW_SECONDS = 4.0
# How long one task asks before it lets others have the worker.
SLICE_SECONDS = 5.0
# A run that nobody has touched for longer was lost.
PATIENCE = timedelta(seconds=20)
MOST_CASES = 500
Status = TestRun.Status


def begin(
    test_set: TestSet, candidate: Candidate, *, with_base: bool, by: Member | None = None
) -> TestRun:
    """Have a set asked of an agent; `with_base`: of what is published, too, to be compared."""
    cases = TestCase.objects.of(test_set.organization).filter(test_set=test_set)
    results = [
        TestResult(
            case=case,
            turn_id=case.turn_id,
            question=case.question,
            language=case.language,
            history=case.history,
            expected=judging.expectations(case),
        )
        for case in cases.order_by("pk")[:MOST_CASES]
    ]
    base = agents.published(candidate.agent) if with_base else None
    return enqueue(
        TestRun(
            organization=test_set.organization,
            kind=TestRun.Kind.TEST,
            test_set=test_set,
            agent=candidate.agent,
            settings=candidate.settings,
            # What is the same needs no comparison.
            base=None if base == candidate.settings else base,
            is_draft=candidate.is_draft,
            author=by,
        ),
        results,
    )


def enqueue(run: TestRun, results: Sequence[TestResult]) -> TestRun:
    """Store a run with its questions and tell the worker."""
    with transaction.atomic():
        run.total = len(results)
        run.tools = definitions.noted(run.organization, run.settings.get("tools", []))
        run.touched_at = Now()
        run.save()
        for number, result in enumerate(results, start=1):
            result.organization, result.run, result.number = run.organization, run, number
        TestResult.unscoped.bulk_create(results)
        transaction.on_commit(lambda: send(run.pk))
    run.refresh_from_db()
    return run


def send(run_id: int) -> None:
    """Tell the worker of a run; when the broker is down `resume` does it later."""
    entries.tell(TASK, run_id)


def cancel(run: TestRun) -> bool:
    """Ask no further question. False when it is over already."""
    return bool(
        TestRun.objects.of(run.organization)
        .filter(pk=run.pk, status=Status.RUNNING)
        .update(status=Status.CANCELLED, finished_at=Now())
    )


def resume() -> int:
    """Send again the runs that nobody has worked on for a while; how many."""
    with transaction.atomic():
        lost = list(
            TestRun.unscoped.select_for_update(skip_locked=True, of=("self",))
            .filter(status=Status.RUNNING, touched_at__lt=Now() - PATIENCE)
            .values_list("pk", flat=True)
        )
        TestRun.unscoped.filter(pk__in=lost).update(touched_at=Now())
    for run_id in lost:
        send(run_id)
    return len(lost)


# --- the worker -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """A question that is asked now, and the right to write what came of it."""

    result: TestResult
    run: TestRun
    token: uuid.UUID


def work(run_id: int) -> None:
    """Ask the next questions of a run for some seconds; another task asks the rest."""
    if asyncio.run(_work(run_id)):
        send(run_id)


async def _work(run_id: int) -> bool:
    """True when there is more to ask, and nobody else is at it."""
    deadline = time.monotonic() + SLICE_SECONDS
    try:
        while held := await in_database(_take, run_id):
            await _ask(held)
            if time.monotonic() > deadline:
                return True
    finally:
        await ai.close()
    return False


def _take(run_id: int) -> Held | None:
    """Hold the next question that nobody holds; None when there is none, or the run is over."""
    token = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(TAKE, {"run": run_id, "token": token, "lease": LEASE.total_seconds()})
        row = cursor.fetchone()
    if row is None:
        _finish(run_id)
        return None
    result = TestResult.unscoped.select_related("run__agent__organization").get(pk=row[0])
    return Held(result, result.run, token)


TAKE = """
WITH touched AS (
    UPDATE chat_testrun SET touched_at = statement_timestamp()
    WHERE id = %(run)s AND status = 'running' RETURNING id
)
UPDATE chat_testresult
SET lease_token = %(token)s, lease_until = statement_timestamp() + %(lease)s * interval '1 second'
WHERE id = (
    SELECT r.id FROM chat_testresult r JOIN touched ON touched.id = r.run_id
    WHERE r.finished_at IS NULL
      AND (r.lease_until IS NULL OR r.lease_until < statement_timestamp())
    ORDER BY r.number LIMIT 1 FOR UPDATE OF r SKIP LOCKED
)
RETURNING id
"""


def _finish(run_id: int) -> None:
    """End a run all of whose questions were asked."""
    TestRun.unscoped.filter(pk=run_id, status=Status.RUNNING).exclude(
        results__finished_at__isnull=True
    ).update(status=Status.DONE, finished_at=Now())


async def _ask(held: Held) -> None:
    """Ask one question, of the base too where there is one, and write down what came of it."""
    renewing = asyncio.ensure_future(_keep(held))
    try:
        receipt = await rehearsal.whole(_asked(held, held.run.settings))
        base = None
        if held.run.base is not None:
            base = await rehearsal.whole(_asked(held, held.run.base))
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)
    for one in (receipt, base):
        if one is not None and one.outcome == receipts.LIMIT:
            await in_database(_stop, held, one.error)
            return
    if not await in_database(_write, held, receipt, base):
        log.info("result %s was asked by another worker, too", held.result.pk)


def _stop(held: Held, error: str) -> None:
    """A limit is used up: what was not asked yet has not failed, it is not asked at all."""
    TestResult.unscoped.filter(pk=held.result.pk, lease_token=held.token).update(
        lease_token=None, lease_until=None
    )
    TestRun.unscoped.filter(pk=held.run.pk, status=Status.RUNNING).update(
        status=Status.LIMIT, error=error, finished_at=Now()
    )


async def _keep(held: Held) -> None:
    while True:
        await asyncio.sleep(RENEW_SECONDS)
        await in_database(_renew, held)


def _renew(held: Held) -> None:
    TestResult.unscoped.filter(pk=held.result.pk, lease_token=held.token).update(
        lease_until=Now() + LEASE
    )
    TestRun.unscoped.filter(pk=held.run.pk).update(touched_at=Now())


def _asked(held: Held, settings: agents.Settings) -> rehearsal.Asked:
    result, agent = held.result, held.run.agent
    page: dict[str, Any] = result.page
    return rehearsal.Asked(
        agent=agents.with_settings(agent, settings),
        question=result.question,
        language=result.language,
        history=tuple(rehearsal.Said(**line) for line in result.history),
        page_url=page.get("url", ""),
        page_title=page.get("title", ""),
        page_context=page.get("context", {}),
    )


@transaction.atomic
def _write(held: Held, receipt: Receipt, base: Receipt | None) -> bool:
    """Keep what came of a question, once; False when somebody else has it."""
    found = judging.problems(held.result.expected, receipt) if held.result.expected else []
    passed = not found if held.result.expected else None
    fields: dict[str, Any] = {
        "receipt": receipt.stored(),
        "passed": passed,
        "problems": found,
        "finished_at": Now(),
        "lease_token": None,
        "lease_until": None,
    }
    if base is not None:
        fields["base_receipt"] = base.stored()
        if held.result.expected:
            fields["base_passed"] = not judging.problems(held.result.expected, base)
    written = TestResult.unscoped.filter(
        Q(pk=held.result.pk, lease_token=held.token, finished_at=None)
    ).update(**fields)
    if written:
        TestRun.unscoped.filter(pk=held.run.pk).update(
            done=F("done") + 1, passed=F("passed") + int(passed or False), touched_at=Now()
        )
    return bool(written)


def share(run: TestRun) -> float | None:
    """The percentage of passed cases of a run that is done; None before, and of a replay."""
    if run.status != Status.DONE or run.kind != TestRun.Kind.TEST or not run.total:
        return None
    return 100 * run.passed / run.total


def of_agent(agent: Agent, test_set: TestSet) -> TestRun | None:
    """The last run of a set that an agent has come through to the end."""
    return (
        TestRun.objects.of(agent.organization)
        .filter(agent=agent, test_set=test_set, status=Status.DONE)
        .order_by("-pk")
        .first()
    )
