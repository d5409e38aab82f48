"""The server's CPU for a token that comes over the channel layer and leaves through a socket.

An open loop: tokens are published at a steady rate whatever becomes of them, each with its time.
The limit beside it is the raw echo, which reads a frame and writes one.
"""

from __future__ import annotations

import asyncio
import json
import time

import uvloop

from bench import echo, feed, measure
from bench.client import Client, connect_many
from bench.measure import Figures, Table
from bench.place import FEEDING, Place, Web

GOAL = 2.0
RATE = 50.0


def run(place: Place) -> list[Table]:
    """Tokens to sockets, through ours and through stock Channels."""
    few, many = place.size((75, 200), (3, 4))
    seconds = place.size(2.0, 0.3)
    with (
        place.web("bench.applications.raw:application") as raw,
        place.web("bench.applications.ours:application") as ours,
        place.web("bench.naive.consumer:application") as stock,
    ):
        url = place.environment["REDIS_URL"]
        before = measure.pin_self(FEEDING)
        results = measure.alternate(
            {
                "raw ASGI echo": lambda: uvloop.run(echo.echo(raw, few, seconds)),
                f"ours, {few} streams": lambda: uvloop.run(tokens(ours, url, few, seconds)),
                f"ours, {many} streams": lambda: uvloop.run(tokens(ours, url, many, seconds)),
                f"stock Channels, {few} streams": lambda: uvloop.run(
                    tokens(stock, url, few, seconds)
                ),
            },
            place.rounds,
        )
        measure.pin_self(before)
    table = Table(
        f"Tokens from the layer to sockets, {RATE:.0f} a second each",
        ("path", "CPU us/token", "against raw echo", "hop p50 ms", "hop p95 ms", "lost"),
    )
    for name in results.rounds:
        ratio = results.ratio(name, "raw ASGI echo", "us")
        is_ours, is_echo = name.startswith("ours"), name == "raw ASGI echo"
        table.add(
            name,
            results.median(name, "us"),
            measure.against(ratio, GOAL) if is_ours else ratio,
            "" if is_echo else results.median(name, "p50"),
            "" if is_echo else results.median(name, "p95"),
            "" if is_echo else results.median(name, "lost"),
        )
    table.note(results.remark())
    return [table]


async def tokens(web: Web, redis_url: str, count: int, seconds: float) -> Figures:
    """Stream to `count` sockets, each in a group of its own."""
    clients = await connect_many(web.port, "/", count)
    publisher = await feed.connect(redis_url)
    joined = asyncio.Event()
    waiting = set(clients)
    ages: list[float] = []

    def first(client: Client, payload: bytes) -> None:
        waiting.discard(client)
        client.heard = heard
        if not waiting:
            joined.set()

    def heard(client: Client, payload: bytes) -> None:
        ages.append(feed.age(payload))

    groups = [f"bench.{id(web)}.{number}" for number in range(count)]
    for client, group in zip(clients, groups, strict=True):
        client.heard = first
        client.send(json.dumps({"type": "join", "group": group}).encode())
    await asyncio.wait_for(joined.wait(), 30)
    await feed.stream(publisher, groups, RATE, seconds / 5)
    await asyncio.sleep(0.1)
    ages.clear()
    cpu, began = measure.cpu_seconds(web.pid), time.perf_counter()
    sent = await feed.stream(publisher, groups, RATE, seconds)
    while len(ages) < sent and time.perf_counter() - began < seconds + 5:
        await asyncio.sleep(0.01)
    cpu = measure.cpu_seconds(web.pid) - cpu
    for client in clients:
        client.close()
    publisher.transport.close()
    await asyncio.sleep(0.2)
    return {
        "us": cpu / max(1, len(ages)) * 1e6,
        "p50": measure.percentile(ages, 0.5) * 1000,
        "p95": measure.percentile(ages, 0.95) * 1000,
        "lost": sent - len(ages),
    }
