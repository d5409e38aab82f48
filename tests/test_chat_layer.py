"""The channel layer: what is heard, by whom, and that a broken connection is taken up again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
import redis
from channels.layers import get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.conf import settings

from chat.delivery import events, layer
from chat.delivery.deltas import DeltaPipe
from tests.wire import run

EVENT = {"type": "deliver", "scope": "abc", "kind": "test", "audience": "both", "frame": "{}"}


def server() -> redis.Redis:
    return redis.Redis.from_url(settings.EVENTS_REDIS_URL)


def subscribers(group: str) -> int:
    """How many connections hear the group, as Redis counts them."""
    channel = events.channel_of(group)
    with server() as connection:
        return int(dict(connection.pubsub_numsub(channel))[channel.encode()])


async def until(is_true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 10
    while not is_true():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


def test_every_listener_of_a_group_hears_its_events_in_order() -> None:
    async def scenario() -> None:
        first: list[Any] = []
        second: list[Any] = []
        other: list[Any] = []
        await events.subscribe("group", first.append)
        await events.subscribe("group", second.append)
        await events.subscribe("another", other.append)
        for number in range(50):
            await get_channel_layer().group_send("group", EVENT | {"frame": str(number)})
        await until(lambda: len(second) == 50, "all are heard")
        assert first == second == [EVENT | {"frame": str(number)} for number in range(50)]
        assert other == []

    run(scenario)


def test_stock_layer_and_ours_hear_each_other() -> None:
    async def scenario() -> None:
        stock = RedisPubSubChannelLayer(
            hosts=[settings.EVENTS_REDIS_URL], prefix=settings.EVENTS_PREFIX
        )
        ours, heard = get_channel_layer(), list[Any]()
        pipe = DeltaPipe()
        await events.subscribe("group", heard.append)
        there, here = await stock.new_channel(), await ours.new_channel()
        await stock.group_add("group", there)
        await ours.group_add("group", here)
        # The stock layer does not wait until Redis has its subscription.
        await until(lambda: subscribers("group") == 2, "both hear")
        for send in (stock.group_send, ours.group_send):
            await send("group", EVENT)
            assert await stock.receive(there) == await ours.receive(here) == EVENT
        pipe.put([(events.channel_of("group"), msgpack.packb(EVENT))])
        assert await stock.receive(there) == await ours.receive(here) == EVENT
        await until(lambda: len(heard) == 3, "the listener hears all of it")
        await pipe.aclose()
        await stock.flush()

    run(scenario)


def test_subscription_is_in_redis_when_it_returns_and_gone_with_the_last_listener() -> None:
    async def scenario() -> None:
        first: list[Any] = []
        second: list[Any] = []
        await events.subscribe("group", first.append)
        assert subscribers("group") == 1
        await events.subscribe("group", second.append)
        await events.unsubscribe("group", first.append)
        assert subscribers("group") == 1
        await get_channel_layer().group_send("group", EVENT)
        await until(lambda: second, "the one who stayed hears")
        await events.unsubscribe("group", second.append)
        await until(lambda: subscribers("group") == 0, "nobody hears")
        assert first == []

    run(scenario)


def test_broken_connection_is_taken_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer, "RETRY_SECONDS", 0.01)

    async def scenario() -> None:
        heard: list[Any] = []
        await events.subscribe("group", heard.append)
        with server() as connection:
            connection.client_kill_filter(_type="pubsub")
        await until(lambda: subscribers("group") == 1, "subscribed again")
        await get_channel_layer().group_send("group", EVENT)
        await until(lambda: heard, "heard again")

    run(scenario)


def test_without_redis_a_subscription_neither_waits_nor_raises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layer, "RETRY_SECONDS", 0.01)

    async def scenario() -> None:
        shard = get_channel_layer()._get_layer()._shards[0]
        where, heard = dict(shard._pool.connection_kwargs), list[Any]()
        nowhere = {"path": "/nowhere", "port": 1}
        shard._pool.connection_kwargs.update({k: nowhere[k] for k in where.keys() & nowhere})
        await events.subscribe("group", heard.append)
        assert shard._is_away
        shard._pool.connection_kwargs.update(where)
        await until(lambda: subscribers("group") == 1, "subscribed when Redis is back")

    run(scenario)


def test_listener_that_raises_deafens_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        heard: list[Any] = []

        def broken(event: dict[str, Any]) -> None:
            raise RuntimeError

        await events.subscribe("broken", broken)
        await events.subscribe("group", heard.append)
        for group in ("broken", "group"):
            await get_channel_layer().group_send(group, EVENT)
        await until(lambda: heard, "the other group is heard")

    with caplog.at_level(logging.ERROR, "chat.delivery.layer"):
        run(scenario)
    assert "was not delivered" in caplog.text


def test_messages_are_whole_wherever_the_stream_is_cut() -> None:
    async def scenario() -> None:
        shard = get_channel_layer()._get_layer()._shards[0]
        heard: list[Any] = []
        frames = ["", "\r\n$3\r\n", "*3\r\n$7\r\nmessage\r\n$", "Привет"]
        await events.subscribe("group", heard.append)
        channel = events.channel_of("group").encode()
        stream = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n"
        for frame in frames:
            payload = msgpack.packb(EVENT | {"frame": frame})
            stream += layer.packed(b"message", channel, payload)
        stream += layer.packed(b"pong", b"")
        for cut in range(len(stream) + 1):
            heard.clear()
            rest = shard._take(stream[:cut])
            assert shard._take(rest + stream[cut:]) == b""
            assert [event["frame"] for event in heard] == frames

    run(scenario)


def test_error_of_redis_ends_the_connection() -> None:
    async def scenario() -> None:
        shard = get_channel_layer()._get_layer()._shards[0]
        with pytest.raises(redis.ResponseError, match="NOAUTH"):
            shard._take(b"-NOAUTH Authentication required.\r\n")

    run(scenario)
