"""Before an answer: what is asked, what is known about it, and which model is to say it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.utils import translation
from django.utils.translation import gettext as _

import ai
from ai.fallback import FallbackModel
from ai.interface import Call, ChatModel, ChatRequest, Choice, SourceText, Usage
from ai.metering import listening
from chat import (
    accounts,
    brief,
    calls,
    citations,
    context,
    followups,
    handoffs,
    intents,
    ledger,
    openings,
    output,
    prompts,
    provided,
    summaries,
    tools,
    turns,
)
from chat.context import Fact
from chat.models import Handoff, Message, Turn
from knowledge import markdown, retrieval
from knowledge.graph import neighbours
from organizations import health, providers
from organizations.models import ChatType

# A question this short, asked on a page that knows the answer, is about that page.
SHORT_QUESTION = 5
QUOTE = 300
NOTHING_ASKED = "(The visitor has asked nothing new.)"
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
            [_shown(source) | {"number": number} for number, source in cited],
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


def _plan(
    known: brief.Brief,
    whole: str | None,
    given: provided.Given | None,
    bill: ledger.Bill | None = None,
) -> Prepared:
    bill = bill or ledger.Bill()
    if not known.question and known.calls:
        return _report(known, bill)
    if not known.question and known.kind:
        return _opening(known, known.kind, bill)
    question, chat = known.question, known.turn.chat
    session, widget = chat.session, chat.session.widget
    agent = widget.agent
    is_guided = bool(known.kind and known.kind.instructions.strip())
    reason = handoffs.before_answering(question, known.lately, agent, known.rules)
    if reason and widget.is_open():
        return HandOver(reason)
    if _is_done_for_today(known) and (people := handoffs.at_limit(known.lately, agent, widget)):
        return HandOver(people, error=f"limit_{ANSWERS}")
    page = context.page_fact(chat)
    asked = context.asked_lines(page, question) if page else {}
    fixed = _fixed_answer(known, reason)
    alone = ai.knowledge_model()
    chosen = _choices(known)
    model = _moved_on(ai.chat_model(chosen[0], chosen[1:]), known.turn)
    asked_models = [(one.provider, one.model) for one in chosen if not one.problem]
    if given is None and known.context_providers and not fixed:
        at_hand = provided.at_hand(known.context_providers, question, chat)
        if isinstance(at_hand, provided.Wanted):
            return at_hand
        given = at_hand
    given = given or provided.Given()
    # What the page answers is about the page, however short it is asked.
    follow_up = None if asked or fixed else followups.of(question, known.history)
    if follow_up and whole is None and model.name != alone.name:
        rewriting = followups.asking(follow_up)
        if not bill.reserve(asked_models, rewriting.messages, rewriting.max_tokens):
            return Unclear(model, follow_up)
    began = time.monotonic()
    found = retrieval.search(chat.organization, question, agent=agent, language=session.language)
    rewritten = ""
    if follow_up:
        understood = whole or follow_up.combined
        more = retrieval.search(
            chat.organization, understood, agent=agent, language=session.language
        )
        if followups.better(found, more):
            found, rewritten = more, understood
    if model.name != alone.name and not fixed:
        # Knowledge alone says one source; a model may join two.
        found = neighbours.with_related(chat.organization, rewritten or question, found, agent)
    facts = [*context.provided(question, chat), *given.wanted]
    searched = milliseconds(began, time.monotonic())

    sources = [source_text(hit) for hit in found.sources]
    spoken = _grounds(question, found.is_sure, sources, facts, page, asked)
    # What was not found may still be looked up.
    is_lost = not (spoken or fixed or is_guided or known.tools or given.background)
    is_lost = is_lost and handoffs.knows_nothing_again(known.lately, agent)
    if is_lost and widget.is_open():
        return HandOver(Handoff.Reason.NO_KNOWLEDGE)
    fallback = fixed or _("I do not know that. Shall I ask a person to help?")
    alone_request = ChatRequest(
        messages=(), sources=tuple([] if fixed else spoken[:1]), fallback=fallback
    )
    says_alone = bool(fixed) or model.name == alone.name or _is_curated(found, facts, asked)
    # Nothing that was found tells of the question. What the owner and the page say may, but then
    # the answer has to say so; of the dialogue before, only a follow-up tells.
    is_bare = agent.only_from_sources and not (
        spoken or is_guided or _goes_on(known, follow_up is not None)
    )
    tells = page or known.settings or given.background or known.tools or known.calls
    says_alone = says_alone or (is_bare and not tells)
    says_alone = says_alone or (bool(spoken) and _is_last_try(known.turn))
    facts = [*facts, *given.background]
    toolbox = None
    if known.tools and not says_alone:
        toolbox = tools.Toolbox(known.turn, {one.name: one for one in known.tools}, known.calls)
        toolbox.asked = bill.of(accounts.Purpose.TOOLS)
    prompt = None if says_alone else _prompt(known, sources, facts, page, toolbox)
    request = alone_request
    if prompt:
        request = ChatRequest(
            messages=prompt.messages,
            sources=tuple(sources),
            fallback=fallback,
            temperature=agent.temperature,
            max_tokens=agent.max_tokens,
            top_p=agent.top_p,
        )
        request = tools.with_earlier(request, known.calls)
    if toolbox:
        request = toolbox.equipped(request)
    limit = ANSWERS if fixed and _is_done_for_today(known) else ""
    if prompt:
        rounds = tools.MAX_ROUNDS + 1 if toolbox else 1
        room = toolbox.tokens if toolbox else 0
        limit = bill.reserve(asked_models, request.messages, request.max_tokens, room, rounds)
        request = replace(request, calls=bill.of(accounts.Purpose.ANSWER))
    if limit and not fixed:
        if not spoken and (people := handoffs.at_limit(known.lately, agent, widget)):
            return HandOver(people, error=f"limit_{limit}")
        request = alone_request if spoken else replace(alone_request, fallback=_beyond_limits())
        prompt = toolbox = None
    return Plan(
        chat_id=chat.chat_id,
        epoch=known.turn.epoch,
        model=model if prompt else alone,
        request=request,
        stand_in=(alone, alone_request) if prompt and spoken else None,
        shown_sources=[] if fixed else [_shown(source) for source in spoken[:1]],
        offers_support=(
            not spoken or reason is not None if not fixed else not _is_pleasantry(question)
        ),
        grounds=_receipt(known, found, facts, page, prompt, rewritten[:1000], toolbox),
        timings={"search": searched},
        account=bill.account or account_of(known),
        limit=limit,
        prompt=prompt,
        unless_cited=fallback if is_bare else "",
        remembered=tuple(known.memory) if prompt else (),
        is_long=len(known.history) > summaries.AFTER,
        guard=_guard(known, [*facts, page] if page else facts, sources) if prompt else None,
        toolbox=toolbox,
        calls_for_people=reason is not None,
        is_guided=is_guided,
    )


def _report(known: brief.Brief, bill: ledger.Bill) -> Plan:
    """Nobody has asked anything: tell what became of what people had to confirm."""
    agent, alone = known.turn.chat.session.widget.agent, ai.knowledge_model()
    news = [call for call in known.calls if (call.told_seq or 0) >= known.turn.from_seq]
    alone_request = ChatRequest(messages=(), fallback="\n".join(map(calls.sentence, news)))
    request = replace(
        alone_request,
        messages=_prompt(known, [], [], None).messages,
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
        grounds=turns.Grounds(prompt_version=_prompt_version(None), agent_version=agent.version_id),
        timings={"search": 0},
        account=bill.account or account_of(known),
        limit=limit,
        guard=_guard(known, [], []),
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
        guard=None if says_alone else _guard(known, [page] if page else [], []),
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


def _prompt_version(toolbox: tools.Toolbox | None) -> str:
    return f"{prompts.VERSION}+{tools.VERSION}" if toolbox else prompts.VERSION


def _goes_on(known: brief.Brief, is_follow_up: bool) -> bool:
    """Whether the question leans on an answer that rested on something itself."""
    last = next((line for line in reversed(known.history) if line.role != "user"), None)
    return is_follow_up and last is not None and (last.is_grounded or last.role == "operator")


def _prompt(
    known: brief.Brief,
    sources: list[SourceText],
    facts: list[Fact],
    page: Fact | None,
    toolbox: tools.Toolbox | None = None,
) -> prompts.Prompt:
    """What the model is told, within the agent's window."""
    chat = known.turn.chat
    session, widget = chat.session, chat.session.widget
    agent = widget.agent
    asked_from = known.turn.from_seq
    return prompts.build(
        prompts.Material(
            name=widget.text("bot_name", session.language),
            organization=chat.organization.name,
            language=session.language,
            question=known.question or NOTHING_ASKED,
            instructions=openings.instructions(agent.brief(), known.kind, session.language),
            settings=known.settings,
            memory=list(known.memory.values()),
            summary=chat.summary,
            page=_fact_source([page]) if page else None,
            facts=[_fact_source([fact]) for fact in facts],
            sources=sources,
            history=[
                line for line in known.history if line.role != "user" or line.seq < asked_from
            ],
        ),
        agent.context_window - agent.max_tokens - (toolbox.tokens if toolbox else 0),
        known.strictness,
    )


