"""The worker's pipe: every piece in order, none waited for, and a lost connection made again."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
import redis
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from chat.delivery import deltas, events
from chat.delivery.deltas import DeltaPipe
from chat.protocol import AIDelta
from tests.wire import run

GROUP = "visitor.pipe"


def pair(number: int) -> tuple[str, bytes]:
    return events.channel_of(GROUP), msgpack.packb({"number": number})


async def until(is_true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 10
    while not is_true():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=400),
    st.integers(0, 2**40),
    st.integers(1, 2**62),
)
def test_piece_is_what_its_event_would_be(text: str, offset: int, turn: int) -> None:
    first = AIDelta(chat_id=uuid.uuid4(), turn=turn, attempt=3, epoch=2, offset=0, text="")
    whole = first.model_copy(update={"offset": offset, "text": text})
    pieces = events.Pieces(first).packed(offset, text)
    expected = events.packed(whole, first.chat_id)
    assert [channel for channel, _data in pieces] == [channel for channel, _data in expected]
    for (_channel, sent), (_same, event) in zip(pieces, expected, strict=True):
        envelope, other = msgpack.unpackb(sent), msgpack.unpackb(event)
        assert AIDelta.model_validate_json(envelope.pop("frame")) == whole
        assert other.pop("frame")
        assert envelope == other


def test_pieces_arrive_in_order_however_many_come_at_once() -> None:
    async def scenario() -> None:
        heard: list[Any] = []
        await events.subscribe(GROUP, heard.append)
        pipe = DeltaPipe()
        for number in range(0, 3000, 3):
            pipe.put([pair(number), pair(number + 1)])
            pipe.put([pair(number + 2)])
            if number % 30 == 0:
                await asyncio.sleep(0)
        await until(lambda: len(heard) == 3000, "all are heard")
        assert [event["number"] for event in heard] == list(range(3000))
        await until(lambda: pipe._unanswered == 0, "every reply is counted")
        await pipe.aclose()

    run(scenario)


def test_pipe_goes_on_after_its_connection_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deltas, "RETRY_SECONDS", 0.01)

    async def scenario() -> None:
        heard: list[Any] = []
        await events.subscribe(GROUP, heard.append)
        pipe = DeltaPipe()
        pipe.put([pair(0)])
        await until(lambda: heard, "the first is heard")
        with redis.Redis.from_url(settings.EVENTS_REDIS_URL) as connection:
            connection.client_kill_filter(_type="normal", skipme=True)
        await until(lambda: pipe._writer is None, "the loss is noticed")
        pipe.put([pair(1)])
        await until(lambda: len(heard) == 2, "the second is heard")
        await pipe.aclose()

    run(scenario)


def test_without_redis_only_the_last_pieces_are_kept() -> None:
    async def scenario() -> None:
        pipe = DeltaPipe()
        for number in range(deltas.MAX_WAITING + 10):
            pipe.put([pair(number)])
        # Not connected yet: nothing has had time to.
        assert pipe._waiting[0] == pair(10)
        assert len(pipe._waiting) == deltas.MAX_WAITING
        await pipe.aclose()

    run(scenario)


def test_redis_that_owes_too_many_replies_is_given_no_more() -> None:
    async def scenario() -> None:
        heard: list[Any] = []
        await events.subscribe(GROUP, heard.append)
        pipe = DeltaPipe()
        await until(lambda: pipe._writer, "connected")
        pipe._unanswered = deltas.MAX_UNANSWERED
        pipe.put([pair(0)])
        await asyncio.sleep(0)
        assert list(pipe._waiting) == [pair(0)]
        pipe._unanswered = 0
        pipe.put([pair(1)])
        await until(lambda: len(heard) == 2, "both are heard")
        await pipe.aclose()

    run(scenario)


def test_pipe_closes_at_any_step_of_its_connecting() -> None:
    async def scenario() -> None:
        for steps in range(40):
            pipe = DeltaPipe()
            for _step in range(steps):
                await asyncio.sleep(0)
            await asyncio.wait_for(pipe.aclose(), 10)

    asyncio.run(scenario())
