"""A model that costs little: it speaks the OpenAI protocol, and tells now and then its write time.

The time is spelt in letters, a word that was never said before; the others are the words of an
ordinary answer, said again and again, as what is said is looked through word by word.

The model's name says what it does: `bench-<ms to the first token>-<tokens a second>-<tokens>`.
"""

from __future__ import annotations

import asyncio
import functools
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


ANSWER = (
    "You can pay by card or in cash when you arrive, and the deposit is returned within three "
    "working days if you cancel a week before the tour. Children under seven travel free; please "
    "tell us their age, so that the guide can prepare seats. The bus leaves at nine from the "
    "station and comes back in the evening, with a long stop for lunch by the river."
)
WORDS = re.findall(r"\S+", ANSWER)
# The first token of an answer is one, and so is each so much later.
STAMPED = 8
# No word begins so.
MARK = "zz"
# As long as an ordinary word: a longer one is looked at as if it were base64.
LETTERS, LENGTH = "bcdfghjklmnpqrstvwxy", 6
TICK = 1e-5


def stamp(moment: float) -> str:
    """A moment as a word of eight letters, which comes again after ten minutes."""
    ticks, letters = int(moment / TICK), []
    for _place in range(LENGTH):
        ticks, digit = divmod(ticks, len(LETTERS))
        letters.append(LETTERS[digit])
    return MARK + "".join(letters)


def age_of(word: str, now: float) -> float:
    """How many seconds before `now` the moment was that a word tells."""
    told = 0
    for letter in reversed(word.removeprefix(MARK)):
        told = told * len(LETTERS) + LETTERS.index(letter)
    again = int(len(LETTERS) ** LENGTH)
    return (int(now / TICK) - told) % again * TICK


def chunked(event: bytes) -> bytes:
    """An event as a chunk of its own, as a real model sends it."""
    return b"%x\r\n%b\r\n" % (len(event), event)


def piece(text: str, reason: str | None = None) -> bytes:
    """An event with a piece of the answer, with everything around it that OpenAI sends."""
    before, after = _around(reason)
    return before + text.encode() + after


@functools.cache
def _around(reason: str | None) -> tuple[bytes, bytes]:
    choice = {"index": 0, "delta": {"content": "|"}, "logprobs": None, "finish_reason": reason}
    event = (
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
    before, _, after = event.partition(b"|")
    return before, after


class Answer:
    """One stream, which writes its tokens when they are due."""

    def __init__(self, transport: asyncio.Transport, wait: float, rate: float, count: int) -> None:
        self._transport, self._rate, self._count = transport, rate, count
        self._loop = asyncio.get_running_loop()
        self._begins, self._sent = self._loop.time() + wait, 0
        self._timer: asyncio.TimerHandle | None = None
        # A first token that is due at once must not wait for the clock.
        if wait:
            self._timer = self._loop.call_at(self._begins, self._advance)
        else:
            self._advance()

    def _advance(self) -> None:
        """Write what is due, and wait for the next."""
        # At least one: the loop's clock is coarse, and a timer may be a little early.
        due = max(self._sent + 1, int((self._loop.time() - self._begins) * self._rate) + 1)
        due = min(self._count, due)
        for number in range(self._sent, due):
            is_stamp = number % STAMPED == 0
            word = stamp(time.perf_counter()) if is_stamp else WORDS[number % len(WORDS)]
            self._transport.write(chunked(piece(f"{word} ")))
        self._sent = due
        if self._sent < self._count:
            at = self._begins + self._sent / self._rate
            self._timer = self._loop.call_at(at, self._advance)
        else:
            end = chunked(piece("", "stop")) + chunked(b"data: [DONE]\n\n") + b"0\r\n\r\n"
            self._transport.write(end)

    def cancel(self) -> None:
        """Say no more: nobody listens."""
        if self._timer is not None:
            self._timer.cancel()


class Connection(asyncio.Protocol):
    """Reads requests, one after the other."""

    def __init__(self) -> None:
        self._data = b""
        self._answer: Answer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None:
            self._answer.cancel()

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
        self._answer = Answer(self.transport, wait / 1000, rate, count)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
