"""Models behind a model: the next is asked when one cannot begin."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from ai.interface import AIError, ChatModel, ChatRequest, Delta

log = logging.getLogger(__name__)


class FallbackModel(ChatModel):
    """Asks the models in order, each when the one before it fails before its first word."""

    def __init__(self, models: Sequence[ChatModel]) -> None:
        self.models = models
        self.name = models[0].name

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The words of the first that can; once a word was said there is no way back."""
        for number, model in enumerate(self.models, start=1):
            spoken = False
            try:
                async with aclosing(model.stream(request)) as deltas:
                    async for delta in deltas:
                        spoken = spoken or bool(delta.text or delta.uses)
                        yield delta
                return
            except AIError as error:
                if spoken or number == len(self.models):
                    raise
                log.warning(
                    "model %s failed (%s); asking %s",
                    model.name,
                    error.code,
                    self.models[number].name,
                )


class UnusableModel(ChatModel):
    """One that was chosen and cannot be asked at all; `problem` is the code that says why."""

    def __init__(self, name: str, problem: str) -> None:
        self.name, self.problem = name, problem

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Nothing but the reason."""
        raise AIError("The model cannot be asked.", code=self.problem, retryable=False)
        yield Delta()
