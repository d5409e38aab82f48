"""The kill run's own parts: the checker sees every kind of lie, the proxy does what it says."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from chaos import checker, journal, schedule
from chaos.checker import Chat, Line, Note, Stored, Turn
from chaos.journal import Journal, fingerprint
from chaos.proxy import Frames, Proxy, payload
from chaos.transcript import Transcript

WORDS = 3
ANSWER = "0~1.000000 1~1.100000 2~1.200000"
ASKED, NOTED = str(uuid.uuid4()), str(uuid.uuid4())

Events = list[dict[str, Any]]


def true_story() -> tuple[Events, Stored]:
    """One question, its answer and a note, as they should be."""
    question = Line("chat", 1, "user", "Question", client_id=ASKED, at=100.0)
    answer = Line("chat", 2, "assistant", ANSWER, turn=7, at=104.0)
    stored = Stored(
        chats=[Chat("chat", 2, "ai", 1)],
        lines=[question, answer],
        turns=[Turn(7, "chat", "done", 1, 1)],
        notes=[Note("chat", NOTED, "A note")],
    )
    events: Events = [
        {"t": 100.0, "who": "v0", "what": "sent", "id": ASKED, "kind": "message"},
        {"t": 100.1, "who": "v0", "what": "acked", "id": ASKED, "seq": 1, "chat": "chat"},
        {"t": 100.0, "who": "o0", "what": "sent", "id": NOTED, "kind": "note"},
        {"t": 100.1, "who": "o0", "what": "acked", "id": NOTED, "seq": 1, "chat": "chat"},
        *(
            {
                "t": line.at + 0.1,
                "who": "v0",
                "what": "line",
                "chat": "chat",
                "seq": line.seq,
                "role": line.role,
                "print": fingerprint(line.text),
            }
            for line in stored.lines
        ),
        {"who": "v0", "what": "final", "chat": "chat", "first": 1, "last": 2, "unacked": []},
    ]
    events[0]["text"], events[2]["text"] = "Question", "A note"
    return events, stored


def verdict(events: Events, stored: Stored) -> str:
    return "; ".join(checker.check(events, stored, WORDS).violations)


def test_true_story_has_no_violation() -> None:
    assert verdict(*true_story()) == ""


def change(stored: Stored, name: str, number: int, **fields: Any) -> None:
    rows = getattr(stored, name)
    rows[number] = replace(rows[number], **fields)


LIES: list[tuple[str, Callable[[Events, Stored], object]]] = [
    ("is lost", lambda e, s: change(s, "lines", 0, client_id=None)),
    ("acked note", lambda e, s: s.notes.clear()),
    ("stored otherwise", lambda e, s: e[1].update(seq=2)),
    ("stored otherwise", lambda e, s: change(s, "lines", 0, text="Answer?")),
    ("without an answer", lambda e, s: e[-1].update(unacked=[ASKED])),
    ("2 times stored", lambda e, s: s.lines.append(replace(s.lines[0], seq=3, client_id="x"))),
    ("2 times stored", lambda e, s: s.notes.append(replace(s.notes[0], client_id="x"))),
    ("never sent", lambda e, s: s.lines.append(Line("chat", 3, "user", "Who?"))),
    ("has a gap", lambda e, s: change(s, "chats", 0, seq=3)),
    ("has a gap", lambda e, s: change(s, "lines", 1, seq=3)),
    ("has a gap", lambda e, s: s.lines.append(s.lines[1])),
    ("saw another line", lambda e, s: e[4].update(print="0" * 16)),
    ("saw another line", lambda e, s: e[5].update(role="operator")),
    ("saw another line", lambda e, s: e[5].update(seq=9)),
    ("never saw some lines", lambda e, s: e.pop(5)),
    ("ends at 1 of 2", lambda e, s: e[-1].update(last=1)),
    ("did not come to agree", lambda e, s: e.append({"who": "v0", "what": "disagrees"})),
    ("is stuck as running", lambda e, s: change(s, "turns", 0, status="running")),
    ("(done) has 0 answers", lambda e, s: change(s, "lines", 1, turn=None)),
    ("(failed) has 0 answers", lambda e, s: s.turns.append(Turn(8, "chat", "failed", 2, 2))),
    ("has 2 answers", lambda e, s: s.lines.append(replace(s.lines[1], seq=3))),
    ("broken text", lambda e, s: change(s, "lines", 1, text="0~1.0 1~1.1")),
    ("broken text", lambda e, s: change(s, "lines", 1, text="0~1.0 " + ANSWER)),
    ("overlap", lambda e, s: s.turns.append(Turn(8, "chat", "stopped", 1, 2))),
    ("never answered", lambda e, s: change(s, "chats", 0, answered_seq=0)),
]


@pytest.mark.parametrize(("sentence", "lie"), LIES)
def test_checker_sees(sentence: str, lie: Callable[[Events, Stored], object]) -> None:
    events, stored = true_story()
    lie(events, stored)
    assert sentence in verdict(events, stored)


def test_checker_times_the_healing_of_a_gap_on_a_socket_that_stayed_up() -> None:
    events, stored = true_story()
    events += [
        {"t": 90.0, "who": "v0", "what": "open", "port": 5},
        {"t": 80.0, "who": "network", "what": "swallowed", "port": 5, "chat": "chat", "seq": 2},
    ]
    events[-1]["t"] = 104.0
    assert checker.check(events, stored, WORDS).times["gap healed"] == [pytest.approx(0.1)]
    events[-1]["t"], events[-2]["t"] = 80.0, 70.0
    report = checker.check(events, stored, WORDS)
    checker.judge_times(report)
    assert report.violations == ["a silent gap took 24.1 s to heal, the goal is 16 s"]
    events.append({"t": 90.0, "who": "v0", "what": "lost", "code": 1006})
    assert checker.check(events, stored, WORDS).times["gap healed"] == []


def test_goals_are_held_against_the_95th_of_a_hundred() -> None:
    times = {"resume": [1.0] * 94 + [9.0] * 6, "answered again": [19.0], "gap healed": [15.9]}
    report = checker.Report(times=times)
    checker.judge_times(report)
    assert report.violations == ["resume: p95 is 9.00 s, the goal is 3 s"]


def test_resume_is_counted_from_when_somebody_could_serve() -> None:
    parts = [
        ("ended", "web1", 10.0),
        ("ended", "web2", 12.0),
        ("serves", "web1", 15.0),
        ("ended", "redis", 20.0),
        ("serves", "web2", 21.0),
        ("serves", "redis", 22.0),
    ]
    gaps = checker.outages({"what": what, "who": who, "t": t} for what, who, t in parts)
    assert gaps == [(12.0, 15.0), (20.0, 22.0)]
    assert checker.resumed({"t": 11.0, "seconds": 0.5}, gaps) == 0.5
    assert checker.resumed({"t": 16.0, "seconds": 3.5}, gaps) == 1.0
    assert checker.resumed({"t": 23.0, "seconds": 13.0}, gaps) == 1.0
    # A chat that is restored while an outage lasts was under way before it.
    assert checker.resumed({"t": 21.0, "seconds": 1.0}, gaps) == 0.0


def test_same_seed_is_the_same_schedule_and_spares_nobody() -> None:
    one = schedule.kills(80, "1")
    assert one == schedule.kills(80, "1") != schedule.kills(80, "2")
    parts = [kill.part for kill in one]
    assert {part: parts.count(part) for part in set(schedule.BAG)} == {
        part: 5 * schedule.BAG.count(part) for part in set(schedule.BAG)
    }


# --- the clients' rules -----------------------------------------------------------------------


@given(st.permutations(range(1, 9)), st.lists(st.integers(1, 8)))
def test_transcript_takes_each_line_once_and_in_order(order: list[int], again: list[int]) -> None:
    seen: list[int] = []
    own = Transcript(seen=lambda chat, line: seen.append(line["seq"]), chat_id="chat")
    for seq in [*order, *again]:
        own.receive({"seq": seq, "role": "user", "event": ""})
    assert seen == list(range(1, 9))
    assert (own.last_seq, own.early, own.wants) == (8, {}, False)


def test_transcript_asks_for_a_gap_and_the_answer_fills_it() -> None:
    seen: list[int] = []
    own = Transcript(seen=lambda chat, line: seen.append(line["seq"]), chat_id="chat")
    own.receive({"seq": 3, "role": "user", "event": ""})
    assert own.wants
    history = [{"seq": seq, "role": "user", "event": ""} for seq in (1, 2)]
    own.restore(
        {
            "has_existing_chat": True,
            "chat_id": "chat",
            "after_seq": 0,
            "head_seq": 3,
            "history": history,
            "epoch": 1,
            "mode": "ai",
            "is_answering": False,
        }
    )
    assert seen == [1, 2, 3]
    assert not own.wants


# --- the proxy --------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 50), st.booleans())
def test_frames_are_found_however_they_are_cut(bodies: list[bytes], step: int, long: bool) -> None:
    bodies = [*bodies, b"x" * 70_000] if long else bodies
    frames = [Frame(Opcode.TEXT, body).serialize(mask=False) for body in bodies]
    stream = b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + b"".join(frames)
    step = max(step, len(stream) // 200)
    taken, found = Frames(), []
    for start in range(0, len(stream), step):
        found += taken.feed(stream[start : start + step])
    assert found[1:] == frames
    assert [payload(frame) for frame in found[1:]] == bodies


class Through:
    """A server that echoes, behind a proxy, with a client in front."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal(folder / "journal.jsonl")
        self.proxy: Proxy

    async def run(self, scenario: Callable[[Through, Any], Any]) -> None:
        async def echo(socket: ServerConnection) -> None:
            with suppress(ConnectionClosed):
                async for text in socket:
                    await socket.send(text)

        try:
            async with serve(echo, "127.0.0.1", 0, compression=None) as server:
                port = server.sockets[0].getsockname()[1]
                self.proxy = Proxy(port, self.journal, random.Random(1))
                await self.proxy.listen()
                async with connect(f"ws://127.0.0.1:{self.proxy.port}", proxy=None) as client:
                    await scenario(self, client)
                await self.proxy.close()
        finally:
            self.journal.close()


