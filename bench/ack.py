"""A visitor's message until its ack, which says that it is committed.

Beside it stand its two limits: the barest transaction that stores as much, and the barest frame
that comes back. Messages come at a steady rate, whatever becomes of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import ExitStack

import orjson
import psycopg
import uvloop

from bench import measure, streams, visitors
from bench.client import Client, connect_many
from bench.measure import Figures, Table
from bench.place import FEEDING, Place, Web
from chat.models import Chat, Turn

RATE = 50.0
FRAMES = 10.0
AT_ONCE = 50
GOAL_RATE, GOAL_P95 = 500.0, 60.0


def run(place: Place) -> list[Table]:
    """Alone, with a crowd, as fast as it goes, and with the worker busy beside it."""
    crowd, seconds = place.size(1000, 6), place.size(4.0, 0.5)
    some = place.size(100, 3)
    widget = visitors.make_widget(model=f"bench-0-{streams.RATE}-{120 * streams.RATE}")
    people = visitors.make_visitors(widget, crowd)
    table = Table(
        f"A visitor's message to its ack, {RATE:.0f} messages a second (one socket: {FRAMES:.0f})",
        ("path", "p50 ms", "p95 ms", "acked/s", "server CPU ms/message"),
    )
    with ExitStack() as running:
        web = running.enter_context(place.web("webassistant.asgi:application"))
        raw = running.enter_context(place.web("bench.applications.raw:application"))
        before = measure.pin_self(FEEDING)
        sizes = (1, some, crowd)
        variants: dict[str, Callable[[], Figures]] = {
            "bare transaction": lambda: transactions(place, people, seconds)
        }
        for size in sizes:
            variants[f"bare echo, {size} sockets"] = _steady(raw, people[:size], seconds, True)
            variants[f"ours, {size} sockets"] = _steady(web, people[:size], seconds, False)
        variants[f"ours, {some} sockets, as fast as it goes"] = lambda: uvloop.run(
            busy(web, people[:some], seconds)
        )
        results = measure.alternate(variants, place.rounds)
        measure.pin_self(before)
        answering = f"ours, {crowd} sockets and 50 answers at once"
        with streams.model(place) as address, streams.worker(place, address):
            Turn.unscoped.exclude(status="done").update(status="stopped")
            others = visitors.make_widget(model=f"bench-0-{streams.RATE}-{60 * streams.RATE}")
            streams.ask(others, place.size(50, 2))
            measure.pin_self(FEEDING)
            # These are asked of the same workers, so they speak too.
            results.rounds |= measure.alternate(
                {answering: _steady(web, people, seconds, False)}, 1
            ).rounds
            measure.pin_self(before)
            Turn.unscoped.exclude(status="done").update(status="stopped")
    for name in results.rounds:
        table.add(
            name,
            results.median(name, "p50"),
            results.median(name, "p95"),
            results.median(name, "rate"),
            results.median(name, "ms") if "ms" in results.rounds[name][0] else "",
        )
    table.note(
        f"goals: {GOAL_RATE:.0f} acked a second on one core; p95 under {GOAL_P95:.0f} ms at "
        f"{crowd} sockets with 50 answers at once"
    )
    table.note(results.remark())
    return [table]


def transactions(place: Place, people: list[visitors.Someone], seconds: float) -> Figures:
    """What cannot be cheaper: hold the visitor, raise the seq, insert the line, commit."""
    chat = Chat.unscoped.select_related("session__visitor").get(chat_id=people[0].chat_id)
    visitor = chat.session.visitor_id
    took = []
    with psycopg.connect(place.environment["DATABASE_URL"]) as connection:
        cursor, began = connection.cursor(), time.perf_counter()
        while time.perf_counter() - began < seconds / 2:
            start = time.perf_counter()
            cursor.execute("SELECT id FROM chat_visitor WHERE id = %s FOR UPDATE", [visitor])
            cursor.execute(
                "UPDATE chat_chat SET seq = seq + 1 WHERE id = %s RETURNING seq", [chat.pk]
            )
            (seq,) = cursor.fetchone() or (0,)
            cursor.execute(
                "INSERT INTO chat_message (organization_id, chat_id, seq, role, event, content,"
                " sender, client_id, model, sources, is_stopped, offers_support)"
                " VALUES (%s, %s, %s, 'user', '', 'Hello', 'bench', gen_random_uuid(), '', '[]',"
                " false, false)",
                [chat.organization_id, chat.pk, seq],
            )
            connection.commit()
            took.append(time.perf_counter() - start)
    return {
        "p50": measure.percentile(took, 0.5) * 1000,
        "p95": measure.percentile(took, 0.95) * 1000,
        "rate": len(took) / (seconds / 2),
    }


def _steady(
    web: Web, people: list[visitors.Someone], seconds: float, is_echo: bool
) -> Callable[[], Figures]:
    return lambda: uvloop.run(steady(web, people, seconds, is_echo))


async def opened(web: Web, people: list[visitors.Someone], is_echo: bool) -> list[Client]:
    """A socket for everyone, registered; some at a time, for a silent socket is closed."""
    if is_echo:
        return await connect_many(web.port, "/", len(people))
    clients: list[Client] = []
    ready = asyncio.Semaphore(0)

    def heard(client: Client, payload: bytes) -> None:
        if b'"chat_restored"' in payload:
            ready.release()

    for start in range(0, len(people), AT_ONCE):
        some = people[start : start + AT_ONCE]
        opening = await connect_many(web.port, "/ws/chat/", len(some))
        for client, someone in zip(opening, some, strict=True):
            client.heard = heard
            client.send(someone.register())
        for _ in some:
            await asyncio.wait_for(ready.acquire(), 60)
        clients += opening
    return clients


async def steady(
    web: Web, people: list[visitors.Someone], seconds: float, is_echo: bool
) -> Figures:
    """Messages at a steady rate, each from the next socket; their time counts from when due."""
    clients = await opened(web, people, is_echo)
    due: dict[bytes, float] = {}
    took: list[float] = []

    def heard(client: Client, payload: bytes) -> None:
        now = time.perf_counter()
        if is_echo:
            took.append(now - due.pop(payload, now))
        elif payload.startswith(b'{"type":"message_saved"'):
            took.append(now - due.pop(orjson.loads(payload)["client_id"].encode(), now))

    for client in clients:
        client.heard = heard
    # One socket alone is held to fewer frames a second.
    rate = RATE if is_echo else min(RATE, FRAMES * len(clients))
    count = int(seconds * rate)
    cpu, began = measure.cpu_seconds(web.pid), time.perf_counter()
    for number in range(count):
        moment = began + number / rate
        await asyncio.sleep(max(0.0, moment - time.perf_counter()))
        at = number % len(clients)
        frame = people[at].say("How much does it cost?")
        due[frame if is_echo else orjson.loads(frame)["client_id"].encode()] = moment
        clients[at].send(frame)
    ended = time.perf_counter() + 30
    while len(took) < count and time.perf_counter() < ended:
        await asyncio.sleep(0.005)
    elapsed, cpu = time.perf_counter() - began, measure.cpu_seconds(web.pid) - cpu
    for client in clients:
        client.close()
    await asyncio.sleep(0.3)
    return {
        "p50": measure.percentile(took, 0.5) * 1000,
        "p95": measure.percentile(took, 0.95) * 1000,
        "rate": len(took) / elapsed,
        "ms": cpu / max(1, len(took)) * 1000,
    }


async def busy(web: Web, people: list[visitors.Someone], seconds: float) -> Figures:
    """Every socket says the next thing when the last one is acked; held to its limit of frames."""
    clients = await opened(web, people, False)
    took: list[float] = []
    sent: dict[Client, float] = {}
    of = dict(zip(clients, people, strict=True))
    is_over = False

    def heard(client: Client, payload: bytes) -> None:
        if payload.startswith(b'{"type":"message_saved"'):
            now = time.perf_counter()
            took.append(now - sent[client])
            if not is_over:
                sent[client] = now
                client.send(of[client].say("How much does it cost?"))

    cpu, began = measure.cpu_seconds(web.pid), time.perf_counter()
    for client in clients:
        client.heard = heard
        sent[client] = time.perf_counter()
        client.send(of[client].say("How much does it cost?"))
    await asyncio.sleep(seconds)
    is_over = True
    elapsed, cpu = time.perf_counter() - began, measure.cpu_seconds(web.pid) - cpu
    acked = len(took)
    await asyncio.sleep(1.0)
    for client in clients:
        client.close()
    return {
        "p50": measure.percentile(took, 0.5) * 1000,
        "p95": measure.percentile(took, 0.95) * 1000,
        "rate": acked / elapsed,
        "ms": cpu / max(1, acked) * 1000,
    }
