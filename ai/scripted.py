"""A model that says what it was told to: for tests of everything above the port."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence

from ai.interface import AIError, ChatModel, ChatRequest, Delta, ToolUse, Usage

Piece = str | AIError | asyncio.Event | tuple[ToolUse, ...]


class ScriptedModel(ChatModel):
    """Each request takes the next script: texts, uses of tools, events to wait for, or an error."""

    name = "scripted"

    def __init__(self, *scripts: Sequence[Piece]) -> None:
        self._scripts = deque(scripts)
        self.requests: list[ChatRequest] = []

    def enqueue(self, *pieces: Piece) -> None:
        """Add what the next unanswered request gets."""
        self._scripts.append(pieces)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """Play the next script."""
        self.requests.append(request)
        if not self._scripts:
            raise AIError("There is no script left.", code="ai_unavailable", retryable=True)
        count = 0
        for piece in self._scripts.popleft():
            if isinstance(piece, AIError):
                raise piece
            if isinstance(piece, asyncio.Event):
                await piece.wait()
                continue
            if isinstance(piece, tuple):
                yield Delta(uses=piece, model=self.name)
                continue
            count += 1
            yield Delta(text=piece, model=self.name)
            await asyncio.sleep(0)
        yield Delta(usage=Usage(len(request.messages), count), model=self.name)