def _receipt(
    known: brief.Brief,
    found: retrieval.Result,
    facts: list[Fact],
    page: Fact | None,
    prompt: prompts.Prompt | None,
    rewritten: str,
    toolbox: tools.Toolbox | None,
) -> turns.Grounds:
    """What the answer rests on; what a model was given has its number there."""
    kept = prompt.kept if prompt else {}
    hits = [
        hit_receipt(hit) | _numbered(place, kept.get("sources", 0))
        for place, hit in enumerate(found.sources, start=1)
    ]
    told = [
        fact.stored() | _numbered(place, kept.get("facts", 0), kept.get("sources", 0))
        for place, fact in enumerate(facts, start=1)
    ]
    if page:
        before = kept.get("sources", 0) + kept.get("facts", 0)
        told.append(page.stored() | _numbered(1, kept.get("page", 0), before))
    return turns.Grounds(
        sources=hits,
        facts=told,
        prompt_version=_prompt_version(toolbox) if prompt else "",
        rewritten=rewritten,
        prompt_parts=prompt.receipt if prompt else {},
        agent_version=known.turn.chat.session.widget.agent.version_id,
    )


def _numbered(place: int, kept: int, before: int = 0) -> dict[str, int]:
    return {"number": before + place} if place <= kept else {}


def _guard(known: brief.Brief, facts: list[Fact], sources: list[SourceText]) -> output.Chain:
    """What the model's words go through before anybody sees them."""
    widget, rules = known.turn.chat.session.widget, known.rules
    given = [text for source in sources for text in (source.title, source.text, source.url)]
    given += [text for fact in facts for text in (fact.text(), fact.url)]
    given += [value for _key, value in known.settings]
    given.append(widget.agent.instructions)
    hosts = markdown.hosts_of(widget) | {urlsplit(site).hostname or "" for site in rules.sites}
    recited = output.recitals(prompts.RULES, output.RULES_IN_A_ROW)
    recited += output.recitals(widget.agent.instructions, output.INSTRUCTIONS_IN_A_ROW)
    if known.kind:
        given.append(known.kind.instructions)
        recited += output.recitals(known.kind.instructions, output.INSTRUCTIONS_IN_A_ROW)
    words = output.Words(rules.blocked + rules.hidden if rules.is_on else (), recited)
    return output.Chain(output.Addresses(output.Allowed.by(given, hosts)), words)


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


