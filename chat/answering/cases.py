"""A question as a case: what is known of it, and what the knowledge says to it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ai.interface import SourceText
from ai.metering import milliseconds
from chat import context, handoffs
from chat.accounting import bills
from chat.answering import followups, grounds, provided, set_answers
from chat.answering.brief import Brief
from chat.answering.speakers import Speakers
from chat.context import Fact
from chat.models import Handoff
from knowledge import retrieval
from knowledge.graph import neighbours
from organizations.models import Agent, Widget


@dataclass(frozen=True)
class Case:
    """A question, and what is known of it before anything is searched for."""

    known: Brief
    bill: bills.Bill
    # Why a person should answer.
    reason: Handoff.Reason | None
    page: Fact | None
    # What of the page's facts is asked for.
    asked: dict[str, str]
    # An answer that needs no knowledge.
    fixed: str
    speakers: Speakers

    @classmethod
    def of(cls, known: Brief, bill: bills.Bill) -> Case:
        """Everything that one look at the brief tells."""
        question, agent = known.question, known.agent
        reason = handoffs.before_answering(question, known.lately, agent, known.rules)
        page = context.page_fact(known.turn.chat)
        return cls(
            known=known,
            bill=bill,
            reason=reason,
            page=page,
            asked=context.asked_lines(page, question) if page else {},
            fixed=set_answers.of(known, reason),
            speakers=Speakers.of(known),
        )

    @property
    def agent(self) -> Agent:
        """Whose settings count."""
        return self.known.agent

    @property
    def widget(self) -> Widget:
        """Where it was asked."""
        return self.known.turn.chat.session.widget

    @property
    def is_guided(self) -> bool:
        """Whether the chat's type tells what to talk about."""
        return bool(self.known.kind and self.known.kind.instructions.strip())


@dataclass(frozen=True)
class Finds:
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


def find(
    case: Case, follow_up: followups.FollowUp | None, whole: str | None, given: provided.Given
) -> Finds:
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
    if case.speakers.has_model and not case.fixed:
        # Knowledge alone says one source; a model may join two.
        found = neighbours.with_related(organization, rewritten or question, found, case.agent)
    facts = [*context.provided(question, chat), *given.wanted]
    sources = [grounds.source_text(hit) for hit in found.sources]
    last = next((line for line in reversed(case.known.history) if line.role != "user"), None)
    return Finds(
        result=found,
        rewritten=rewritten[:1000],
        facts=facts,
        background=given.background,
        sources=sources,
        spoken=grounds.spoken(question, found.is_sure, sources, facts, case.page, case.asked),
        goes_on=follow_up is not None
        and last is not None
        and (last.is_grounded or last.role == "operator"),
        milliseconds=milliseconds(began),
    )


def is_lost(case: Case, finds: Finds) -> bool:
    """Whether nothing is known, not for the first time, and nothing may still be looked up."""
    may_find = finds.spoken or finds.background or case.known.tools
    return not (may_find or case.fixed or case.is_guided) and handoffs.knows_nothing_again(
        case.known.lately, case.agent
    )


def is_bare(case: Case, finds: Finds) -> bool:
    """Whether nothing that was found tells of the question, and a model may not talk of its own."""
    return case.agent.only_from_sources and not (finds.spoken or case.is_guided or finds.goes_on)
