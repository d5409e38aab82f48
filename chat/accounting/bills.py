"""Bills: what one attempt at an answer holds of its limits, and what it has called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import ai
from ai.interface import AIError, Call, ChatModel, ChatRequest, PromptMessage
from ai.metering import prompt_tokens
from chat.accounting import ledger
from chat.accounting.accounts import Account
from organizations import health


@dataclass
class Bill:
    """What one attempt of a turn holds and has called; settled once, whatever became of it.

    `purpose` is that of all its calls, where they are not booked under their own.
    """

    account: Account | None = None
    calls: list[tuple[str, list[Call]]] = field(default_factory=list)
    holds: bool = False
    purpose: str = ""
    key: UUID = field(default_factory=uuid4)

    def of(self, purpose: str) -> list[Call]:
        """A list for a request's calls."""
        calls: list[Call] = []
        self.calls.append((self.purpose or purpose, calls))
        return calls

    def reserve(
        self,
        models: Sequence[tuple[int | None, str]],
        messages: Sequence[PromptMessage],
        max_tokens: int,
        more: int = 0,
        rounds: int = 1,
    ) -> str:
        """Hold the most that an answer of these models can take; whose limit forbids it, or "".

        `more` tokens are in the prompt besides; with tools a model is asked in so many `rounds`.
        """
        if self.account is None or not (limits := self.account.limits()):
            return ""
        prompt = (prompt_tokens(messages) + more) * rounds
        answer = max_tokens * rounds
        most = self.account.highest(models, prompt, answer)
        refused = ledger.reserve(self.account, limits, prompt + answer, most, self.key)
        self.holds = self.holds or not refused
        return refused

    @property
    def is_open(self) -> bool:
        """Whether there is anything to settle."""
        return self.holds or any(calls for _purpose, calls in self.calls)

    def settle(self) -> None:
        """Book what was called and free what was held; a second time does nothing."""
        if self.account is None or not self.is_open:
            return
        rows = [(purpose, call) for purpose, calls in self.calls for call in calls]
        ledger.book(self.account, rows, self.key if self.holds else None)
        self.calls, self.holds = [], False
        health.note(
            self.account.organization.pk, [call for _purpose, call in rows], self.account.health
        )


def whole(
    account: Account, purpose: str, model: ChatModel, request: ChatRequest, seconds: float
) -> str:
    """A model's whole answer outside of turns, within the limits and booked; raises AIError."""
    bill = Bill(account)
    if bill.reserve([(model.provider, model.name)], request.messages, request.max_tokens):
        raise AIError("A limit is used up.", code="limit", retryable=False)
    try:
        return ai.whole(model, request, seconds)
    finally:
        bill.calls.append((purpose, request.calls))
        bill.settle()
