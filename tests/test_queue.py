"""The place in the queue that each visitor was told last, whoever came and went meanwhile."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgpack
import pytest
import redis
from django.conf import settings
from django.db import transaction

from chat import visitor, waiting
from chat.delivery import events
from chat.models import Chat, Handoff, Visitor
from tests.conftest import House
from tests.racing import RACES, racers

pytestmark = pytest.mark.django_db(transaction=True)

Waiting = tuple[Visitor, Chat]


def chat_of(house: House) -> Waiting:
    """A new visitor with a chat of theirs."""
    person = house.visitor()
    return person, visitor.say(person, house.visit, "Hello", uuid.uuid4()).chat


def ask(house: House, one: Waiting) -> None:
    """Ask for a person."""
    person, chat = one
    visitor.request_support(person, house.visit, chat.chat_id, Handoff.Reason.ASKED)


@contextmanager
def ear(*chats: Chat) -> Iterator[dict[uuid.UUID, int]]:
    """The places that these chats' sockets hear within the block, the last of each."""
    heard: dict[uuid.UUID, int] = {}
    server: Any = redis.Redis.from_url(settings.EVENTS_REDIS_URL)
    with server, server.pubsub() as listener:
        channels = [events.channel_of(events.visitor_group(chat.chat_id)) for chat in chats]
        listener.subscribe(*channels)
        for _ in channels:
            assert listener.get_message(timeout=10)["type"] == "subscribe"
        yield heard
        server.publish(channels[0], b"")
        while data := listener.get_message(timeout=10)["data"]:
            frame = json.loads(msgpack.unpackb(data)["frame"])
            if frame["type"] == "support_pending":
                heard[uuid.UUID(frame["chat_id"])] = frame["place"]


def test_places_are_told_as_people_come_and_go(acme: House) -> None:
    first, second, third = (chat_of(acme) for _ in range(3))
    with ear(first[1], second[1], third[1]) as heard:
        for one in (first, second, third):
            ask(acme, one)
    assert heard == {first[1].chat_id: 1, second[1].chat_id: 2, third[1].chat_id: 3}
    with ear(first[1], second[1], third[1]) as heard:
        visitor.cancel_support(*second)
    assert heard == {first[1].chat_id: 1, third[1].chat_id: 2}


def test_place_is_counted_when_the_request_is_committed(acme: House) -> None:
    first, second = chat_of(acme), chat_of(acme)
    ask(acme, first)
    with ear(second[1]) as heard, racers(1) as other, transaction.atomic():
        ask(acme, second)
        # Whoever leaves now cannot know yet that somebody stands behind.
        assert other.race(partial(visitor.cancel_support, *first)) == [None]
    assert heard == {second[1].chat_id: 1}


def test_last_told_place_is_the_true_one(acme: House) -> None:
    people = [chat_of(acme) for _ in range(4)]
    ask(acme, people[0])
    with racers(4) as threads:
        for _ in range(RACES):
            first, *rest = people
            with ear(*(chat for _person, chat in rest)) as heard:
                threads.race(
                    partial(visitor.cancel_support, *first),
                    *(partial(ask, acme, one) for one in rest),
                )
            true = enumerate(waiting.open_handoffs(acme.organization), start=1)
            assert heard == {handoff.chat.chat_id: place for place, handoff in true}
            for one in rest:
                visitor.cancel_support(*one)
            people = [chat_of(acme) for _ in range(4)]
            ask(acme, people[0])
