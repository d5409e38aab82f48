"""Many answers at once on one core: how long a token takes from the model to the layer.

The worker is the product's own, with the broker, the leases and the drafts; the model and a bare
subscriber of the layer are on the other core. A token's hop is its age when the subscriber has it.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import msgpack
import orjson
import uvloop
from django.utils import timezone

from bench import measure, visitors
from bench.measure import Figures, Table
from bench.model import MARK, age_of
from bench.place import FEEDING, MEASURED, Place, free_port, listens, wait_until
from chat import turns
from chat.database import in_database
from chat.delivery import events, layer
from chat.models import Chat, Message, Turn
from organizations.models import Widget
from webassistant.boot import processes

RATE = 50
GOAL_P50, GOAL_P95 = 5.0, 5.0
STARTING_SECONDS = 60.0


def run(place: Place) -> list[Table]:
    """Levels of streams through ours and through what one would write first."""
    levels = place.size((75, 150, 300), (2,))
    tables = Table(
        f"Answers at once on one core, {RATE} tokens a second each",
        (
            "worker",
            "streams",
            "hop p50 ms",
            "hop p95 ms",
            "worker CPU us/token",
            "core used",
            "lost",
        ),
    )
    with model(place) as address, worker(place, address) as pid:
        results = measure.alternate(
            {
                str(level): lambda level=level: answers(place, level, pid)  # type: ignore[misc]
                for level in levels
            },
            place.rounds,
        )
    for level in levels:
        name = str(level)
        tables.add(
            "ours",
            name,
            results.median(name, "p50"),
            results.median(name, "p95"),
            results.median(name, "us"),
            f"{results.median(name, 'used') * 100:.0f} %",
            results.median(name, "lost"),
        )
    tables.note(f"goal: p95 under {GOAL_P95:g} ms at 75 streams, p50 under {GOAL_P50:g} ms at 300")
    tables.note(results.remark())
    return [tables]


@contextmanager
def model(place: Place) -> Iterator[str]:
    """A running model; its address."""
    port = free_port()
    with place.process(["-m", "bench.model", str(port)], cores=FEEDING) as process:
        wait_until(lambda: listens(port), "the model listens", process)
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def worker(place: Place, address: str) -> Iterator[int]:
    """The product's own worker for answers; its process id."""
    reply = processes.workers(place.var)[0]
    environment = {"OPENAI_API_KEY": "any", "OPENAI_BASE_URL": address}
    with place.process(reply.arguments, cores=MEASURED, **environment) as process:
        widget = visitors.make_widget(model="bench-0-1000-1")
        ask(widget, 1)
        wait_until(
            lambda: not Turn.objects.of(widget.organization).exclude(status="done").exists(),
            "the worker answers",
            process,
        )
        yield process.pid


def ask(widget: Widget, count: int) -> list[int]:
    """So many chats with a question each, sent to the workers."""
    people = visitors.make_visitors(widget, count)
    organization = widget.organization
    chats = list(
        Chat.objects.of(organization).filter(chat_id__in=[person.chat_id for person in people])
    )
    Message.unscoped.bulk_create(
        Message(
            organization=organization,
            chat=chat,
            seq=1,
            role="user",
            content="What does it cost?",
            sender=f"visitor:{chat.pk}",
            client_id=uuid.uuid4(),
        )
        for chat in chats
    )
    Chat.objects.of(organization).filter(pk__in=[chat.pk for chat in chats]).update(seq=1)
    asked = Turn.unscoped.bulk_create(
        Turn(
            organization=organization,
            chat=chat,
            from_seq=1,
            upto_seq=1,
            epoch=1,
            due_at=timezone.now(),
        )
        for chat in chats
    )
    found = [turn.pk for turn in asked]
    turns.dispatch(found)
    return found


def answers(place: Place, count: int, pid: int) -> Figures:
    """One round: all ask, all are answered; measured in the middle, when all are speaking."""
    before = measure.pin_self(FEEDING)
    seconds = place.size(4.0, 0.5)
    # Longer than any round: the answers are stopped when they have been measured.
    widget = visitors.make_widget(model=f"bench-0-{RATE}-{120 * RATE}")
    try:
        return uvloop.run(listen(place, widget, count, pid, seconds))
    finally:
        measure.pin_self(before)


async def listen(place: Place, widget: Widget, count: int, pid: int, seconds: float) -> Figures:
    """Hear all tokens of all answers."""
    path = urlsplit(place.environment["REDIS_URL"]).path
    loop = asyncio.get_running_loop()
    _transport, subscriber = await loop.create_unix_connection(Subscriber, path)
    subscriber.transport.write(layer.packed(b"PSUBSCRIBE", events.channel_of("visitor.*").encode()))
    await in_database(ask, widget, count)
    began = loop.time()
    while len(subscriber.speaking) < count and loop.time() - began < STARTING_SECONDS:
        await asyncio.sleep(0.05)
    # What the beginning has left behind is not what is measured.
    await asyncio.sleep(place.size(1.0, 0.1))
    subscriber.ages.clear()
    subscriber.heard = 0
    cpu, began = measure.cpu_seconds(pid), time.perf_counter()
    await asyncio.sleep(seconds)
    cpu, elapsed = measure.cpu_seconds(pid) - cpu, time.perf_counter() - began
    ages, heard = list(subscriber.ages), subscriber.heard
    speaking = len(subscriber.speaking)
    await in_database(_stop, widget)
    subscriber.speaking.clear()
    while await _is_speaking(subscriber):
        pass
    subscriber.transport.close()
    return {
        "p50": measure.percentile(ages, 0.5) * 1000,
        "p95": measure.percentile(ages, 0.95) * 1000,
        "us": cpu / max(1, heard) * 1e6,
        "used": cpu / elapsed,
        "lost": max(0, count - speaking),
    }


def _stop(widget: Widget) -> None:
    """End the answers; the worker finds out when it renews their leases."""
    Turn.objects.of(widget.organization).update(status=Turn.Status.STOPPED)


async def _is_speaking(subscriber: Subscriber) -> bool:
    subscriber.speaking.clear()
    await asyncio.sleep(0.5)
    return bool(subscriber.speaking)


class Subscriber(asyncio.Protocol):
    """The barest reader of the layer: it counts tokens, and keeps the age of those that tell it."""

    def __init__(self) -> None:
        self.ages: list[float] = []
        self.heard = 0
        self.speaking: set[str] = set()
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        now, position, data = time.perf_counter(), 0, self._data + data
        while True:
            reply, after = layer.parsed(data, position)
            if after < 0:
                break
            position = after
            if reply[0] == b"pmessage":
                self._hear(msgpack.unpackb(reply[3]), now)
        self._data = data[position:]

    def _hear(self, event: dict[str, Any], now: float) -> None:
        if event["kind"] == "ai_delta":
            self.speaking.add(event["scope"])
            said = orjson.loads(event["frame"])["text"].split()
            self.heard += len(said)
            self.ages += [age_of(word, now) for word in said if word.startswith(MARK)]
