"""What the assistant can do: answer a turn. Called by the `reply` task, on the worker's one loop.

Synchronous work with rows runs in database threads; in between is one coroutine that carries the
model's words to the sockets and never touches a row.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import asdict, dataclass, field, replace
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from django.db import InterfaceError, OperationalError
from django.db.models.functions import Coalesce

from ai.interface import AIError, ChatModel, ChatRequest
from ai.metering import listen, milliseconds
from ai.texts import storable
from chat import conversation, turns
from chat.accounting import accounts, bills
from chat.answering import followups, memory, provided, summaries
from chat.answering.planning import prepare
from chat.answering.plans import HandOver, Plan, Unclear
from chat.citations import Checker
from chat.database import in_database
from chat.delivery import events
from chat.delivery.deltas import DeltaPipe
from chat.protocol import AIDelta, AITyping
from chat.turns import Lost

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

# How long an answer waits, at each of its steps, for a database that is away.
COMMIT_SECONDS = 60
RETRY_SECONDS = 1.0


@dataclass
class Speech:
    """What was said so far in one attempt."""

    text: str = ""
    model: str = ""
    first_text_at: float | None = None
    # None: the owner's own words are said, which cite nothing.
    checker: Checker | None = None
    started_at: float = field(default_factory=time.monotonic)


async def answer(turn_id: int, pipe: DeltaPipe) -> None:
    """Claim the turn and answer it, or find that there is nothing to do.

    Whatever goes wrong ends in a row: another attempt, or after too many the apology.
    """
    try:
        claim = await _claim(turn_id)
    except (OperationalError, InterfaceError) as error:
        log.warning("turn %s: no database to claim it from: %s", turn_id, type(error).__name__)
        return
    if claim is None:
        return
    bill = bills.Bill()
    try:
        try:
            await _work(claim, bill, pipe)
        finally:
            # Whatever has become of the attempt, what it has asked for is to be paid.
            if bill.is_open:
                await _patiently(bill.settle)
    except Lost:
        log.info("turn %s: attempt %s is void", turn_id, claim.attempt)
    except AIError as error:
        log.warning("turn %s: the model failed: %s", turn_id, error.code)
        await _patiently(_fail, claim, error.code, error.retryable, error.retry_after)
    except (OperationalError, InterfaceError) as error:
        # The lease runs out and the sweeper sends the turn again.
        log.warning("turn %s: no database: %s", turn_id, type(error).__name__)
    except Exception as error:
        log.exception("turn %s failed", turn_id)
        await _patiently(_fail, claim, type(error).__name__, True, None)


async def _work(claim: turns.Claim, bill: bills.Bill, pipe: DeltaPipe) -> None:
    plan, given = await _patiently(prepare, claim, None, None, bill), None
    if isinstance(plan, provided.Wanted):
        given = await provided.ask(plan)
        plan = await _patiently(prepare, claim, None, given, bill)
    if isinstance(plan, Unclear):
        asked = bill.of(accounts.Purpose.REWRITE)
        whole = await followups.rewritten(plan.model, plan.follow_up, asked)
        plan = await _patiently(prepare, claim, whole, given, bill)
    if isinstance(plan, HandOver):
        if plan.error:
            await _patiently(turns.record, claim, error=plan.error)
        await _patiently(conversation.hand_over, claim, plan.reason)
    elif isinstance(plan, Plan):
        await _attempt(claim, plan, bill, pipe)


async def _claim(turn_id: int) -> turns.Claim | None:
    while True:
        claim = await _patiently(turns.claim, turn_id)
        if not isinstance(claim, turns.NotYet):
            return claim
        # The pause in which a burst of messages becomes one turn.
        await asyncio.sleep(min(claim.seconds, 10.0) + 0.001)


async def _attempt(claim: turns.Claim, plan: Plan, bill: bills.Bill, pipe: DeltaPipe) -> None:
    """Speak, and save what was said. A model that fails before its first word is stood in for."""
    speech = Speech(checker=plan.checker())
    typing = AITyping(chat_id=plan.chat_id, turn=claim.turn_id)
    pipe.put(events.packed(typing, plan.chat_id))
    try:
        await _speak(claim, plan, plan.model, plan.request, speech, pipe)
    except AIError as error:
        if speech.text:
            raise
        await _patiently(turns.record, claim, error=error.code, **asdict(plan.grounds))
        if plan.stand_in is None:
            raise
        log.warning("turn %s: knowledge alone stands in: %s", claim.turn_id, error.code)
        model, request = plan.stand_in
        # The owner's own words: they need neither a guard nor numbers.
        speech.checker = None
        await _speak(claim, replace(plan, guard=None), model, request, speech, pipe)
    if not speech.text.strip():
        raise AIError("The model said nothing.", code="ai_empty", retryable=True)
    saved = await _patiently(_save, claim, plan, bill, speech)
    if not saved:
        raise Lost
    await _patiently(_remember, plan)


async def _speak(
    claim: turns.Claim,
    plan: Plan,
    model: ChatModel,
    request: ChatRequest,
    speech: Speech,
    pipe: DeltaPipe,
) -> None:
    """Carry one model's words to the sockets while the lease is kept."""
    speaking = asyncio.ensure_future(_carry(claim, plan, model, request, speech, pipe))
    lost = _keeper().keep(claim, speech)
    try:
        await asyncio.wait({speaking, lost}, return_when=asyncio.FIRST_COMPLETED)
        if lost.done():
            raise Lost
        await speaking
    finally:
        _keeper().leave(claim)
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)


