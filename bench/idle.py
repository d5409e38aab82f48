"""The memory of a visitor who only has the page open, against the barest socket there is."""

from __future__ import annotations

import asyncio

import uvloop

from bench import measure, visitors
from bench.client import Client, connect_many
from bench.measure import Figures, Table
from bench.place import FEEDING, Place, Web, free_port, listens, wait_until

GOAL = 2.0
# As people come: not all in one moment.
AT_ONCE = 50
# So many warm a server up before: its connections to the database, too, which are no visitor's.
WARMING = 200


def run(place: Place) -> list[Table]:
    """Open many sockets on fresh servers and see what each holds."""
    count = place.size(1000, 8)
    people = visitors.make_visitors(visitors.make_widget(), count + WARMING)
    before = measure.pin_self(FEEDING)
    results = measure.alternate(
        {
            "bare `websockets` server (the limit)": lambda: bare(place, count),
            "raw ASGI, uvicorn": lambda: asgi(place, "bench.applications.raw", count),
            "ours, registered and in its group": lambda: registered(place, people, count),
            "stock Channels, in a group": lambda: asgi(place, "bench.naive.consumer", count),
        },
        place.rounds,
        watched=False,
    )
    measure.pin_self(before)
    base = next(iter(results.rounds))
    table = Table(
        f"Memory of an idle visitor, {count} sockets", ("server", "KB a socket", "against bare")
    )
    for name in results.rounds:
        ratio = results.ratio(name, base, "kb")
        table.add(
            name,
            results.median(name, "kb"),
            measure.against(ratio, GOAL) if name.startswith("ours") else ratio,
        )
    return [table]


def bare(place: Place, count: int) -> Figures:
    """The library's own server."""
    port = free_port()
    with place.process(["-m", "bench.naive.websockets_server", str(port)]) as process:
        wait_until(lambda: listens(port), "the bare server listens", process)
        return uvloop.run(grow(Web(port, process.pid), "/", [b""] * (count + WARMING), count))


def asgi(place: Place, module: str, count: int) -> Figures:
    """A small application."""
    with place.web(f"{module}:application") as web:
        first = b"" if module.endswith("raw") else b'{"type":"join","group":"bench.%d"}'
        frames = [first % number if first else b"" for number in range(count + WARMING)]
        return uvloop.run(grow(web, "/", frames, count))


def registered(place: Place, people: list[visitors.Someone], count: int) -> Figures:
    """The product itself."""
    with place.web("webassistant.asgi:application") as web:
        return uvloop.run(grow(web, "/ws/chat/", [someone.register() for someone in people], count))


async def grow(web: Web, path: str, frames: list[bytes], count: int) -> Figures:
    """Open a socket for every first frame; what the last `count` take is what is measured."""
    answered = asyncio.Semaphore(0)

    def heard(client: Client, payload: bytes) -> None:
        if b'"chat_restored"' in payload or b'"joined"' in payload:
            answered.release()

    async def begin(some: list[bytes]) -> list[Client]:
        clients: list[Client] = []
        for start in range(0, len(some), AT_ONCE):
            part = some[start : start + AT_ONCE]
            opened = await connect_many(web.port, path, len(part))
            for client, frame in zip(opened, part, strict=True):
                client.heard = heard
                if frame:
                    client.send(frame)
            for frame in part:
                if frame:
                    await asyncio.wait_for(answered.acquire(), 60)
            clients += opened
        # Freed memory is counted once the server has come to rest.
        await asyncio.sleep(0.5)
        return clients

    clients = await begin(frames[:-count])
    before = measure.memory_kb(web.pid)
    clients += await begin(frames[-count:])
    grown = measure.memory_kb(web.pid) - before
    for client in clients:
        client.close()
    return {"kb": grown / count}
