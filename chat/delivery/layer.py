"""The channel layer: Channels' Redis pub/sub layer, with a shorter way from Redis to our sockets.

The stock layer puts a queue, a task and a decoding between Redis and every socket. Here a socket
gives a plain function, which is called with each event of its group as it is read. Everything else
is the stock layer's, and so are the names and the bytes in Redis: other consumers may use both.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import msgpack
import redis.asyncio as redis
from channels_redis.pubsub import RedisPubSubChannelLayer
from channels_redis.utils import create_pool

log = logging.getLogger(__name__)

Listener = Callable[[dict[str, Any]], None]

# How long a subscription waits for Redis to confirm it; then it is taken up when Redis is back.
CONFIRM_SECONDS = 2.0
CONNECT_SECONDS = 1.0
RETRY_SECONDS = 0.5
# A connection that says nothing for so long, not even to a ping, is given up.
SILENCE_SECONDS = 15.0
READ_BYTES = 256 * 1024
MESSAGE = b"*3\r\n$7\r\nmessage\r\n$"


class EventsLayer(RedisPubSubChannelLayer):
    """Channels' layer, in which a group may also be heard by a function."""

    async def listen(self, group: str, listener: Listener) -> None:
        """Call `listener` with every event of the group, in order; it must not raise or wait.

        While Redis is away nothing is heard, and nothing is raised: events are hints.
        """
        layer = self._get_layer()
        name = layer._get_group_channel_name(group)
        layer.listeners.setdefault(name, []).append(listener)
        await layer._get_shard(name).subscribe(name)

    async def unlisten(self, group: str, listener: Listener) -> None:
        """Call it no more."""
        layer = self._get_layer()
        name = layer._get_group_channel_name(group)
        listeners = layer.listeners.get(name, [])
        if listener in listeners:
            listeners.remove(listener)
        if not listeners:
            layer.listeners.pop(name, None)
            await layer._get_shard(name).unsubscribe(name)

    def _get_layer(self) -> Any:
        layer = super()._get_layer()
        if not hasattr(layer, "listeners"):
            layer.listeners = {}
            layer._shards = [Shard(shard.host, layer) for shard in layer._shards]
        return layer


