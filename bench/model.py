"""A model that costs little: it speaks the OpenAI protocol, and every token is its write time.

The model's name says what it does: `bench-<ms to the first token>-<tokens a second>-<tokens>`.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import cast

import uvloop

NAME = re.compile(r"bench-(\d+)-(\d+)-(\d+)")
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
    b"Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
)
TICK_SECONDS = 0.001


def chunked(event: bytes) -> bytes:
    """An event as a chunk of its own, as a real model sends it."""
    return b"%x\r\n%b\r\n" % (len(event), event)


def piece(text: str, reason: str | None = None) -> bytes:
    """An event with a piece of the answer, with everything around it that OpenAI sends."""
    choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": reason}
    return (
        b"data: %b\n\n"
        % json.dumps(
            {
                "id": "chatcmpl-0123456789abcdef0123456789",
                "object": "chat.completion.chunk",
                "created": 1700000000,
                "model": "bench",
                "system_fingerprint": "fp_0123456789",
                "choices": [choice],
                "usage": None,
            }
        ).encode()
    )


class Answer:
    """One stream: which tokens are due, and the connection they go to."""

    def __init__(self, transport: asyncio.Transport, wait: float, rate: float, count: int) -> None:
        self.transport, self.rate, self.count = transport, rate, count
        self.begins, self.sent = time.perf_counter() + wait, 0

    def advance(self, now: float) -> bool:
        """Write what is due; False when the answer is over."""
        due = min(self.count, int((now - self.begins) * self.rate) + 1)
        while self.sent < due:
            self.transport.write(chunked(piece(f"{time.perf_counter():.6f} ")))
            self.sent += 1
        if self.sent < self.count:
            return True
        self.transport.write(
            chunked(piece("", "stop")) + chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"
        )
        return False


class Connection(asyncio.Protocol):
    """Reads requests, one after the other."""

    running: set[Answer] = set()

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        Connection.running -= {a for a in self.running if a.transport is self.transport}

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, body = self._data.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if not separator or length is None or len(body) < int(length[1]):
            return
        self._data = body[int(length[1]) :]
        found = NAME.fullmatch(json.loads(body[: int(length[1])])["model"])
        if found is None:
            raise ValueError("not a model of this server's")
        wait, rate, count = map(int, found.groups())
        self.transport.write(HEAD)
        answer = Answer(self.transport, wait / 1000, rate, count)
        # A first token that is due at once must not wait for the clock.
        if answer.begins > time.perf_counter() or answer.advance(time.perf_counter()):
            self.running.add(answer)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    async with server:
        while True:
            now = time.perf_counter()
            Connection.running -= {a for a in Connection.running if not a.advance(now)}
            await asyncio.sleep(TICK_SECONDS)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
