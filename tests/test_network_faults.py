"""Bad networks: real clients, real servers, and a proxy between them that cuts and loses."""

from __future__ import annotations

import asyncio
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction

from chaos import journal
from chaos.client import Place
from chaos.journal import Journal
from chaos.people import Visitor
from chaos.proxy import Proxy
from chat import conversation
from chat.models import Chat, Message
from tests.processes import web
from tests.product import SECONDS
from tests.services_plugin import ROOT

# How many cuts the slice of every test run has; `make chaos FAULTS=network` has 2,000.
CUTS = 40


async def until(is_true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_true():
        assert time.monotonic() < deadline, f"not in {SECONDS} s: {what}"
        await asyncio.sleep(0.02)


class Visit:
    """A visitor of a real server, through a proxy."""

    def __init__(self, folder: Path, port: int, key: str) -> None:
        self.path = folder / "journal.jsonl"
        self.journal = Journal(self.path)
        self.proxy = Proxy(port, self.journal, random.Random(1), stalled_share=0)
        self.key = key
        self.visitor: Visitor

    async def run(self, scenario: Callable[[Visit], Any]) -> None:
        await self.proxy.listen()
        place = Place(self.proxy.port)
        self.visitor = Visitor(
            self.key, who="v0", places=[place], journal=self.journal, luck=random.Random(1)
        )
        staying = asyncio.ensure_future(self.visitor.stay())
        try:
            await until(self.visitor.ready.is_set, "the visitor is served")
            self.visitor.ask()
            await until(lambda: self.seen == 1, "the first message is shown")
            await scenario(self)
        finally:
            staying.cancel()
            with suppress(asyncio.CancelledError):
                await staying
            await self.proxy.close()
            self.journal.close()

    @property
    def seen(self) -> int:
        return self.visitor.transcript.last_seq

    def has_seen(self, seq: int) -> bool:
        return self.seen == seq

    def happened(self, what: str) -> int:
        self.journal.flush()
        return sum(event["what"] == what for event in journal.read(self.path))


def say_quietly() -> None:
    """A line of the chat that no event tells of, as when Redis was away at that moment."""
    with transaction.atomic():
        locked = conversation.lock(Chat.unscoped.get())
        conversation.append(
            locked, role=Message.Role.OPERATOR, content="Psst", sender="system", quietly=True
        )


@pytest.mark.django_db(transaction=True)
def test_silent_gap_is_healed_by_the_ping_of_a_socket_that_stays_up(
    acme: Any, tmp_path: Path
) -> None:
    async def scenario(visit: Visit) -> None:
        await sync_to_async(say_quietly)()
        await until(lambda: visit.seen == 2, "the line that nobody told of is shown")
        assert visit.happened("open") == 1

    with web(tmp_path, PING_SECONDS="1") as (_server, port):
        asyncio.run(Visit(tmp_path, port, acme.widget.key).run(scenario))


@pytest.mark.django_db(transaction=True)
def test_swallowed_event_is_healed_by_the_next_one(acme: Any, tmp_path: Path) -> None:
    async def scenario(visit: Visit) -> None:
        visit.proxy.lines[0].swallow = True
        visit.visitor.ask()
        await until(lambda: visit.happened("swallowed"), "the event is lost")
        visit.visitor.ask()
        await until(lambda: visit.seen == 3, "both lines are shown")
        assert visit.happened("open") == 1

    # No ping comes to help.
    with web(tmp_path, PING_SECONDS="600") as (_server, port):
        asyncio.run(Visit(tmp_path, port, acme.widget.key).run(scenario))


@pytest.mark.django_db(transaction=True)
def test_message_cut_in_mid_frame_is_sent_again_and_stored_once(acme: Any, tmp_path: Path) -> None:
    async def scenario(visit: Visit) -> None:
        for number in range(2, 8):
            visit.proxy.shorten(visit.proxy.lines[0])
            visit.visitor.ask()
            await until(partial(visit.has_seen, number), "the message is shown")
            await until(lambda: not visit.visitor.outbox, "the message is acked")
        assert visit.happened("mid-frame") >= 6

    with web(tmp_path) as (_server, port):
        asyncio.run(Visit(tmp_path, port, acme.widget.key).run(scenario))
    assert list(Message.unscoped.order_by("seq").values_list("seq", flat=True)) == [*range(1, 8)]


def test_slice_of_the_cuts_violates_nothing() -> None:
    command = [sys.executable, "-m", "chaos", "break", "--faults", "network", "--seed", "1"]
    command += ["--count", str(CUTS), "--visitors", "10", "--operators", "2", "--untimed"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    counts = {name: int(count) for count, name in re.findall(r"^ +(\d+)  (.+)$", done.stdout, re.M)}
    assert done.returncode == 0, done.stdout + done.stderr
    assert counts["cuts between"] + counts["cuts mid-frame"] >= CUTS
    assert min(counts["cuts between"], counts["cuts mid-frame"]) >= CUTS / 3
    assert counts["texts acked"] == counts["texts sent"]
    assert counts["connections lost"] >= CUTS / 2
