"""The CPU of one frame in and one out, against ASGI with nothing on it.

A closed loop: every socket sends its next frame when the last one is back, so the server is always
busy and its CPU time divided by the frames is what a frame costs.
"""

from __future__ import annotations

import asyncio
import functools
import time

import uvloop

from bench import measure
from bench.client import Client, connect_many
from bench.measure import Figures, Table
from bench.place import FEEDING, Place, Web

FRAME = b'{"type":"echo","text":"0123456789012345678901234"}'
GOAL = 1.4


def run(place: Place) -> list[Table]:
    """Echo through every stack."""
    sockets, seconds = place.size(100, 4), place.size(1.5, 0.2)
    with (
        place.web("bench.applications.raw:application") as raw,
        place.web("bench.applications.ours:application") as ours,
        place.web("bench.naive.consumer:application") as stock,
        place.web("bench.naive.consumer:application", server="daphne") as daphne,
    ):
        servers = {
            "raw ASGI, uvicorn (the limit)": raw,
            "ours": ours,
            "stock Channels, uvicorn": stock,
            "stock Channels, Daphne": daphne,
        }
        before = measure.pin_self(FEEDING)
        results = measure.alternate(
            {
                name: functools.partial(run_echo, web, sockets, seconds)
                for name, web in servers.items()
            },
            place.rounds,
        )
        measure.pin_self(before)
    base = next(iter(servers))
    table = Table(
        f"Socket echo, {sockets} sockets, closed loop",
        ("server", "CPU us/frame", "against raw", "frames/s", "p50 ms", "p95 ms"),
    )
    for name in servers:
        ratio = results.ratio(name, base, "us")
        table.add(
            name,
            results.median(name, "us"),
            measure.against(ratio, GOAL) if name == "ours" else ratio,
            results.median(name, "rate"),
            results.median(name, "p50"),
            results.median(name, "p95"),
        )
    table.note(results.remark())
    return [table]


def run_echo(web: Web, count: int, seconds: float) -> Figures:
    """One round."""
    return uvloop.run(echo(web, count, seconds))


async def echo(web: Web, count: int, seconds: float) -> Figures:
    """Keep `count` sockets busy for a while."""
    clients = await connect_many(web.port, "/", count)
    latencies: list[float] = []
    sent: dict[Client, float] = {}
    is_over = False

    def heard(client: Client, payload: bytes) -> None:
        now = time.perf_counter()
        latencies.append(now - sent[client])
        if not is_over:
            sent[client] = now
            client.send(FRAME)

    for client in clients:
        client.heard = heard
        sent[client] = time.perf_counter()
        client.send(FRAME)
    # The first frames fill caches.
    await asyncio.sleep(seconds / 5)
    latencies.clear()
    began, cpu = time.perf_counter(), measure.cpu_seconds(web.pid)
    await asyncio.sleep(seconds)
    frames = len(latencies)
    cpu, elapsed = measure.cpu_seconds(web.pid) - cpu, time.perf_counter() - began
    is_over = True
    for client in clients:
        client.close()
    # Sockets that are still closing would cost the next round.
    await asyncio.sleep(seconds / 5)
    return {
        "us": cpu / frames * 1e6,
        "rate": frames / elapsed,
        "p50": measure.percentile(latencies, 0.5) * 1000,
        "p95": measure.percentile(latencies, 0.95) * 1000,
    }
