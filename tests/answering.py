"""What a worker does with a turn, for tests that need no worker."""

from __future__ import annotations

import asyncio

import ai
from chat import assistant
from chat.delivery.deltas import DeltaPipe
from chat.models import Turn


def answer(turn: Turn | None = None) -> Turn:
    """Run one answering task to its end, by default the last turn's, and hang up on the models."""
    turn = turn or Turn.unscoped.latest("pk")

    async def work() -> None:
        pipe = DeltaPipe()
        await assistant.answer(turn.pk, pipe)
        await pipe.aclose()
        await ai.close()

    asyncio.run(work())
    turn.refresh_from_db()
    return turn
