"""Before an answer: what is asked, what is known about it, and which model is to say it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import translation
from django.utils.translation import gettext as _

import ai
from ai.fallback import FallbackModel
from ai.interface import Call, ChatModel, ChatRequest, Choice, SourceText, Usage
from ai.metering import listening
from chat import calls, citations, context, handoffs, intents, turns
from chat.accounting import accounts, ledger
from chat.answering import (
    brief,
    followups,
    grounds,
    material,
    openings,
    output,
    prompts,
    provided,
    summaries,
    tools,
)
from chat.context import Fact
from chat.models import Handoff, Message, Turn
from knowledge import retrieval
from knowledge.graph import neighbours
from organizations import health, providers
from organizations.models import Agent, ChatType, Widget

# The limit that is of answers and not of what they take, on receipts.
ANSWERS = "answers"


@dataclass(frozen=True)
class HandOver:
    """Do not answer: give the chat to people, for this reason."""

    reason: Handoff.Reason
    # For the receipt, where there is more to say than the reason.
    error: str = ""


@dataclass(frozen=True)
class Outcome:
    """What an answer came to: its sources as the message keeps them, and its flags."""

    sources: list[dict[str, Any]]
    offers_support: bool
    flags: list[dict[str, Any]]


@dataclass(frozen=True)
class Plan:
    """Who says what from which grounds.

    `stand_in` speaks when the model fails before its first word. `prompt` is what a model is told,
    and None where the owner's own words are said: `shown_sources` and `offers_support` are theirs.
    `unless_cited` is said in place of a model's answer that cites nothing.
    `remembered` are the facts of the memory in the prompt; `is_long`: the dialogue is to be
    summarised. `timings` are milliseconds.
    """

    chat_id: UUID
    epoch: int
    model: ChatModel
    request: ChatRequest
    stand_in: tuple[ChatModel, ChatRequest] | None
    shown_sources: list[dict[str, Any]]
    offers_support: bool
    grounds: turns.Grounds
    timings: dict[str, int]
    account: accounts.Account
    prompt: prompts.Prompt | None = None
    unless_cited: str = ""
    remembered: tuple[int, ...] = ()
    is_long: bool = False
    # What the model's own words go through; the owner's go as they are.
    guard: output.Chain | None = None
    # What the model may call; None where it may call nothing.
    toolbox: tools.Toolbox | None = None
    # There was a reason to call a person, and nobody is there.
    calls_for_people: bool = False
    # Whose limit keeps the model from being asked, as the receipt names it.
    limit: str = ""
    # The chat's type says what to ask and to plan: that nothing was found is no failure to know.
    is_guided: bool = False
    # What the line is called, where it is no plain answer.
    event: str = ""

    def checker(self) -> citations.Checker | None:
        """What the numbers in a model's words go through; nothing for the owner's own words."""
        if self.prompt is not None:
            return citations.Checker(len(self.prompt.given), must_cite=bool(self.unless_cited))
        # Without sources there is nothing to cite; some models do so out of habit.
        return citations.Checker(0) if self.guard else None

    def outcome(self, text: str, checker: citations.Checker | None) -> Outcome:
        """What is shown beside an answer, and what an owner should know of it."""
        if checker is None or self.prompt is None:
            return Outcome(self.shown_sources, self.offers_support, [])
        cited = [(number, self.prompt.given[number - 1]) for number in checker.cited]
        return Outcome(
            [grounds.shown(source) | {"number": number} for number, source in cited],
            not (self.prompt.given or self.is_guided)
            or self.calls_for_people
            or (not cited and bool(self.unless_cited or citations.admits_ignorance(text))),
            citations.flags(text, checker),
        )

    def cost(self, usage: Usage | None) -> Decimal | None:
        """The price of an answer of the model, where one is known."""
        if usage is None:
            return None
        return self.account.cost(Call(self.model.name, self.model.provider, usage))


@dataclass(frozen=True)
class Unclear:
    """Have the model make the question whole first, then prepare with what it says."""

    model: ChatModel
    follow_up: followups.FollowUp


Prepared = Plan | HandOver | Unclear | provided.Wanted


def prepare(
    claim: turns.Claim,
    whole: str | None = None,
    given: provided.Given | None = None,
    bill: ledger.Bill | None = None,
) -> Prepared | None:
    """Read everything an answer needs. None when the turn is no longer the claimer's.

    `whole` is the question as a model has made it whole, `given` what context providers have said.
    The bill is opened for the turn, and what the model may take is held on it.
    """
    bill = bill or ledger.Bill()
    began = time.monotonic()
    known = brief.read(claim)
    if known is None or known.turn.epoch != known.turn.chat.epoch:
        return None
    bill.account = account_of(known)
    plan = planned(known, whole, given, bill)
    if isinstance(plan, Plan):
        plan.timings.update(queued=claim.queued, prepared=milliseconds(began, time.monotonic()))
    return plan


def planned(
    known: brief.Brief, whole: str | None, given: provided.Given | None, bill: ledger.Bill
) -> Prepared:
    """What follows from a brief, in the visitor's language; also from one of no stored turn."""
    with translation.override(known.turn.chat.session.language), listening() as searches:
        try:
            return _plan(known, whole, given, bill)
        finally:
            bill.of(accounts.Purpose.EMBEDDING).extend(searches)


