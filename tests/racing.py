"""Works that start together, in threads with connections of their own; and what must hold after."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from django.db import connection, connections

from chat.models import Chat, Message, Turn

# How often each race is run; the full number is 1,000.
RACES = int(os.environ.get("DELIVERY_N", "50"))


def _connect() -> None:
    """A connection of the thread's own: the product's pool is smaller than a crowd."""
    own = connections["default"].copy()
    options = {k: v for k, v in own.settings_dict["OPTIONS"].items() if k != "pool"}
    own.settings_dict = {**own.settings_dict, "OPTIONS": options}
    connections["default"] = own


class Racers:
    """Threads that are kept between races, so that a race is of statements and not of logins."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._barrier = threading.Barrier(count)
        self._pool = ThreadPoolExecutor(count, initializer=_connect)

    def race(self, *works: Callable[[], Any]) -> list[Any]:
        """Run the works at once; each result, or the exception."""
        assert len(works) == self.count

        def run(work: Callable[[], Any]) -> Any:
            self._barrier.wait(10)
            try:
                return work()
            except Exception as error:
                return error

        return list(self._pool.map(run, works))

    def close(self) -> None:
        """Give the connections back."""
        list(self._pool.map(self._leave, range(self.count)))
        self._pool.shutdown()

    def _leave(self, number: int) -> None:
        self._barrier.wait(10)
        connection.close()


@contextmanager
def racers(count: int) -> Iterator[Racers]:
    """So many threads for the block."""
    threads = Racers(count)
    try:
        yield threads
    finally:
        threads.close()


def check_whole(chat: Chat) -> None:
    """What is true of every chat whatever was done to it by whom at the same time."""
    chat = Chat.unscoped.get(pk=chat.pk)
    lines = list(Message.unscoped.filter(chat=chat).order_by("seq"))
    assert [line.seq for line in lines] == list(range(1, chat.seq + 1))
    named = [(line.sender, line.client_id) for line in lines if line.client_id]
    assert len(named) == len(set(named))
    turns = list(Turn.unscoped.filter(chat=chat).order_by("pk"))
    assert sum(turn.status in ("queued", "running") for turn in turns) <= 1
    assert sum(turn.lease_token is not None for turn in turns) <= 1
    said = [line.turn_id for line in lines if line.role == "assistant"]
    done = [turn for turn in turns if turn.status == "done"]
    for turn in done:
        assert said.count(turn.pk) == 1, f"turn {turn.pk} was answered {said.count(turn.pk)} times"
    # An answer that is given anew covers again what its former covered.
    for earlier, later in pairwise(turn for turn in done if turn.replaces is None):
        assert earlier.upto_seq < later.from_seq, "two answers cover one question"
    assert chat.answered_seq <= chat.seq
