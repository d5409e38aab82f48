"""A publisher of stamped tokens, in the channel layer's own format, at a steady rate."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any, cast
from urllib.parse import urlsplit

import msgpack

from chat.delivery import events

TICK_SECONDS = 0.001


class Feed(asyncio.Protocol):
    """A connection to Redis that writes many PUBLISH commands at once and skips the replies."""

    def __init__(self) -> None:
        self.replies = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.replies += data.count(b"\n")


async def connect(redis_url: str) -> Feed:
    """A feed to the Redis under the bench's own folder."""
    path = urlsplit(redis_url).path
    _transport, feed = await asyncio.get_running_loop().create_unix_connection(Feed, path)
    return feed


def token(group: str, number: int) -> bytes:
    """A PUBLISH command for a piece of an answer that carries the time at which it was written."""
    frame = {
        "type": "ai_delta",
        "chat_id": group,
        "turn": 1,
        "attempt": 1,
        "epoch": 1,
        "offset": number,
        "text": f"{time.perf_counter():.6f} ",
    }
    envelope = {
        "type": "deliver",
        "scope": group,
        "kind": "ai_delta",
        "audience": "both",
        "frame": json.dumps(frame),
    }
    parts = (b"PUBLISH", events.channel_of(group).encode(), cast(bytes, msgpack.packb(envelope)))
    return b"*3\r\n" + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def age(payload: bytes) -> float:
    """How many seconds ago the token in this frame was written."""
    frame: dict[str, Any] = json.loads(payload)
    return time.perf_counter() - float(frame["text"])


async def stream(feed: Feed, groups: list[str], rate: float, seconds: float) -> int:
    """Publish `rate` tokens a second to every group, spread evenly; how many."""
    count, began = 0, time.perf_counter()
    total = len(groups) * rate
    while (elapsed := time.perf_counter() - began) < seconds:
        due = int(elapsed * total)
        feed.transport.write(b"".join(token(groups[n % len(groups)], n) for n in range(count, due)))
        count = due
        await asyncio.sleep(TICK_SECONDS)
    return count
