"""Never more than twenty accepted in any minute: many sockets, tabs, reconnects, and no Redis.

`DELIVERY_TRIES=10000` makes so many attempts; `make test` fewer. Time passes by moving every moment
in the database into the past, so that an hour of limits fits into a test.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from asgiref.sync import sync_to_async
from celery import current_app
from django.conf import settings
from django.db.models import Max, Min
from django.db.models.functions import Now
from django.test import override_settings

from chat import identity, visitor
from chat.consumers import VisitorConsumer
from chat.delivery import closing, events, socket
from chat.models import Message, Visitor
from chat.refusals import Refused
from tests.conftest import House
from tests.test_delivery_resends import age
from tests.wire import Client, run
from webassistant.boot import redis as own_redis
from webassistant.boot.child import Service

pytestmark = pytest.mark.django_db(transaction=True)

TRIES = int(os.environ.get("DELIVERY_TRIES", "1000"))
SOCKETS = 50
TABS = 3
LIMIT = 20
WINDOW = timedelta(seconds=60)


@dataclass
class Redis:
    """A server that can be killed, and comes back empty."""

    folder: Path
    service: Service | None = None

    def start(self) -> None:
        self.service = own_redis.start_redis(self.folder, durable=False)

    def kill(self) -> None:
        assert self.service
        self.service.child.process.kill()
        self.service.child.process.wait()


@pytest.fixture
def mortal_redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    """Events, layer and broker on a Redis of the test's own."""
    server = Redis(tmp_path)
    server.start()
    url = own_redis.redis_url(tmp_path)
    path = url.removeprefix("unix://")
    assert path == quote(path)
    layer: dict[str, Any] = settings.CHANNEL_LAYERS["default"]
    layers = {"default": layer | {"CONFIG": layer["CONFIG"] | {"hosts": [url]}}}
    broker = f"redis+socket://{path}?virtual_host=1"
    monkeypatch.setattr(current_app.conf, "broker_url", broker)
    monkeypatch.setattr(current_app.amqp, "_producer_pool", None)
    events._connection.cache_clear()
    with override_settings(EVENTS_REDIS_URL=url, CHANNEL_LAYERS=layers):
        yield server
    events._connection.cache_clear()
    if server.service:
        server.service.stop()


@dataclass
class Tab:
    """A tab that sends, is refused, goes and comes back."""

    house: House
    token: str
    dice: random.Random
    sent: deque[str] = field(default_factory=lambda: deque(maxlen=5))
    outcomes: Counter[str] = field(default_factory=Counter)
    client: Client | None = None
    retry_after: float | None = None

    async def arrive(self) -> None:
        """Open and register; without Redis that may be put off."""
        client = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        client.token = self.token
        await client.open()
        await client.send("register", widget=self.house.widget.key, token=self.token)
        while True:
            frame = await self.next_frame(client)
            if frame is None:
                self.outcomes["sent away"] += 1
                return
            if frame["type"] == "chat_restored":
                self.client = client
                return

    async def next_frame(self, client: Client) -> dict[str, Any] | None:
        """The next frame, or None where the server has closed."""
        message = await client.socket.receive_output(60)
        if message["type"] == "websocket.close":
            assert message["code"] == closing.AWAY
            return None
        frame: dict[str, Any] = orjson.loads(message["text"])
        return frame

    async def leave(self) -> None:
        if self.client:
            await self.client.close()
        self.client = None

    async def attempt(self) -> None:
        """One message, new or sent before, and its answer."""
        if self.client is None:
            await self.arrive()
        if self.client is None:
            return
        is_old = bool(self.sent) and self.dice.random() < 0.1
        client_id = self.dice.choice(self.sent) if is_old else str(uuid.uuid4())
        await self.client.send("message", client_id=client_id, text=f"About {client_id}")
        self.retry_after = None
        while True:
            frame = await self.next_frame(self.client)
            if frame is None:
                # Acked or not: whoever comes back sends it again.
                self.client = None
                self.outcomes["sent away"] += 1
                return
            if frame.get("client_id") != client_id:
                continue
            if frame["type"] == "message_saved":
                self.sent.append(client_id)
                self.outcomes["again" if is_old else "accepted"] += 1
                return
            assert frame["code"] == "too_many_messages", frame
            assert not is_old, "what was acked once is acked again, whatever the limit"
            self.retry_after = frame["retry_after"]
            self.outcomes["refused"] += 1
            return


