"""From a claimed turn to a plan: who answers, from which grounds, or why nobody does."""

from __future__ import annotations

import time
from dataclasses import replace

from django.utils import translation
from django.utils.translation import gettext as _

from ai.interface import ChatRequest
from ai.metering import listening, milliseconds
from chat import handoffs, turns
from chat.accounting import accounts, bills
from chat.answering import (
    brief,
    followups,
    grounds,
    material,
    prompts,
    provided,
    set_answers,
    summaries,
    tools,
    unasked,
)
from chat.answering.cases import Case, Finds, find, is_bare, is_lost
from chat.answering.plans import ANSWERS, HandOver, Plan, Prepared, Unclear
from chat.answering.speakers import is_last_try
from chat.models import Handoff


def prepare(
    claim: turns.Claim,
    whole: str | None = None,
    given: provided.Given | None = None,
    bill: bills.Bill | None = None,
) -> Prepared | None:
    """Read everything an answer needs. None when the turn is no longer the claimer's.

    `whole` is the question as a model has made it whole, `given` what context providers have said.
    The bill is opened for the turn, and what the model may take is held on it.
    """
    bill = bill or bills.Bill()
    began = time.monotonic()
    known = brief.read(claim)
    if known is None or known.turn.epoch != known.turn.chat.epoch:
        return None
    bill.account = known.account
    plan = planned(known, whole, given, bill)
    if isinstance(plan, Plan):
        plan.timings.update(queued=claim.queued, prepared=milliseconds(began))
    return plan


def planned(
    known: brief.Brief, whole: str | None, given: provided.Given | None, bill: bills.Bill
) -> Prepared:
    """What follows from a brief, in the visitor's language; also from one of no stored turn."""
    with translation.override(known.turn.chat.session.language), listening() as searches:
        try:
            return _plan(known, whole, given, bill)
        finally:
            bill.of(accounts.Purpose.EMBEDDING).extend(searches)


def _plan(
    known: brief.Brief, whole: str | None, given: provided.Given | None, bill: bills.Bill
) -> Prepared:
    if not known.question and known.calls:
        return unasked.report(known, bill)
    if not known.question and known.kind:
        return unasked.opening(known, known.kind, bill)
    case = Case.of(known, bill)
    if case.reason and case.widget.is_open():
        return HandOver(case.reason)
    if set_answers.is_done_for_today(known) and (people := _people_at_limit(case)):
        return HandOver(people, error=f"limit_{ANSWERS}")
    if given is None and known.context_providers and not case.fixed:
        at_hand = provided.at_hand(known.context_providers, known.question, known.turn.chat)
        if isinstance(at_hand, provided.Wanted):
            return at_hand
        given = at_hand
    # What the page answers is about the page, however short it is asked.
    follow_up = None
    if not (case.asked or case.fixed):
        follow_up = followups.of(known.question, known.history)
    if follow_up and whole is None and case.speakers.has_model:
        rewriting = followups.asking(follow_up)
        if not bill.reserve(case.speakers.models, rewriting.messages, rewriting.max_tokens):
            return Unclear(case.speakers.model, follow_up)
    finds = find(case, follow_up, whole, given or provided.Given())
    if is_lost(case, finds) and case.widget.is_open():
        return HandOver(Handoff.Reason.NO_KNOWLEDGE)
    return _answer(case, finds)


def _says_alone(case: Case, finds: Finds) -> bool:
    """Whether the owner's own words are the answer, and no model is asked."""
    known = case.known
    if case.fixed or not case.speakers.has_model:
        return True
    if grounds.is_curated(finds.result, finds.facts, case.asked):
        return True
    # What the owner and the page say may tell, but then the answer has to say so.
    tells = case.page or known.settings or finds.background or known.tools or known.calls
    if is_bare(case, finds) and not tells:
        return True
    return bool(finds.spoken) and is_last_try(known.turn)


def _answer(case: Case, finds: Finds) -> Plan | HandOver:
    """Who answers, and with what; at a limit knowledge alone, or people."""
    known, bill, speakers = case.known, case.bill, case.speakers
    spoken, facts = finds.spoken, [*finds.facts, *finds.background]
    fallback = case.fixed or _("I do not know that. Shall I ask a person to help?")
    alone_request = ChatRequest(
        messages=(), sources=tuple([] if case.fixed else spoken[:1]), fallback=fallback
    )
    request, prompt, toolbox = alone_request, None, None
    limit = ANSWERS if case.fixed and set_answers.is_done_for_today(known) else ""
    if not _says_alone(case, finds):
        toolbox = _toolbox(case)
        prompt = material.prompt(known, finds.sources, facts, case.page, toolbox)
        request = _request(case, finds, prompt, toolbox, fallback)
        rounds, room = (tools.MAX_ROUNDS + 1, toolbox.tokens) if toolbox else (1, 0)
        limit = bill.reserve(speakers.models, request.messages, request.max_tokens, room, rounds)
        request = replace(request, calls=bill.of(accounts.Purpose.ANSWER))
    if limit and not case.fixed:
        if not spoken and (people := _people_at_limit(case)):
            return HandOver(people, error=f"limit_{limit}")
        request = alone_request
        if not spoken:
            request = replace(request, fallback=set_answers.beyond_limits())
        prompt = toolbox = None
    told = [*facts, case.page] if case.page else facts
    return Plan(
        chat_id=known.turn.chat.chat_id,
        epoch=known.turn.epoch,
        model=speakers.model if prompt else speakers.alone,
        request=request,
        stand_in=(speakers.alone, alone_request) if prompt and spoken else None,
        shown_sources=[] if case.fixed else [grounds.shown(source) for source in spoken[:1]],
        offers_support=_offers_support(case, finds),
        grounds=grounds.receipt(
            finds.result,
            facts,
            case.page,
            prompt,
            finds.rewritten,
            material.version(toolbox),
            case.agent.version_id,
        ),
        timings={"search": finds.milliseconds},
        account=known.account,
        limit=limit,
        prompt=prompt,
        unless_cited=fallback if is_bare(case, finds) else "",
        remembered=tuple(known.memory) if prompt else (),
        is_long=len(known.history) > summaries.AFTER,
        guard=material.guard(known, told, finds.sources) if prompt else None,
        toolbox=toolbox,
        calls_for_people=case.reason is not None,
        is_guided=case.is_guided,
    )


def _offers_support(case: Case, finds: Finds) -> bool:
    """Whether the owner's words, where they are the answer, come with the way to a person."""
    if case.fixed:
        return not set_answers.is_pleasantry(case.known.question)
    return not finds.spoken or case.reason is not None


def _toolbox(case: Case) -> tools.Toolbox | None:
    known = case.known
    if not known.tools:
        return None
    toolbox = tools.Toolbox(known.turn, {one.name: one for one in known.tools}, known.calls)
    toolbox.asked = case.bill.of(accounts.Purpose.TOOLS)
    return toolbox


def _request(
    case: Case,
    finds: Finds,
    prompt: prompts.Prompt,
    toolbox: tools.Toolbox | None,
    fallback: str,
) -> ChatRequest:
    request = ChatRequest(
        messages=prompt.messages,
        sources=tuple(finds.sources),
        fallback=fallback,
        temperature=case.agent.temperature,
        max_tokens=case.agent.max_tokens,
        top_p=case.agent.top_p,
    )
    request = tools.with_earlier(request, case.known.calls)
    return toolbox.equipped(request) if toolbox else request


def _people_at_limit(case: Case) -> Handoff.Reason | None:
    return handoffs.at_limit(case.known.lately, case.agent, case.widget)
