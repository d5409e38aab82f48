"""The worker's way to the sockets: one connection a process that publishes pieces of answers.

A group_send of the channel layer waits for Redis each time; here everything that came up while the
last batch was on its way goes out together, in the layer's own format.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable

import redis.asyncio as redis
from django.conf import settings

log = logging.getLogger(__name__)

# Pieces are hints: when Redis is away, the oldest are let go, and the final event has the text.
MAX_WAITING = 5000


class DeltaPipe:
    """Publishes (channel, payload) pairs in order; never raises, never waits for Redis."""

    def __init__(self) -> None:
        self._redis = redis.Redis.from_url(
            settings.EVENTS_REDIS_URL, socket_timeout=2, socket_connect_timeout=1
        )
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=MAX_WAITING)
        self._something = asyncio.Event()
        self._task = asyncio.ensure_future(self._pump())

    def put(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Queue pairs for the next batch."""
        self._waiting.extend(pairs)
        self._something.set()

    async def aclose(self) -> None:
        """Stop; what still waits is dropped."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._redis.aclose()

    async def _pump(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            batch, self._waiting = self._waiting, deque(maxlen=MAX_WAITING)
            pipeline = self._redis.pipeline(transaction=False)
            for channel, payload in batch:
                pipeline.publish(channel, payload)
            try:
                await pipeline.execute()
            except redis.RedisError as error:
                log.warning("%d pieces were not published: %s", len(batch), type(error).__name__)