def milliseconds(start: float, end: float) -> int:
    """What lies between two moments of the process's clock, for a receipt."""
    return round((end - start) * 1000)


def account_of(known: brief.Brief) -> accounts.Account:
    """Who pays for the turn."""
    turn = known.turn
    return accounts.Account(
        organization=turn.chat.organization,
        day=accounts.day_of(turn.created_at),
        agent=turn.chat.session.widget.agent,
        turn=turn.pk,
        attempt=turn.attempt,
        visitor=turn.chat.session.visitor_id,
        ip=known.ip,
        prices=known.prices,
        health=known.health,
    )


@dataclass(frozen=True)
class _Case:
    """A question, and what is known of it before anything is searched for."""

    known: brief.Brief
    bill: ledger.Bill
    # Why a person should answer.
    reason: Handoff.Reason | None
    page: Fact | None
    # What of the page's facts is asked for.
    asked: dict[str, str]
    # An answer that needs no knowledge.
    fixed: str
    alone: ChatModel
    model: ChatModel
    # The models that may be asked, by their providers.
    models: list[tuple[int | None, str]]

    @classmethod
    def of(cls, known: brief.Brief, bill: ledger.Bill) -> _Case:
        """Everything that one look at the brief tells."""
        chat = known.turn.chat
        agent = chat.session.widget.agent
        reason = handoffs.before_answering(known.question, known.lately, agent, known.rules)
        page = context.page_fact(chat)
        chosen = _choices(known)
        return cls(
            known=known,
            bill=bill,
            reason=reason,
            page=page,
            asked=context.asked_lines(page, known.question) if page else {},
            fixed=_fixed_answer(known, reason),
            alone=ai.knowledge_model(),
            model=_moved_on(ai.chat_model(chosen[0], chosen[1:]), known.turn),
            models=[(one.provider, one.model) for one in chosen if not one.problem],
        )

    @property
    def agent(self) -> Agent:
        """Whose settings count."""
        return self.widget.agent

    @property
    def widget(self) -> Widget:
        """Where it was asked."""
        return self.known.turn.chat.session.widget

    @property
    def has_model(self) -> bool:
        """Whether there is more than knowledge to answer by."""
        return self.model.name != self.alone.name

    @property
    def is_guided(self) -> bool:
        """Whether the chat's type tells what to talk about."""
        return bool(self.known.kind and self.known.kind.instructions.strip())


@dataclass(frozen=True)
class _Finds:
    """What was found for a case; `spoken` is what knowledge alone would say, the best first."""

    result: retrieval.Result
    rewritten: str
    facts: list[Fact]
    background: list[Fact]
    sources: list[SourceText]
    spoken: list[SourceText]
    # It leans on an answer that rested on something itself.
    goes_on: bool
    milliseconds: int


def _plan(
    known: brief.Brief, whole: str | None, given: provided.Given | None, bill: ledger.Bill
) -> Prepared:
    if not known.question and known.calls:
        return _report(known, bill)
    if not known.question and known.kind:
        return _opening(known, known.kind, bill)
    case = _Case.of(known, bill)
    if case.reason and case.widget.is_open():
        return HandOver(case.reason)
    if _is_done_for_today(known) and (people := _people_at_limit(case)):
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
    if follow_up and whole is None and case.has_model:
        rewriting = followups.asking(follow_up)
        if not bill.reserve(case.models, rewriting.messages, rewriting.max_tokens):
            return Unclear(case.model, follow_up)
    finds = _find(case, follow_up, whole, given or provided.Given())
    if _is_lost(case, finds) and case.widget.is_open():
        return HandOver(Handoff.Reason.NO_KNOWLEDGE)
    return _answer(case, finds)