async def _carry(
    claim: turns.Claim,
    plan: Plan,
    model: ChatModel,
    request: ChatRequest,
    speech: Speech,
    pipe: DeltaPipe,
) -> None:
    first = AIDelta(
        chat_id=plan.chat_id,
        turn=claim.turn_id,
        attempt=claim.attempt,
        epoch=plan.epoch,
        offset=0,
        text="",
    )
    pieces = events.Pieces(first)
    async with aclosing(spoken(claim, plan, model, request, speech)) as texts:
        async for text in texts:
            if not text:
                continue
            if speech.first_text_at is None:
                # From here on the turn is not widened; a turn widened before now is void.
                if not await _patiently(turns.show, claim, plan.grounds):
                    raise Lost
                speech.first_text_at = time.monotonic()
            pipe.put(pieces.packed(len(speech.text), text))
            speech.text += text


async def spoken(
    claim: turns.Claim, plan: Plan, model: ChatModel, request: ChatRequest, speech: Speech
) -> AsyncGenerator[str, None]:
    """The decided pieces of an answer, some of them empty: guarded, and with sources checked."""
    speech.model = model.name
    checker, box, has_spoken = speech.checker, plan.toolbox, False
    stream = box.stream(claim, model, request) if box and request.tools else listen(model, request)
    async with aclosing(stream) as deltas:
        async for delta in deltas:
            speech.model = delta.model or speech.model
            text = storable(delta.text)
            has_spoken = has_spoken or bool(text.strip())
            if plan.guard:
                if box:
                    plan.guard.allow(*box.answers)
                text = plan.guard.feed(text)
            if checker and box and box.has_helped:
                # What a tool has said is a ground that has no number.
                yield checker.excuse()
            yield checker.feed(text) if checker else text
    rest = plan.guard.finish() if plan.guard else ""
    if checker:
        rest = checker.feed(rest) + checker.flush()
    yield rest
    if has_spoken and not speech.text.strip():
        # Of what the model has said nothing may be shown.
        yield request.fallback


