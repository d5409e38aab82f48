"""Models behind a model: each is asked again where that may help, then the next one is."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from ai.interface import AIError, ChatModel, ChatRequest, Delta
from ai.metering import metered, says

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """How often a model is asked for one answer, and how long all of them are waited for.

    A pause doubles with each try and is drawn from its upper half, so that many answers that
    failed together do not come back together.
    """

    tries: int = 2
    # From the first request to the first word of whichever model.
    seconds: float = 45.0
    # Of them for one request's first word, where another model could be asked instead.
    first_word: float = 30.0
    pause: float = 0.4
    # A provider that asks for more is left for the next model.
    longest_pause: float = 8.0
    # Less than this is not worth another request.
    least: float = 0.5

    def wait(self, error: AIError, asked: int, left: float, has_next: bool = False) -> float | None:
        """Seconds until the same model is asked again; None: it is not."""
        if not error.retryable or asked >= self.tries:
            return None
        if has_next and error.code == "ai_timeout":
            # The visitor has waited long enough for this one.
            return None
        seconds = self.pause * 2 ** (asked - 1) * random.uniform(0.5, 1.0)  # noqa: S311
        seconds = max(seconds, error.retry_after or 0.0)
        return seconds if seconds <= min(self.longest_pause, left - self.least) else None


PATIENCE = Patience()


class FallbackModel(ChatModel):
    """Asks the models in order, each when the one before it fails before its first word."""

    keeps_account = True

    def __init__(self, models: Sequence[ChatModel], patience: Patience | None = None) -> None:
        self.models = models
        self.name, self.provider = models[0].name, models[0].provider
        self.patience = patience or PATIENCE

    def after(self, failures: int) -> FallbackModel:
        """The same models, begun with another one after so many failures in mid-sentence."""
        first = failures % len(self.models)
        return FallbackModel([*self.models[first:], *self.models[:first]], self.patience)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The words of the first that can; once a word was said there is no way back."""
        deadline = time.monotonic() + self.patience.seconds
        failure: AIError | None = None
        for number, model in enumerate(self.models, start=1):
            asked, has_next = 0, number < len(self.models)
            while True:
                spoken = False
                left = deadline - time.monotonic()
                if failure and left < self.patience.least:
                    raise failure
                try:
                    patience = min(left, self.patience.first_word) if has_next else left
                    async with aclosing(metered(model, request, patience)) as deltas:
                        async for delta in deltas:
                            spoken = spoken or says(delta)
                            yield delta
                    return
                except AIError as error:
                    if spoken:
                        raise
                    failure = error
                asked += 1
                left = deadline - time.monotonic()
                pause = self.patience.wait(failure, asked, left, has_next)
                if pause is None:
                    break
                log.info("model %s failed (%s); asking again", model.name, failure.code)
                await asyncio.sleep(pause)
            log.warning("model %s failed (%s)", model.name, failure.code)
        if failure:
            raise failure


class UnusableModel(ChatModel):
    """One that was chosen and cannot be asked at all; `problem` is the code that says why."""

    def __init__(self, name: str, problem: str) -> None:
        self.name, self.problem = name, problem

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Nothing but the reason."""
        raise AIError("The model cannot be asked.", code=self.problem, retryable=False)
        yield Delta()
