"""The worker's way to the sockets: one connection a process that publishes pieces of answers.

A group_send of the channel layer waits for Redis each time; here everything that came up in one
millisecond goes out in one write, in the layer's own format, and nobody waits for the replies.
They are read all the same: they tell that Redis keeps up.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Iterable
from typing import Any

import redis.asyncio as redis
from django.conf import settings

from chat.delivery.layer import ended

log = logging.getLogger(__name__)

# Pieces are hints: when Redis is away, the oldest are let go, and the final event has the text.
MAX_WAITING = 5000
# Commands that Redis has not answered yet; more wait here, where they are bounded.
MAX_UNANSWERED = 10_000
CONNECT_SECONDS = 1.0
RETRY_SECONDS = 0.5
READ_BYTES = 64 * 1024
# A server that owes replies and gives none for so long is given up.
SILENCE_SECONDS = 10.0
# Each writing takes two calls of the system, one of them for the reply; the pieces of so many
# seconds share them.
PACE_SECONDS = 0.001
# In Redis' protocol, for a channel of ASCII and a payload.
PUBLISH = b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"


class DeltaPipe:
    """Publishes (channel, payload) pairs in order; never raises, never waits for Redis."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._pool: Any = redis.ConnectionPool.from_url(
            settings.EVENTS_REDIS_URL, protocol=2, socket_connect_timeout=CONNECT_SECONDS
        )
        self._waiting: deque[tuple[str, bytes]] = deque(maxlen=MAX_WAITING)
        self._writer: asyncio.StreamWriter | None = None
        self._unanswered = self._answered = 0
        self._is_scheduled = False
        self._next_at = 0.0
        self._task = asyncio.ensure_future(self._stay_connected())

    def put(self, pairs: Iterable[tuple[str, bytes]]) -> None:
        """Queue pairs; they leave at once, or with what comes up in a millisecond."""
        self._waiting.extend(pairs)
        if not self._is_scheduled:
            self._is_scheduled = True
            if self._loop.time() < self._next_at:
                self._loop.call_at(self._next_at, self._write)
            else:
                self._loop.call_soon(self._write)

    async def aclose(self) -> None:
        """Stop; what still waits is dropped."""
        await ended(self._task)
        await self._pool.disconnect()

    def _write(self) -> None:
        self._is_scheduled = False
        self._next_at = self._loop.time() + PACE_SECONDS
        if self._writer is None or not self._waiting or self._unanswered >= MAX_UNANSWERED:
            return
        batch = list(self._waiting)
        self._waiting.clear()
        self._unanswered += len(batch)
        self._writer.write(
            b"".join(
                [
                    PUBLISH % (len(channel), channel.encode(), len(data), data)
                    for channel, data in batch
                ]
            )
        )

    async def _stay_connected(self) -> None:
        while True:
            connection = self._pool.make_connection()
            try:
                await connection.connect()
                await self._read_replies(connection)
            except (redis.RedisError, OSError) as error:
                lost = self._unanswered + len(self._waiting)
                log.warning("%d pieces may be lost: %s", lost, type(error).__name__)
            finally:
                self._writer, self._unanswered = None, 0
                await connection.disconnect(nowait=True)
            await asyncio.sleep(RETRY_SECONDS * (1 + random.random()))  # noqa: S311

    async def _read_replies(self, connection: Any) -> None:
        # The connection's own parser makes a coroutine of every reply; its greeting is over here.
        reader: asyncio.StreamReader = connection._reader
        self._writer = connection._writer
        self._write()
        watch = asyncio.ensure_future(self._watch(connection._writer))
        try:
            while data := await reader.read(READ_BYTES):
                # Every reply is a line: `:<subscribers>`, or an error.
                replies = data.count(b"\n")
                self._unanswered -= replies
                self._answered += replies
                if b"-" in data:
                    raise redis.ResponseError("a piece was refused")
                self._write()
        finally:
            watch.cancel()
        raise redis.ConnectionError("closed by the server")

    async def _watch(self, writer: asyncio.StreamWriter) -> None:
        """Close a connection that owes replies and gives none."""
        while True:
            owed, answered = self._unanswered, self._answered
            await asyncio.sleep(SILENCE_SECONDS)
            if owed and self._answered == answered:
                writer.transport.abort()
