"""Plans for turns in which nobody has asked anything: a chat's first words, and news of calls."""

from __future__ import annotations

from dataclasses import replace

from ai.interface import ChatRequest
from chat import calls, context, turns
from chat.accounting import accounts, bills
from chat.answering import material, openings, tools
from chat.answering.brief import Brief
from chat.answering.plans import Plan
from chat.answering.speakers import Speakers
from chat.models import Message
from organizations.models import ChatType


def report(known: Brief, bill: bills.Bill) -> Plan:
    """Tell what became of what people had to confirm."""
    agent, speakers = known.agent, Speakers.of(known)
    news = [call for call in known.calls if (call.told_seq or 0) >= known.turn.from_seq]
    alone_request = ChatRequest(messages=(), fallback="\n".join(map(calls.sentence, news)))
    request = replace(
        alone_request,
        messages=material.prompt(known, [], [], None).messages,
        temperature=agent.temperature,
        max_tokens=agent.max_tokens,
        top_p=agent.top_p,
        calls=bill.of(accounts.Purpose.ANSWER),
    )
    request = tools.reporting(tools.with_earlier(request, known.calls))
    limit = bill.reserve(speakers.models, request.messages, request.max_tokens)
    return Plan(
        chat_id=known.turn.chat.chat_id,
        epoch=known.turn.epoch,
        model=speakers.alone if limit else speakers.model,
        request=alone_request if limit else request,
        stand_in=(speakers.alone, alone_request),
        shown_sources=[],
        offers_support=False,
        grounds=turns.Grounds(
            prompt_version=material.version(None), agent_version=agent.version_id
        ),
        timings={"search": 0},
        account=known.account,
        limit=limit,
        guard=material.guard(known, [], []),
    )


def opening(known: Brief, kind: ChatType, bill: bills.Bill) -> Plan:
    """The first words of a chat, before anybody has asked anything; the owner's own stand in."""
    chat, speakers = known.turn.chat, Speakers.of(known)
    page = context.page_fact(chat)
    request = openings.request(known, kind, page)
    alone_request = ChatRequest(messages=(), fallback=request.fallback)
    says_alone, limit = not speakers.has_model, ""
    if not says_alone:
        limit = bill.reserve(speakers.models, request.messages, request.max_tokens)
        request = replace(request, calls=bill.of(accounts.Purpose.ANSWER))
    says_alone = says_alone or bool(limit)
    return Plan(
        chat_id=chat.chat_id,
        epoch=known.turn.epoch,
        model=speakers.alone if says_alone else speakers.model,
        request=alone_request if says_alone else request,
        stand_in=None if says_alone else (speakers.alone, alone_request),
        shown_sources=[],
        offers_support=False,
        grounds=turns.Grounds(
            facts=[page.stored()] if page else [],
            prompt_version=openings.VERSION,
            agent_version=known.agent.version_id,
        ),
        timings={"search": 0},
        account=known.account,
        limit=limit,
        guard=None if says_alone else material.guard(known, [page] if page else [], []),
        event=Message.Event.OPENING,
    )