def check_windows() -> int:
    """No visitor had more than the limit in any window; how many were looked at."""
    looked = 0
    for person in Visitor.unscoped.all():
        moments: list[datetime] = list(
            Message.unscoped.filter(sender=person.sender, role="user")
            .order_by("timestamp")
            .values_list("timestamp", flat=True)
        )
        for first, beyond in zip(moments, moments[LIMIT:], strict=False):
            looked += 1
            assert beyond - first >= WINDOW, f"{LIMIT + 1} within {beyond - first}"
    return looked


def until_the_next(token_hash: str) -> float:
    """Seconds until the visitor's oldest message of the last minute is a minute old."""
    person = Visitor.unscoped.get(token_hash=token_hash)
    recent = Message.unscoped.filter(
        sender=person.sender, role="user", timestamp__gt=Now() - WINDOW
    ).aggregate(oldest=Min("timestamp"), now=Max(Now()))
    return float((recent["oldest"] + WINDOW - recent["now"]).total_seconds())


def test_no_minute_has_more_than_twenty(
    acme: House,
    mortal_redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    dice = random.Random(7)
    monkeypatch.setattr(socket, "BURST", 10**9)
    outcomes: Counter[str] = Counter()
    retries = 0

    async def scenario() -> None:
        nonlocal retries
        tabs = [
            Tab(acme, f"{number // TABS:043d}", random.Random(number)) for number in range(SOCKETS)
        ]
        await asyncio.gather(*(tab.arrive() for tab in tabs))
        done, is_down, killed = 0, False, 0
        while done < TRIES:
            share = done / TRIES
            if not is_down and killed == 0 and share > 0.4:
                await sync_to_async(mortal_redis.kill)()
                is_down, killed = True, 1
            elif is_down and share > 0.6:
                await sync_to_async(mortal_redis.start)()
                is_down = False
            for tab in dice.sample(tabs, 5):
                await tab.leave()
            begun = time.monotonic()
            await asyncio.gather(*(tab.attempt() for tab in tabs))
            done += SOCKETS
            for tab in tabs:
                told = tab.retry_after
                if told is None or told == 1.0:
                    # Told as a second, it may be less: another tab may have had the place since.
                    continue
                key = identity.token_hash(acme.organization, tab.token)
                expected = await sync_to_async(until_the_next)(key)
                elapsed = time.monotonic() - begun
                if elapsed < told:
                    # No place has become free since it was told, in this round.
                    assert told - elapsed - 0.05 <= expected <= told + 0.05
                    retries += 1
            if dice.random() < 0.5:
                await sync_to_async(age)(timedelta(seconds=dice.uniform(0.1, 25)))
        for tab in tabs:
            outcomes.update(tab.outcomes)
            await tab.leave()

    run(scenario)
    assert outcomes["accepted"] > LIMIT * SOCKETS / TABS, "the limit was not reached"
    assert outcomes["refused"] > 0
    looked = check_windows()
    record_property("outcomes", dict(outcomes))
    record_property("windows", looked)
    record_property("retries checked", retries)
    assert looked > 0


def test_time_to_try_again_is_right_to_the_second(acme: House) -> None:
    person = acme.visitor()

    def say() -> Message:
        return visitor.say(person, acme.visit, "Hello", uuid.uuid4())

    for _ in range(LIMIT):
        say()
        age(timedelta(seconds=0.5))
    begun = time.monotonic()
    with pytest.raises(Refused) as refused:
        say()
    wait = refused.value.retry_after
    assert wait is not None
    left = until_the_next(person.token_hash)
    assert left - 0.05 <= wait <= left + (time.monotonic() - begun) + 0.05
    age(timedelta(seconds=wait / 2))
    with pytest.raises(Refused) as refused:
        say()
    assert 0 < (refused.value.retry_after or 0) <= wait / 2
    age(timedelta(seconds=refused.value.retry_after or 0))
    assert say().seq == LIMIT + 1