def _is_curated(found: retrieval.Result, facts: list[Fact], asked: dict[str, str]) -> bool:
    """Whether the owner's own words answer surely, so that no model is needed."""
    return found.is_sure and found.sources[0].kind == "faq" and not facts and not asked


def _grounds(
    question: str,
    is_sure: bool,
    sources: list[SourceText],
    facts: list[Fact],
    page: Fact | None,
    asked: dict[str, str],
) -> list[SourceText]:
    """What knowledge alone would say, the best first."""
    spoken = [_fact_source(facts)] if facts else []
    if page and asked:
        spoken.insert(0, _fact_source([Fact(page.title, labelled(asked), page.url)]))
    is_about_page = bool(asked) and len(question.split()) <= SHORT_QUESTION
    return [*sources, *spoken] if is_sure and not is_about_page else [*spoken, *sources]


def _fact_source(facts: list[Fact]) -> SourceText:
    text = "\n\n".join(fact.text() for fact in facts)
    return SourceText(
        title=facts[0].title, text=text, answer=text, url=facts[0].url if len(facts) == 1 else ""
    )


def labelled(lines: dict[str, str]) -> dict[str, str]:
    """Lines under words for a reader where their keys are the common ones."""
    labels = {
        "price": _("Price"),
        "date": _("Date"),
        "places_left": _("Places left"),
        "duration": _("Duration"),
        "meeting_point": _("Meeting point"),
    }
    return {labels.get(key, key): value for key, value in lines.items()}


def source_text(hit: retrieval.Found) -> SourceText:
    """A found passage as the model port knows it."""
    return SourceText(
        title=hit.title,
        text=hit.text,
        answer=hit.answer,
        url=hit.url,
        score=hit.score,
        ref=(hit.kind, hit.item_id),
    )


def hit_receipt(hit: retrieval.Found) -> dict[str, Any]:
    """A found passage as the receipt keeps it."""
    return {
        "passage": hit.passage_id,
        "kind": hit.kind,
        "item": hit.item_id,
        "title": hit.title,
        "url": hit.url,
        "quote": hit.text[:QUOTE],
        "score": round(hit.score, 4),
        "vector_score": round(hit.vector_score, 4),
        "text_score": round(hit.text_score, 4),
    }


def _shown(source: SourceText) -> dict[str, Any]:
    """A source as the message keeps it; which piece it is of, `chat.lessons` counts by."""
    shown = {"title": source.title, "url": source.url, "quote": source.text[:QUOTE]}
    return shown | (dict(zip(("kind", "item"), source.ref, strict=True)) if source.ref else {})