def _find(
    case: _Case, follow_up: followups.FollowUp | None, whole: str | None, given: provided.Given
) -> _Finds:
    """Search for the question, and for what it is in the light of the dialogue; keep the better."""
    began = time.monotonic()
    chat, question = case.known.turn.chat, case.known.question
    organization, language = chat.organization, chat.session.language
    found = retrieval.search(organization, question, agent=case.agent, language=language)
    rewritten = ""
    if follow_up:
        understood = whole or follow_up.combined
        more = retrieval.search(organization, understood, agent=case.agent, language=language)
        if followups.better(found, more):
            found, rewritten = more, understood
    if case.has_model and not case.fixed:
        # Knowledge alone says one source; a model may join two.
        found = neighbours.with_related(organization, rewritten or question, found, case.agent)
    facts = [*context.provided(question, chat), *given.wanted]
    sources = [grounds.source_text(hit) for hit in found.sources]
    last = next((line for line in reversed(case.known.history) if line.role != "user"), None)
    return _Finds(
        result=found,
        rewritten=rewritten[:1000],
        facts=facts,
        background=given.background,
        sources=sources,
        spoken=grounds.spoken(question, found.is_sure, sources, facts, case.page, case.asked),
        goes_on=follow_up is not None
        and last is not None
        and (last.is_grounded or last.role == "operator"),
        milliseconds=milliseconds(began, time.monotonic()),
    )


def _is_lost(case: _Case, finds: _Finds) -> bool:
    """Whether nothing is known, not for the first time, and nothing may still be looked up."""
    may_find = finds.spoken or finds.background or case.known.tools
    return not (may_find or case.fixed or case.is_guided) and handoffs.knows_nothing_again(
        case.known.lately, case.agent
    )


def _is_bare(case: _Case, finds: _Finds) -> bool:
    """Whether nothing that was found tells of the question, and a model may not talk of its own."""
    return case.agent.only_from_sources and not (finds.spoken or case.is_guided or finds.goes_on)


def _says_alone(case: _Case, finds: _Finds) -> bool:
    """Whether the owner's own words are the answer, and no model is asked."""
    known = case.known
    if case.fixed or not case.has_model:
        return True
    if grounds.is_curated(finds.result, finds.facts, case.asked):
        return True
    # What the owner and the page say may tell, but then the answer has to say so.
    tells = case.page or known.settings or finds.background or known.tools or known.calls
    if _is_bare(case, finds) and not tells:
        return True
    return bool(finds.spoken) and _is_last_try(known.turn)


def _answer(case: _Case, finds: _Finds) -> Plan | HandOver:
    """Who answers, and with what; at a limit knowledge alone, or people."""
    known, agent, bill = case.known, case.agent, case.bill
    spoken, facts = finds.spoken, [*finds.facts, *finds.background]
    fallback = case.fixed or _("I do not know that. Shall I ask a person to help?")
    alone_request = ChatRequest(
        messages=(), sources=tuple([] if case.fixed else spoken[:1]), fallback=fallback
    )
    request, prompt, toolbox = alone_request, None, None
    limit = ANSWERS if case.fixed and _is_done_for_today(known) else ""
    if not _says_alone(case, finds):
        toolbox = _toolbox(case)
        prompt = material.prompt(known, finds.sources, facts, case.page, toolbox)
        request = _request(case, finds, prompt, toolbox, fallback)
        rounds, room = (tools.MAX_ROUNDS + 1, toolbox.tokens) if toolbox else (1, 0)
        limit = bill.reserve(case.models, request.messages, request.max_tokens, room, rounds)
        request = replace(request, calls=bill.of(accounts.Purpose.ANSWER))
    if limit and not case.fixed:
        if not spoken and (people := _people_at_limit(case)):
            return HandOver(people, error=f"limit_{limit}")
        request = alone_request if spoken else replace(alone_request, fallback=_beyond_limits())
        prompt = toolbox = None
    told = [*facts, case.page] if case.page else facts
    return Plan(
        chat_id=known.turn.chat.chat_id,
        epoch=known.turn.epoch,
        model=case.model if prompt else case.alone,
        request=request,
        stand_in=(case.alone, alone_request) if prompt and spoken else None,
        shown_sources=[] if case.fixed else [grounds.shown(source) for source in spoken[:1]],
        offers_support=(
            not _is_pleasantry(known.question)
            if case.fixed
            else not spoken or case.reason is not None
        ),
        grounds=grounds.receipt(
            finds.result,
            facts,
            case.page,
            prompt,
            finds.rewritten,
            material.version(toolbox),
            agent.version_id,
        ),
        timings={"search": finds.milliseconds},
        account=bill.account or account_of(known),
        limit=limit,
        prompt=prompt,
        unless_cited=fallback if _is_bare(case, finds) else "",
        remembered=tuple(known.memory) if prompt else (),
        is_long=len(known.history) > summaries.AFTER,
        guard=material.guard(known, told, finds.sources) if prompt else None,
        toolbox=toolbox,
        calls_for_people=case.reason is not None,
        is_guided=case.is_guided,
    )


def _toolbox(case: _Case) -> tools.Toolbox | None:
    known = case.known
    if not known.tools:
        return None
    toolbox = tools.Toolbox(known.turn, {one.name: one for one in known.tools}, known.calls)
    toolbox.asked = case.bill.of(accounts.Purpose.TOOLS)
    return toolbox


