"""The model that is no model: it says the best source's own words, or honestly that it cannot."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator

from ai.interface import ChatModel, ChatRequest, Delta, Usage

NAME = "knowledge"


class KnowledgeModel(ChatModel):
    """Streams the first source's answer; `delay` is the pause between words, in seconds."""

    name = NAME
    keeps_account = True

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The best source's words, or the request's fallback when there is none."""
        text = request.fallback
        if request.sources:
            best = request.sources[0]
            text = best.answer or best.text
        for word in re.findall(r"\s*\S+\s*", text):
            yield Delta(text=word, model=self.name)
            await asyncio.sleep(self.delay)
        yield Delta(usage=Usage(0, 0), model=self.name)
