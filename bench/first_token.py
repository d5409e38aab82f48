"""From a visitor's question to the first word on their socket, beside asking the model directly.

The model speaks at once, so everything that is measured is ours: the socket, the commit, the
broker, the lease, the search, the prompt, the layer. The barest direct call is the limit.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager

import aiohttp
import uvloop
from openai import AsyncOpenAI

from bench import measure, streams, visitors
from bench.client import Client, connect
from bench.measure import Figures, Table
from bench.model import MARK
from bench.place import FEEDING, MEASURED, Place, Web
from chat.models import Turn

GOAL = 2.5
MODEL = "bench-0-1000-3"


def run(place: Place) -> list[Table]:
    """One question after the other, each way."""
    questions = place.size(30, 3)
    widget = visitors.make_widget(model=MODEL)
    people = visitors.make_visitors(widget, (place.rounds * 3 + 1) * questions)
    left = iter(people)
    with (
        streams.model(place) as address,
        streams.worker(place, address),
        naive_worker(place, address),
        place.web("webassistant.asgi:application") as web,
        place.web("bench.naive.chat:application") as naive,
    ):
        before = measure.pin_self(FEEDING)
        results = measure.alternate(
            {
                "direct, aiohttp (the limit)": lambda: uvloop.run(bare(address, questions)),
                "direct, the SDK": lambda: uvloop.run(sdk(address, questions)),
                "ours": lambda: uvloop.run(ours(web, [next(left) for _ in range(questions)])),
                "naive: stock consumer, async_to_sync a token": lambda: uvloop.run(
                    tutorial(naive, questions)
                ),
            },
            place.rounds,
        )
        measure.pin_self(before)
    timings = parts(Turn.objects.of(widget.organization).filter(status="done"))
    table = Table(
        "The first word, one question at a time, a model that speaks at once",
        ("way", "p50 ms", "p95 ms", "against direct", "against the SDK"),
    )
    for name in results.rounds:
        ratio = results.ratio(name, "direct, aiohttp (the limit)", "p50")
        table.add(
            name,
            results.median(name, "p50"),
            results.median(name, "p95"),
            measure.against(ratio, GOAL) if name == "ours" else ratio,
            results.ratio(name, "direct, the SDK", "p50"),
        )
    table.note(f"ours, by the receipts, medians in ms: {timings}")
    table.note(results.remark())
    return [table]


def parts(turns: Iterable[Turn]) -> str:
    """Where the time went, as the receipts tell."""
    rows = [turn.timings for turn in turns]
    names = sorted({name for row in rows for name in row})
    return ", ".join(
        f"{name} {measure.percentile([row.get(name, 0) for row in rows], 0.5):g}" for name in names
    )


def naive_worker(place: Place, address: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """Celery with the naive task."""
    arguments = ["-m", "celery", "-A", "bench.naive.celery_app", "worker", "-Q", "naive"]
    arguments += ["-P", "threads", "-c", "10", "--without-mingle", "--without-gossip"]
    return place.process(arguments, cores=MEASURED, OPENAI_BASE_URL=address)


def spread(took: list[float]) -> Figures:
    """The middle and the slow end, in ms; the first ones only warm up."""
    took = took[len(took) // 5 :]
    return {
        "p50": measure.percentile(took, 0.5) * 1000,
        "p95": measure.percentile(took, 0.95) * 1000,
    }


async def bare(address: str, count: int) -> Figures:
    """The request and nothing more."""
    took = []
    body = {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": "?"}]}
    async with aiohttp.ClientSession() as session:
        for _ in range(count):
            began = time.perf_counter()
            async with session.post(f"{address}/chat/completions", json=body) as response:
                await response.content.readline()
                took.append(time.perf_counter() - began)
                await response.read()
    return spread(took)


async def sdk(address: str, count: int) -> Figures:
    """The vendor's own client and objects."""
    took = []
    async with AsyncOpenAI(api_key="any", base_url=address, max_retries=0) as client:
        for _ in range(count):
            began = time.perf_counter()
            stream = await client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "?"}], stream=True
            )
            first = True
            async for _chunk in stream:
                if first:
                    took.append(time.perf_counter() - began)
                first = False
    return spread(took)


class Words:
    """A queue of what a socket hears."""

    def __init__(self, client: Client) -> None:
        self.frames: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        client.heard = lambda _client, payload: self.frames.put_nowait(
            (time.perf_counter(), payload)
        )

    async def until(self, part: bytes) -> float:
        """When a frame with this in it came."""
        while True:
            moment, payload = await asyncio.wait_for(self.frames.get(), 30)
            if part in payload:
                return moment


async def ours(web: Web, people: list[visitors.Someone]) -> Figures:
    """A question of every visitor, one after the other."""
    took = []
    for someone in people:
        client = await connect(web.port, "/ws/chat/")
        words = Words(client)
        client.send(someone.register())
        await words.until(b'"chat_restored"')
        began = time.perf_counter()
        client.send(someone.say("How much does it cost?"))
        took.append(await words.until(b'"ai_delta"') - began)
        await words.until(b'"ai_response"')
        client.close()
    return spread(took)


async def tutorial(web: Web, count: int) -> Figures:
    """The same through the naive stack."""
    took = []
    for _ in range(count):
        client = await connect(web.port, "/")
        words = Words(client)
        began = time.perf_counter()
        client.send(json.dumps({"model": MODEL, "text": "How much does it cost?"}).encode())
        took.append(await words.until(MARK.encode()) - began)
        for _rest in range(2):
            await words.until(b"")
        client.close()
    return spread(took)