class Shard:
    """One Redis server: a connection for what is heard, and the pool for what is said."""

    def __init__(self, host: dict[str, Any], layer: Any) -> None:
        self.host = host
        self._layer = layer
        # Pushes are read here, in the plain protocol.
        self._pool = create_pool({"socket_connect_timeout": CONNECT_SECONDS, **host, "protocol": 2})
        self._redis = redis.Redis(connection_pool=self._pool)
        self._wanted: set[str] = set()
        self._unconfirmed: dict[str, asyncio.Future[None]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._is_away = False
        self._was_silent = False
        self._task: asyncio.Task[None] | None = None

    # --- what the stock layer asks of a shard -------------------------------------------------

    async def publish(self, channel: str, message: bytes) -> None:
        """Publish, and wait until Redis has it."""
        await self._redis.publish(channel, message)

    async def subscribe(self, channel: str) -> None:
        """Hear a channel; when this returns, Redis has confirmed it or is away."""
        if channel not in self._wanted:
            self._wanted.add(channel)
            self._unconfirmed[channel] = asyncio.get_running_loop().create_future()
            self._write(b"SUBSCRIBE", channel)
        if self._task is None:
            self._task = asyncio.ensure_future(self._stay_connected())
        confirmed = self._unconfirmed.get(channel)
        if confirmed is not None and not self._is_away:
            _done, pending = await asyncio.wait([confirmed], timeout=CONFIRM_SECONDS)
            if pending:
                log.warning("a subscription was not confirmed in time")

    async def unsubscribe(self, channel: str) -> None:
        """Hear a channel no more, unless somebody else still does."""
        layer = self._layer
        if channel in layer.listeners or channel in layer.groups or channel in layer.channels:
            return
        if channel in self._wanted:
            self._wanted.discard(channel)
            self._confirm(channel)
            self._write(b"UNSUBSCRIBE", channel)

    async def flush(self) -> None:
        """Hear nothing and close every connection."""
        self._layer.listeners.clear()
        for channel in list(self._unconfirmed):
            self._confirm(channel)
        self._wanted.clear()
        if self._task is not None:
            await ended(self._task)
            self._task = None
        await self._redis.aclose(close_connection_pool=True)

    # --- the connection -----------------------------------------------------------------------

    def _write(self, command: bytes, *channels: str) -> None:
        if self._writer is not None and channels:
            self._writer.write(packed(command, *(channel.encode() for channel in channels)))

    def _confirm(self, channel: str) -> None:
        confirmed = self._unconfirmed.pop(channel, None)
        if confirmed is not None and not confirmed.done():
            confirmed.set_result(None)

    async def _stay_connected(self) -> None:
        while True:
            connection = self._pool.make_connection()
            try:
                await connection.connect()
                await self._read(connection)
            except (redis.RedisError, OSError, ValueError) as error:
                log.warning("the events' Redis is away: %s", type(error).__name__)
            except Exception:
                # Whatever it is, a process that has stopped listening would look well and be deaf.
                log.exception("the events' connection failed")
            finally:
                self._writer = None
                await connection.disconnect(nowait=True)
            # Whoever waits for a confirmation goes on without.
            self._is_away = True
            for channel in list(self._unconfirmed):
                self._confirm(channel)
            await asyncio.sleep(RETRY_SECONDS * (1 + random.random()))  # noqa: S311

    async def _read(self, connection: Any) -> None:
        # The connection's own parser makes a coroutine of every line; its greeting is over here.
        reader: asyncio.StreamReader = connection._reader
        self._writer = connection._writer
        self._is_away = self._was_silent = False
        self._write(b"SUBSCRIBE", *self._wanted)
        watch = asyncio.ensure_future(self._watch(connection._writer))
        data = b""
        try:
            while more := await reader.read(READ_BYTES):
                self._was_silent = False
                data = self._take(data + more if data else more)
        finally:
            watch.cancel()
        raise redis.ConnectionError("closed by the server")

    async def _watch(self, writer: asyncio.StreamWriter) -> None:
        """Close a connection on which not even a ping is answered."""
        while not self._was_silent:
            self._was_silent = True
            writer.write(packed(b"PING"))
            await asyncio.sleep(SILENCE_SECONDS)
        writer.transport.abort()

    def _take(self, data: bytes) -> bytes:
        """Hand over every whole message; returns what is left of the last one."""
        position = 0
        while True:
            if not data.startswith(MESSAGE, position):
                after = self._take_other(data, position)
                if after < 0:
                    return data[position:]
                position = after
                continue
            # *3 $7 message $<n> <channel> $<m> <payload>
            start = position + len(MESSAGE)
            end = data.find(b"\r\n", start)
            if end < 0:
                return data[position:]
            name_end = end + 2 + int(data[start:end])
            size_end = data.find(b"\r\n", name_end + 3)
            if size_end < 0:
                return data[position:]
            payload_end = size_end + 2 + int(data[name_end + 3 : size_end])
            if len(data) < payload_end + 2:
                return data[position:]
            self._deliver(data[end + 2 : name_end].decode(), data[size_end + 2 : payload_end])
            position = payload_end + 2

    def _take_other(self, data: bytes, position: int) -> int:
        """Skip a confirmation, a pong or an error; the place behind it, or -1 if it is cut."""
        reply, after = parsed(data, position)
        if after >= 0 and isinstance(reply, list) and reply[0] == b"subscribe":
            self._confirm(reply[1].decode())
        return after

    def _deliver(self, name: str, payload: bytes) -> None:
        layer = self._layer
        if listeners := layer.listeners.get(name):
            try:
                event = msgpack.unpackb(payload)
                # A listener may end its listening in the call.
                for listener in tuple(listeners):
                    listener(event)
            except Exception:
                # One event must not deafen a whole process.
                log.exception("an event was not delivered")
        if name in layer.channels:
            layer.channels[name].put_nowait(payload)
        for channel in layer.groups.get(name, ()):
            if channel in layer.channels:
                layer.channels[channel].put_nowait(payload)


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel a task until it is over: on Python 3.11 a connect that is just done swallows one."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=0.1)


def packed(*parts: bytes) -> bytes:
    """A command in Redis' protocol."""
    return b"*%d\r\n" % len(parts) + b"".join(
        [b"$%d\r\n%b\r\n" % (len(part), part) for part in parts]
    )


def parsed(data: bytes, position: int) -> tuple[Any, int]:
    """A reply in Redis' protocol and the place behind it; the place is -1 if the reply is cut."""
    end = data.find(b"\r\n", position)
    if end < 0:
        return None, -1
    kind, head, after = data[position : position + 1], data[position + 1 : end], end + 2
    if kind == b"-":
        raise redis.ResponseError(head.decode())
    if kind == b"+":
        return head, after
    if kind == b":":
        return int(head), after
    if kind == b"$":
        stop = after + int(head)
        return (data[after:stop], stop + 2) if len(data) >= stop + 2 else (None, -1)
    if kind != b"*":
        raise ValueError("not Redis' protocol")
    parts = []
    for _ in range(int(head)):
        part, after = parsed(data, after)
        if after < 0:
            return None, -1
        parts.append(part)
    return parts, after
