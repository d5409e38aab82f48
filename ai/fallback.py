"""A model behind a model: the second is asked when the first cannot begin."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from ai.interface import AIError, ChatModel, ChatRequest, Delta

log = logging.getLogger(__name__)


class FallbackModel(ChatModel):
    """Asks the second model when the first fails before its first word."""

    def __init__(self, first: ChatModel, second: ChatModel) -> None:
        self.first, self.second = first, second
        self.name = first.name

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The first model's words, or the second's; once a word was said there is no way back."""
        spoken = False
        try:
            async with aclosing(self.first.stream(request)) as deltas:
                async for delta in deltas:
                    spoken = spoken or bool(delta.text)
                    yield delta
                return
        except AIError as error:
            if spoken:
                raise
            log.warning(
                "model %s failed (%s); asking %s", self.first.name, error.code, self.second.name
            )
        async with aclosing(self.second.stream(request)) as deltas:
            async for delta in deltas:
                yield delta
