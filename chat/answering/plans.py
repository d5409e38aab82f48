"""What may come of planning an answer: a plan, a handoff, or something to be asked first."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from ai import metering
from ai.interface import Call, ChatModel, ChatRequest, Usage
from chat import citations, turns
from chat.accounting import accounts
from chat.answering import followups, grounds, output, prompts, provided, tools
from chat.models import Handoff

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
            [*citations.flags(text, checker), *self._cuts()],
        )

    def _cuts(self) -> list[dict[str, Any]]:
        code = self.request.calls[-1].code if self.request.calls else ""
        return [{"code": code}] if code in metering.CUT else []

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
