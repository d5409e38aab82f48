"""A question answered as a visitor's would be, by the same plan and models, and kept nowhere."""

from __future__ import annotations

import asyncio
import secrets
import time
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from ai.interface import AIError, ChatModel, ChatRequest
from ai.metering import milliseconds
from chat import assistant, turns
from chat.accounting import bills
from chat.accounting.accounts import Purpose
from chat.answering import brief, followups, planning, provided
from chat.answering.plans import ANSWERS, HandOver, Plan, Prepared, Unclear
from chat.answering.tools import Toolbox
from chat.assistant import Speech
from chat.database import in_database
from chat.models import Chat, Message, Session, ToolCall, Turn, Visitor
from chat.trials import receipts
from chat.trials.receipts import Receipt
from organizations.models import Agent, Widget

# Longer than any provider's own limits add up to, with a fallback.
SECONDS = 120.0
# Before any experiment, so that none sends it elsewhere.
LONG_AGO = timedelta(days=36500)


@dataclass(frozen=True)
class Said:
    """A line before the question; of the assistant's, whether it rested on something."""

    role: str
    text: str
    is_grounded: bool = True
    knew_nothing: bool = False


@dataclass(frozen=True)
class Asked:
    """A question to an agent, perhaps a copy with other settings, after what was said before it."""

    agent: Agent
    question: str
    language: str
    history: tuple[Said, ...] = ()
    page_url: str = ""
    page_title: str = ""
    page_context: dict[str, Any] = field(default_factory=dict)


class Rehearsed(Toolbox):
    """Tools that are called, but for those that change something, and whose calls nobody keeps."""

    kept: list[ToolCall]

    async def begin(self, claim: turns.Claim, rows: list[ToolCall]) -> bool:
        """Remember the calls for the receipt."""
        self.kept = [*getattr(self, "kept", []), *rows]
        return True

    async def end(self, rows: list[ToolCall]) -> None:
        """They are remembered already."""


async def stream(asked: Asked) -> AsyncGenerator[str | Receipt, None]:
    """The answer's pieces as they come, and at the end its receipt; failures are in the receipt."""
    claim, known = await in_database(imagined, asked)
    # Nobody has asked, so it is nobody's but the agent's and the organization's.
    account = replace(known.account, turn=None, chat=None, visitor=None, ip="")
    bill = bills.Bill(account, purpose=Purpose.TRIAL)
    try:
        async with aclosing(_answered(claim, known, bill)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Receipt):
                    receipts.count(piece, bill)
                yield piece
    finally:
        # Also when the owner has gone, or the model has failed.
        if bill.is_open:
            await in_database(bill.settle)


async def _answered(
    claim: turns.Claim, known: brief.Brief, bill: bills.Bill
) -> AsyncGenerator[str | Receipt, None]:
    began = time.monotonic()
    plan, given = await in_database(planning.planned, known, None, None, bill), None
    if isinstance(plan, provided.Wanted):
        given = await provided.ask(plan)
        plan = await in_database(planning.planned, known, None, given, bill)
    if isinstance(plan, Unclear):
        asked_of = bill.of(Purpose.REWRITE)
        whole = await followups.rewritten(plan.model, plan.follow_up, asked_of)
        plan = await in_database(planning.planned, known, whole, given, bill)
    if limit := _limit_of(plan):
        yield Receipt(outcome=receipts.LIMIT, error=limit)
    elif isinstance(plan, HandOver):
        yield receipts.of_handover(plan)
    elif isinstance(plan, Plan):
        plan.timings["prepared"] = milliseconds(began)
        async with aclosing(_carried_out(claim, _harmless(plan))) as pieces:
            async for piece in pieces:
                yield piece


def _limit_of(plan: Prepared) -> str:
    """The limit that keeps the model from being asked; that of answers is only a visitor's."""
    limit = ""
    if isinstance(plan, Plan) and plan.limit:
        limit = f"limit_{plan.limit}"
    elif isinstance(plan, HandOver):
        limit = plan.error
    return "" if limit == f"limit_{ANSWERS}" else limit


async def whole(asked: Asked) -> Receipt:
    """The receipt with the whole answer in it."""
    try:
        async with asyncio.timeout(SECONDS), aclosing(stream(asked)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Receipt):
                    return piece
    except TimeoutError:
        return Receipt(error="ai_timeout")
    raise AssertionError("a rehearsal ends with its receipt")


def _harmless(plan: Plan) -> Plan:
    """The plan with tools whose calls are not kept."""
    box = plan.toolbox
    return (
        replace(plan, toolbox=Rehearsed(box.turn, box.tools, box.earlier, asked=box.asked))
        if box
        else plan
    )