def line_of(seq: int) -> str:
    return json.dumps(
        {"type": "message", "chat_id": "chat", "message": {"seq": seq}}, separators=(",", ":")
    )


def test_proxy_passes_on_swallows_one_line_and_says_which(tmp_path: Path) -> None:
    async def scenario(through: Through, client: Any) -> None:
        await client.send(line_of(1))
        assert await client.recv() == line_of(1)
        through.proxy.lines[0].swallow = True
        for text in ("delta", line_of(2), line_of(3)):
            await client.send(text)
        assert [await client.recv(), await client.recv()] == ["delta", line_of(3)]

    asyncio.run(Through(tmp_path).run(scenario))
    (lost,) = journal.read(tmp_path / "journal.jsonl")
    assert (lost["what"], lost["chat"], lost["seq"]) == ("swallowed", "chat", 2)


def test_proxy_cuts_in_the_middle_of_a_frame(tmp_path: Path) -> None:
    received: list[bytes] = []

    async def scenario(through: Through, client: Any) -> None:
        taking = client.data_received

        def take(data: bytes) -> None:
            received.append(data)
            taking(data)

        client.data_received = take
        through.proxy.shorten(through.proxy.lines[0])
        await client.send("x" * 100)
        with pytest.raises(ConnectionClosed):
            await client.recv()

    asyncio.run(Through(tmp_path).run(scenario))
    (cut,) = journal.read(tmp_path / "journal.jsonl")
    assert cut["what"] == "mid-frame"
    # The server's library saw a broken frame too, and had nothing whole to echo.
    assert received == []


def test_deaf_line_stays_open_and_carries_nothing(tmp_path: Path) -> None:
    async def scenario(through: Through, client: Any) -> None:
        line = through.proxy.lines[0]
        line.is_deaf = True
        await client.send("Hello?")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.recv(), 0.3)
        assert client.close_code is None
        line.cut()
        with pytest.raises(ConnectionClosed):
            await client.recv()

    asyncio.run(Through(tmp_path).run(scenario))