class _Keeper:
    """Renews the leases and saves the drafts of all answers of one loop, in one statement."""

    def __init__(self) -> None:
        self._kept: dict[turns.Claim, _Kept] = {}
        self._task: asyncio.Task[None] | None = None

    def keep(self, claim: turns.Claim, speech: Speech) -> asyncio.Future[None]:
        """Keep a turn from now on; the future is done when it is not ours any more."""
        kept = _Kept(speech, asyncio.get_running_loop().create_future())
        self._kept[claim] = kept
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._work())
        return kept.lost

    def leave(self, claim: turns.Claim) -> None:
        """Keep it no more."""
        self._kept.pop(claim, None)

    async def _work(self) -> None:
        while self._kept:
            await asyncio.sleep(turns.DRAFT_SECONDS)
            now = time.monotonic()
            due = {
                claim: kept.speech.text
                for claim, kept in self._kept.items()
                if kept.speech.text != kept.saved or now - kept.renewed >= turns.RENEW_SECONDS
            }
            try:
                saved, lost = await in_database(turns.renew, due) if due else (set(), set())
            except (OperationalError, InterfaceError) as error:
                # The leases may still outlive a short restart of the database.
                log.warning("%d drafts were not saved: %s", len(due), type(error).__name__)
                continue
            except Exception:
                # Without their keeper all answers of this process would be lost.
                log.exception("%d drafts were not saved", len(due))
                continue
            for claim in saved & self._kept.keys():
                self._kept[claim].saved, self._kept[claim].renewed = due[claim], now
            for claim in lost & self._kept.keys():
                self._kept.pop(claim).lost.set_result(None)


@dataclass
class _Kept:
    """A turn whose lease is renewed, and what was saved of it."""

    speech: Speech
    lost: asyncio.Future[None]
    saved: str = ""
    renewed: float = field(default_factory=time.monotonic)


_keepers: WeakKeyDictionary[asyncio.AbstractEventLoop, _Keeper] = WeakKeyDictionary()


def _keeper() -> _Keeper:
    return _keepers.setdefault(asyncio.get_running_loop(), _Keeper())


def _save(claim: turns.Claim, plan: Plan, bill: bills.Bill, speech: Speech) -> bool:
    """Write the receipt and the answer; False when the turn is no longer ours."""
    bill.settle()
    now = time.monotonic()
    timings = plan.timings | {
        "first_text": milliseconds(speech.started_at, speech.first_text_at or now),
        "total": milliseconds(speech.started_at, now),
    }
    outcome = plan.outcome(speech.text, speech.checker)
    receipt: dict[str, Any] = {
        "model": speech.model[:120],
        # What the bill has not counted took nothing.
        "prompt_tokens": Coalesce("prompt_tokens", 0),
        "completion_tokens": Coalesce("completion_tokens", 0),
        "timings": timings,
        "flags": outcome.flags,
    }
    if plan.limit:
        receipt["error"] = f"limit_{plan.limit}"
    if not turns.record(claim, **receipt):
        return False
    message = conversation.answer(
        claim,
        speech.text,
        asks=bool(plan.toolbox and plan.toolbox.has_proposed),
        sources=outcome.sources,
        offers_support=outcome.offers_support and not (plan.toolbox and plan.toolbox.has_helped),
        event=plan.event,
    )
    return message is not None


def _remember(plan: Plan) -> None:
    """What is to be done when an answer is there, and may be late or lost."""
    forgotten = plan.prompt.forgotten if plan.prompt else 0
    if forgotten or plan.is_long:
        summaries.ask_for(plan.chat_id, forgotten)
    if plan.remembered:
        memory.mark_used(plan.remembered)


def _fail(claim: turns.Claim, code: str, retryable: bool, retry_after: float | None) -> None:
    """Try again later, or, where that is no use or was done enough, apologise."""
    if not retryable:
        turns.record(claim, failures=turns.MAX_FAILURES - 1)
    released = turns.release(claim, code, delay=min(retry_after or RETRY_SECONDS, 10.0))
    if released and claim.turn_id in turns.exhausted():
        conversation.give_up(claim.turn_id)


async def _patiently(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Work with rows, through a short absence of the database.

    All such work is fenced by the claim, so doing it twice is refused, not doubled.
    """
    deadline = time.monotonic() + COMMIT_SECONDS
    while True:
        try:
            return await in_database(work, *args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() > deadline:
                raise
            log.warning("no database, trying again: %s", type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)