async def _carried_out(claim: turns.Claim, plan: Plan) -> AsyncGenerator[str | Receipt, None]:
    receipt = receipts.begun(plan)
    speech = Speech(checker=plan.checker())
    try:
        async with aclosing(_spoken(claim, plan, speech, receipt)) as pieces:
            async for piece in pieces:
                yield piece
        if not speech.text.strip():
            raise AIError("The model said nothing.", code="ai_empty", retryable=True)
    except AIError as error:
        receipt.error = error.code
        receipts.end(receipt, plan, speech, has_failed=True)
    else:
        receipts.end(receipt, plan, speech, has_failed=False)
    yield receipt


async def _spoken(
    claim: turns.Claim, plan: Plan, speech: Speech, receipt: Receipt
) -> AsyncGenerator[str, None]:
    """The model's words, or those of its stand-in where it fails before the first one."""
    try:
        async with aclosing(
            _words(claim, plan, plan.model, plan.request, speech, receipt)
        ) as pieces:
            async for piece in pieces:
                yield piece
    except AIError as error:
        if speech.text or plan.stand_in is None:
            raise
        receipt.error, speech.checker = error.code, None
        model, request = plan.stand_in
        alone = replace(plan, guard=None)
        async with aclosing(_words(claim, alone, model, request, speech, receipt)) as pieces:
            async for piece in pieces:
                yield piece


async def _words(
    claim: turns.Claim,
    plan: Plan,
    model: ChatModel,
    request: ChatRequest,
    speech: Speech,
    receipt: Receipt,
) -> AsyncGenerator[str, None]:
    receipt.prompt = [{"role": one.role, "content": one.content} for one in request.messages]
    async with aclosing(assistant.spoken(claim, plan, model, request, speech)) as pieces:
        async for piece in pieces:
            if piece:
                speech.first_text_at = speech.first_text_at or time.monotonic()
                speech.text += piece
                yield piece


# --- rows that never were -----------------------------------------------------------------------


def imagined(asked: Asked) -> tuple[turns.Claim, brief.Brief]:
    """What the statement that reads every question reads of this one.

    Its rows are rolled back before anybody sees them: so whatever an answer needs is read here as
    it is for visitors, and nothing is left to be counted.
    """
    with transaction.atomic():
        claim = _rows(asked)
        known = brief.read(claim)
        transaction.set_rollback(True)
    if known is None:
        raise LookupError("the rehearsed turn was not read back")
    known.turn.chat.session.widget.agent = asked.agent
    return claim, known


def _rows(asked: Asked) -> turns.Claim:
    """A visit with the dialogue so far, and a turn that a worker has claimed."""
    own = {"organization": asked.agent.organization}
    visitor = Visitor.unscoped.create(
        **own, token_hash=secrets.token_hex(32), last_visit=timezone.now()
    )
    session = Session.unscoped.create(
        **own,
        widget=_widget(asked.agent),
        visitor=visitor,
        language=asked.language,
        page_url=asked.page_url,
        page_title=asked.page_title,
        page_context=asked.page_context,
    )
    seq = len(asked.history) + 1
    chat = Chat.unscoped.create(**own, session=session, seq=seq, answered_seq=seq - 1)
    Chat.unscoped.filter(pk=chat.pk).update(created_at=timezone.now() - LONG_AGO)
    lines = [*asked.history, Said("user", asked.question)]
    Message.unscoped.bulk_create(
        Message(
            **own,
            chat=chat,
            seq=number,
            role=line.role,
            content=line.text,
            sender=f"rehearsal:{line.role}",
            sources=[{}] if line.is_grounded and line.role == "assistant" else [],
            offers_support=line.knew_nothing,
        )
        for number, line in enumerate(lines, start=1)
    )
    token = uuid.uuid4()
    turn = Turn.unscoped.create(
        **own,
        chat=chat,
        from_seq=seq,
        upto_seq=seq,
        epoch=chat.epoch,
        status=Turn.Status.RUNNING,
        attempt=1,
        lease_token=token,
        due_at=timezone.now(),
    )
    return turns.Claim(turn.pk, 1, token)


def _widget(agent: Agent) -> Widget:
    """The first widget that shows the agent; one more where none does."""
    own = Widget.objects.of(agent.organization).filter(agent=agent.pk).order_by("-is_active", "pk")
    found: Widget | None = own.first()
    return found or Widget.unscoped.create(
        organization=agent.organization, agent_id=agent.pk, name=f"rehearsal-{secrets.token_hex(8)}"
    )
