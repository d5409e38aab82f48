"""The chat's Celery tasks: answers, on one event loop for the whole worker, and housekeeping."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import threading
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import uvloop
from celery import shared_task
from celery.signals import celeryd_after_setup, worker_shutdown
from django.conf import settings
from django.db.models.functions import Now

import ai
from ai.interface import AIError, Call, Usage
from chat import approvals, assistant, conversation, finishing, handoffs, lessons
from chat.accounting import accounts, bills, ledger
from chat.accounting.accounts import Purpose
from chat.answering import memory, summaries
from chat.delivery.deltas import DeltaPipe
from chat.models import Mode, Session
from chat.trials import runs
from knowledge import gaps, spending
from knowledge.graph import asking, reading
from organizations import calling, providers
from organizations.models import Organization

log = logging.getLogger(__name__)

HANG_UP_SECONDS = 2.0
# What waits to be indexed goes before graphs.
GRAPH_SECONDS = 15.0


@functools.cache
def _loop() -> asyncio.AbstractEventLoop:
    """The worker's loop, in a thread of its own: many streams at once, one client, one pipe."""
    # What was imported stays. Looked through again and again, it held up hundreds of answers.
    gc.freeze()
    loop = uvloop.new_event_loop()
    threading.Thread(target=loop.run_forever, name="answers", daemon=True).start()
    return loop


@functools.cache
def _pipe() -> DeltaPipe:
    async def make() -> DeltaPipe:
        return DeltaPipe()

    return asyncio.run_coroutine_threadsafe(make(), _loop()).result()


@shared_task(name="chat.tasks.reply")
def reply(turn_id: int) -> None:
    """Answer a turn. The thread waits, so that acks, limits and shutdown stay true."""
    asyncio.run_coroutine_threadsafe(assistant.answer(turn_id, _pipe()), _loop()).result()


@shared_task(name=handoffs.TASK)
def summarize(handoff_id: int) -> bool:
    """See `handoffs.write`."""
    return asyncio.run_coroutine_threadsafe(handoffs.write(handoff_id), _loop()).result()


@shared_task(name=approvals.TASK)
def call_tool(call_id: int) -> None:
    """Make a call that an operator has approved; see `approvals.run`."""
    asyncio.run_coroutine_threadsafe(approvals.run(call_id), _loop()).result()


@shared_task(name="chat.tasks.make_result")
def make_result(result_id: int) -> None:
    """Turn a dialogue into its result, on the same loop as the answers."""
    asyncio.run_coroutine_threadsafe(finishing.make(result_id), _loop()).result()


@celeryd_after_setup.connect
def warm_up(sender: str, instance: Any, **kwargs: Any) -> None:
    """Import the SDK and build the client before the first visitor waits for it."""
    if "reply" in instance.app.amqp.queues.consume_from:
        _pipe()
        asyncio.run_coroutine_threadsafe(ai.warm_up(providers.are_there()), _loop()).result()
        calling.warm_up()


@worker_shutdown.connect
def hang_up(**kwargs: Any) -> None:
    """Close the connections to the models; the answers that were under way have ended."""
    if _loop.cache_info().currsize:
        asyncio.run_coroutine_threadsafe(ai.close(), _loop()).result(HANG_UP_SECONDS)


@shared_task(name="chat.tasks.end_idle_sessions")
def end_idle_sessions() -> int:
    """End the sessions nobody has touched for long; how many."""
    idle = Session.unscoped.filter(
        is_active=True, updated_at__lt=Now() - timedelta(hours=settings.SESSION_IDLE_HOURS)
    ).exclude(chats__mode__in=[Mode.WAITING, Mode.OPERATOR])
    sessions = list(idle[:500])
    for session in sessions:
        conversation.end_session(session)
    return len(sessions)


@shared_task(name=summaries.TASK)
def summarise(chat_id: str, forgotten: int = 0) -> int:
    """See `summaries.summarise`. The background queue's, as it waits for a model."""
    return summaries.summarise(UUID(chat_id), forgotten)


@shared_task(name="chat.tasks.remember")
def remember() -> int:
    """See `memory.learn`; and what was kept long enough goes. The background queue's, too."""
    memory.expire()
    return memory.learn()


@shared_task(name="chat.tasks.run_tests")
def run_tests(run_id: int) -> None:
    """See `runs.work`; of the background queue, where no visitor waits."""
    runs.work(run_id)


@shared_task(name="chat.tasks.resume_tests")
def resume_tests() -> int:
    """See `runs.resume`."""
    return runs.resume()


@shared_task(name="chat.tasks.learn")
def learn() -> int:
    """See `lessons.learn`; until nothing is left. The background queue's: nobody waits for it."""
    total = 0
    while count := lessons.learn():
        total += count
    return total


@shared_task(name="chat.tasks.gather_gaps")
def gather_gaps() -> int:
    """Gather the questions that were asked in vain, and draft answers; how many were placed.

    Here and not in `knowledge`, as what drafts cost is booked here. The background queue's.
    """
    count = 0
    for organization in gaps.waiting_organizations():
        try:
            count += gaps.gather(organization)
            gaps.draft(organization, _paid(organization, Purpose.DRAFT))
        except AIError as error:
            # The questions wait for the next run; another organization's are as well off.
            log.warning("organization %s: nothing gathered: %s", organization.pk, error.code)
    return count


@shared_task(name="chat.tasks.read_graphs")
def read_graphs() -> int:
    """Read passages that are new in the knowledge graph, for a short while; how many.

    Here as `gather_gaps` is. The background queue's.
    """
    until = time.monotonic() + GRAPH_SECONDS
    count = 0
    for organization in reading.waiting():
        left = until - time.monotonic()
        if left <= 0:
            break
        count += reading.read(organization, left, _paid(organization, Purpose.GRAPH))
    return count


def _paid(organization: Organization, purpose: str) -> asking.Ask:
    """Models are asked within the organization's limits, and booked."""
    return functools.partial(bills.whole, accounts.account_of(organization), purpose)


@shared_task(name=spending.TASK)
def book(organization_id: int, calls: list[dict[str, Any]]) -> None:
    """Book what was embedded for the knowledge. The background queue's."""
    organization = Organization.objects.filter(pk=organization_id).first()
    if organization is not None:
        told = [
            Call(**{**one, "usage": Usage(**one["usage"]), "key": UUID(one["key"])})
            for one in calls
        ]
        account = accounts.account_of(organization)
        ledger.book(account, [(Purpose.INDEXING, call) for call in told])