def _request(
    case: _Case,
    finds: _Finds,
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


def _people_at_limit(case: _Case) -> Handoff.Reason | None:
    return handoffs.at_limit(case.known.lately, case.agent, case.widget)


def _report(known: brief.Brief, bill: ledger.Bill) -> Plan:
    """Nobody has asked anything: tell what became of what people had to confirm."""
    agent, alone = known.turn.chat.session.widget.agent, ai.knowledge_model()
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
    chosen = _choices(known)
    models = [(one.provider, one.model) for one in chosen if not one.problem]
    limit = bill.reserve(models, request.messages, request.max_tokens)
    return Plan(
        chat_id=known.turn.chat.chat_id,
        epoch=known.turn.epoch,
        model=alone if limit else ai.chat_model(chosen[0], chosen[1:]),
        request=alone_request if limit else request,
        stand_in=(alone, alone_request),
        shown_sources=[],
        offers_support=False,
        grounds=turns.Grounds(
            prompt_version=material.version(None), agent_version=agent.version_id
        ),
        timings={"search": 0},
        account=bill.account or account_of(known),
        limit=limit,
        guard=material.guard(known, [], []),
    )


def _opening(known: brief.Brief, kind: ChatType, bill: ledger.Bill) -> Plan:
    """The first words of a chat, before anybody has asked anything; the owner's own stand in."""
    chat, agent = known.turn.chat, known.turn.chat.session.widget.agent
    page, alone = context.page_fact(chat), ai.knowledge_model()
    chosen = _choices(known)
    model = _moved_on(ai.chat_model(chosen[0], chosen[1:]), known.turn)
    request = openings.request(known, kind, page)
    alone_request = ChatRequest(messages=(), fallback=request.fallback)
    says_alone, limit = model.name == alone.name, ""
    if not says_alone:
        models = [(one.provider, one.model) for one in chosen if not one.problem]
        limit = bill.reserve(models, request.messages, request.max_tokens)
        request = replace(request, calls=bill.of(accounts.Purpose.ANSWER))
    says_alone = says_alone or bool(limit)
    return Plan(
        chat_id=chat.chat_id,
        epoch=known.turn.epoch,
        model=alone if says_alone else model,
        request=alone_request if says_alone else request,
        stand_in=None if says_alone else (alone, alone_request),
        shown_sources=[],
        offers_support=False,
        grounds=turns.Grounds(
            facts=[page.stored()] if page else [],
            prompt_version=openings.VERSION,
            agent_version=agent.version_id,
        ),
        timings={"search": 0},
        account=bill.account or account_of(known),
        limit=limit,
        guard=None if says_alone else material.guard(known, [page] if page else [], []),
        event=Message.Event.OPENING,
    )


def _choices(known: brief.Brief) -> list[Choice]:
    """The agent's models in order; those that keep failing are marked."""
    wanted = providers.models_of(known.turn.chat.session.widget.agent, known.providers)
    return health.usable(ai.named(*wanted), known.health)


def _moved_on(model: ChatModel, turn: Turn) -> ChatModel:
    """After a failure in mid-sentence the next model begins."""
    if isinstance(model, FallbackModel) and turn.error.startswith("ai_"):
        return model.after(turn.failures)
    return model


def _is_last_try(turn: Turn) -> bool:
    """Whether models have failed so often that what is known is better said without them."""
    return turn.failures >= turns.MAX_FAILURES - 1 and turn.error.startswith("ai_")


def _is_done_for_today(known: brief.Brief) -> bool:
    most = known.turn.chat.session.widget.agent.daily_turns_per_visitor
    return known.done_today >= most


def _beyond_limits() -> str:
    return _("That was a lot of questions for one day. A person can help you further.")


def _fixed_answer(known: brief.Brief, reason: Handoff.Reason | None) -> str:
    """An answer that needs no knowledge: a greeting, thanks, closed hours, the day's limit.

    `reason` is why a person should answer, and nobody is there.
    """
    question, session = known.question, known.turn.chat.session
    widget, language = session.widget, session.language
    if intents.wants_person(question) or reason == Handoff.Reason.SENSITIVE:
        if widget.is_open():
            # The owner wants no chat to change hands by words alone.
            return _("A person can help you: press “Talk to a person”.")
        return widget.text("offline_message", language) or _(
            "Nobody is here right now. Leave your e-mail and we will answer."
        )
    if intents.is_greeting(question):
        return widget.greeting(language) or _("Hello! What would you like to know?")
    if intents.is_thanks(question):
        return _("You are welcome! Ask me anything else.")
    if _is_done_for_today(known):
        return _beyond_limits()
    return ""


def _is_pleasantry(question: str) -> bool:
    return intents.is_greeting(question) or intents.is_thanks(question)
