"""What a client that reads slowly costs: frames that wait for it, and a send that goes on."""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Generator
from typing import Any

from chat.delivery.closing import SLOW, Closed

# What may wait for a slow client before it is let go; it resumes from PostgreSQL.
MAX_WAITING_FRAMES = 64
MAX_WAITING_BYTES = 256 * 1024


class Outgoing:
    """What waits for one slow client, bounded: pieces of running answers are dropped first."""

    def __init__(self) -> None:
        self._frames: deque[tuple[bool, str]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, frame: str, *, droppable: bool = False) -> None:
        """Queue a frame; raise Closed when a client is too slow even for what must arrive."""
        if len(self._frames) >= MAX_WAITING_FRAMES or self._bytes >= MAX_WAITING_BYTES:
            if droppable:
                return
            kept = [entry for entry in self._frames if not entry[0]]
            if (
                len(kept) >= MAX_WAITING_FRAMES
                or sum(len(f) for _d, f in kept) >= MAX_WAITING_BYTES
            ):
                raise Closed(SLOW)
            self._frames = deque(kept)
            self._bytes = sum(len(f) for _d, f in kept)
        self._frames.append((droppable, frame))
        self._bytes += len(frame)

    def get(self) -> str:
        """The next frame."""
        _droppable, frame = self._frames.popleft()
        self._bytes -= len(frame)
        return frame


class Begun:
    """A coroutine that was begun outside a task, to be awaited to its end by one."""

    def __init__(self, coroutine: Generator[Any, Any, None], awaited: Any) -> None:
        self._coroutine = coroutine
        self._awaited = awaited

    def __await__(self) -> Generator[Any, Any, None]:
        awaited = self._awaited
        while True:
            try:
                answer = yield awaited
            except BaseException as error:
                step = functools.partial(self._coroutine.throw, error)
            else:
                step = functools.partial(self._coroutine.send, answer)
            try:
                awaited = step()
            except StopIteration:
                return
