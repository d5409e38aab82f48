"""Compares what the clients wrote down with what the database holds, after everything has ended.

`check` is a function of plain data, so that its own tests can hand it every kind of lie.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from chaos.journal import fingerprint

Event = dict[str, Any]

RESUME_GOAL = 3.0
ANSWER_GOAL = 20.0
HEAL_GOAL = 16.0
_WORD = re.compile(r"(\d+)~\d+\.\d+ ")


@dataclass(frozen=True)
class Line:
    """A message as stored."""

    chat: str
    seq: int
    role: str
    text: str
    client_id: str | None = None
    turn: int | None = None
    is_stopped: bool = False
    at: float = 0.0


@dataclass(frozen=True)
class Turn:
    """An attempt to answer, as stored."""

    number: int
    chat: str
    status: str
    from_seq: int
    upto_seq: int
    failures: int = 0


@dataclass(frozen=True)
class Chat:
    """A chat's own idea of itself."""

    chat: str
    seq: int
    mode: str
    answered_seq: int


@dataclass(frozen=True)
class Note:
    """An operator's note, as stored."""

    chat: str
    client_id: str
    text: str


@dataclass
class Stored:
    """The database at the end."""

    chats: list[Chat] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


@dataclass
class Report:
    """What was violated (each a sentence), what was counted, and what was timed, in seconds."""

    violations: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    times: dict[str, list[float]] = field(default_factory=dict)

    def wrong(self, sentence: str) -> None:
        self.violations.append(sentence)


def read_database(url: str) -> Stored:
    """Everything the checker compares with."""
    with psycopg.connect(url, row_factory=namedtuple_row) as connection:

        def rows(query: str) -> list[Any]:
            return connection.execute(query.encode()).fetchall()

        return Stored(
            chats=[
                Chat(str(row.chat_id), row.seq, row.mode, row.answered_seq)
                for row in rows("SELECT chat_id, seq, mode, answered_seq FROM chat_chat")
            ],
            lines=[
                Line(
                    chat=str(row.chat),
                    seq=row.seq,
                    role=row.role,
                    text=row.content,
                    client_id=str(row.client_id) if row.client_id else None,
                    turn=row.turn_id,
                    is_stopped=row.is_stopped,
                    at=row.at,
                )
                for row in rows(
                    "SELECT c.chat_id AS chat, m.seq, m.role, m.content, m.client_id, m.turn_id,"
                    " m.is_stopped, extract(epoch FROM m.timestamp)::float8 AS at"
                    " FROM chat_message m JOIN chat_chat c ON c.id = m.chat_id"
                    " ORDER BY m.chat_id, m.seq"
                )
            ],
            turns=[
                Turn(
                    number=row.id,
                    chat=str(row.chat),
                    status=row.status,
                    from_seq=row.from_seq,
                    upto_seq=row.upto_seq,
                    failures=row.failures,
                )
                for row in rows(
                    "SELECT t.id, c.chat_id AS chat, t.status, t.from_seq, t.upto_seq, t.failures"
                    " FROM chat_turn t JOIN chat_chat c ON c.id = t.chat_id ORDER BY t.id"
                )
            ],
            notes=[
                Note(str(row.chat), str(row.client_id), row.content)
                for row in rows(
                    "SELECT c.chat_id AS chat, n.client_id, n.content"
                    " FROM chat_note n JOIN chat_chat c ON c.id = n.chat_id"
                )
            ],
        )


def check(events: Iterable[Event], stored: Stored, words: int) -> Report:
    """All the promises at once; `words` is the length of a whole answer of the paced model."""
    report, by_what = Report(), defaultdict(list)
    for event in events:
        by_what[event["what"]].append(event)
    lines = {(line.chat, line.seq): line for line in stored.lines}
    _acked_is_stored(report, by_what, stored)
    _nothing_is_doubled(report, by_what, stored)
    _seq_has_no_gap(report, stored)
    _views_equal_the_database(report, by_what, stored, lines)
    _one_answer_a_turn(report, stored, words)
    _nobody_is_left_without_an_answer(report, stored)
    _times(report, by_what, lines)
    report.counts |= {
        "texts sent": len(by_what["sent"]),
        "texts acked": len({event["id"] for event in by_what["acked"]}),
        "texts refused for good": sum(bool(e["final"] and e["id"]) for e in by_what["refused"]),
        "commands refused": sum(not e["id"] for e in by_what["refused"]),
        "texts refused for now": sum(bool(not e["final"] and e["id"]) for e in by_what["refused"]),
        "lines stored": len(stored.lines),
        "lines compared with what a client saw": len(by_what["line"]),
        "connections lost": len(by_what["lost"]),
        "goodbyes heard": sum(event["code"] == "bye" for event in by_what["lost"]),
        "turns": len(stored.turns),
        "turns given up with an apology": sum(t.status == "failed" for t in stored.turns),
        "turns whose worker was lost": sum(turn.failures > 0 for turn in stored.turns),
        **{f"cuts {kind}": len(by_what[kind]) for kind in ("between", "mid-frame")},
        "lines gone deaf": len(by_what["deaf"]),
        "events swallowed": len(by_what["swallowed"]),
    }
    return report


def _acked_is_stored(report: Report, by_what: dict[str, list[Event]], stored: Stored) -> None:
    texts = {event["id"]: event for event in by_what["sent"]}
    said = {line.client_id: line for line in stored.lines if line.client_id}
    noted = {note.client_id: note for note in stored.notes}
    for event in by_what["acked"]:
        sent, line = texts[event["id"]], said.get(event["id"])
        if sent["kind"] == "note":
            note = noted.get(event["id"])
            if note is None or (note.chat, note.text) != (event["chat"], sent["text"]):
                report.wrong(f"acked note {event['id']} of {event['who']} is lost")
        elif line is None:
            report.wrong(f"acked message {event['id']} of {event['who']} is lost")
        elif (line.chat, line.seq, line.text) != (event["chat"], event["seq"], sent["text"]):
            report.wrong(f"acked message {event['id']} of {event['who']} is stored otherwise")
    for event in by_what["final"]:
        if event["unacked"]:
            report.wrong(f"{event['who']} has {len(event['unacked'])} texts without an answer")


def _nothing_is_doubled(report: Report, by_what: dict[str, list[Event]], stored: Stored) -> None:
    # No two texts of a run are the same, so a text that is there twice was doubled.
    own = {event["text"] for event in by_what["sent"]}
    texts = Counter(line.text for line in stored.lines if line.role in ("user", "operator"))
    texts.update(note.text for note in stored.notes)
    for text, count in texts.items():
        if count > 1:
            report.wrong(f"{count} times stored: {text!r}")
        if text not in own:
            report.wrong(f"stored and never sent: {text!r}")


def _seq_has_no_gap(report: Report, stored: Stored) -> None:
    seqs = defaultdict(list)
    for line in stored.lines:
        seqs[line.chat].append(line.seq)
    for chat in stored.chats:
        if sorted(seqs[chat.chat]) != list(range(1, chat.seq + 1)):
            report.wrong(f"chat {chat.chat} has a gap below its seq {chat.seq}")


def _views_equal_the_database(
    report: Report,
    by_what: dict[str, list[Event]],
    stored: Stored,
    lines: dict[tuple[str, int], Line],
) -> None:
    heads = {chat.chat: chat.seq for chat in stored.chats}
    prints = {place: fingerprint(line.text) for place, line in lines.items()}
    seen = defaultdict(set)
    for event in by_what["line"]:
        place = (event["chat"], event["seq"])
        seen[event["who"], event["chat"]].add(event["seq"])
        line = lines.get(place)
        if line is None or (line.role, prints[place]) != (event["role"], event["print"]):
            report.wrong(f"{event['who']} saw another line {event['seq']} of {event['chat']}")
    for event in by_what["final"]:
        who, chat = event["who"], event["chat"]
        if chat is None:
            continue
        if event["last"] != heads.get(chat):
            report.wrong(f"{who} ends at {event['last']} of {heads.get(chat)} in {chat}")
        if set(range(event["first"], event["last"] + 1)) - seen[who, chat]:
            report.wrong(f"{who} never saw some lines of {chat}")
    for event in by_what["disagrees"]:
        report.wrong(f"{event['who']} did not come to agree with the server")


def _one_answer_a_turn(report: Report, stored: Stored, words: int) -> None:
    answers = defaultdict(list)
    for line in stored.lines:
        if line.turn is not None:
            answers[line.turn].append(line)
    covered = defaultdict(list)
    for turn in stored.turns:
        covered[turn.chat].append(turn)
        found = answers[turn.number]
        if turn.status in ("queued", "running"):
            report.wrong(f"turn {turn.number} is stuck as {turn.status}")
        if len(found) > 1 or (turn.status in ("done", "failed") and len(found) != 1):
            report.wrong(f"turn {turn.number} ({turn.status}) has {len(found)} answers")
        if turn.status == "done" and found and not _is_whole(found[0], words):
            report.wrong(f"turn {turn.number} was answered with a broken text")
    for chat, turns in covered.items():
        turns.sort(key=lambda turn: turn.from_seq)
        for one, next_one in pairwise(turns):
            if next_one.from_seq <= one.upto_seq:
                report.wrong(f"turns {one.number} and {next_one.number} of {chat} overlap")


def _is_whole(line: Line, words: int) -> bool:
    """The paced model numbers its words: all of one attempt, each once, in order."""
    # The last word's space is stripped where texts are.
    numbers = _WORD.findall(line.text.rstrip() + " ")
    return numbers == [str(number) for number in range(words)]


def _nobody_is_left_without_an_answer(report: Report, stored: Stored) -> None:
    last_words: dict[str, int] = {}
    for line in stored.lines:
        if line.role == "user":
            last_words[line.chat] = max(line.seq, last_words.get(line.chat, 0))
    for chat in stored.chats:
        if chat.mode == "ai" and last_words.get(chat.chat, 0) > chat.answered_seq:
            report.wrong(f"chat {chat.chat} was never answered after {chat.answered_seq}")


def _times(
    report: Report,
    by_what: dict[str, list[Event]],
    lines: dict[tuple[str, int], Line],
) -> None:
    first_seen: dict[tuple[str, str, int], float] = {}
    for event in by_what["line"]:
        first_seen.setdefault((event["who"], event["chat"], event["seq"]), event["t"])
    back = [event for event in by_what["restored"] if event["seconds"] is not None]
    gaps = outages([*by_what["ended"], *by_what["serves"]])
    report.times = {
        "resume": [resumed(event, gaps) for event in back if event["after"] != "bye"],
        "without a server for it": [end - begin for begin, end in gaps],
        "resume after a goodbye": [event["seconds"] for event in back if event["after"] == "bye"],
        "speaks again": [event["seconds"] for event in by_what["again"]],
        "answered again": [event["seconds"] for event in by_what["answered again"]],
        "from the commit to the eye": sorted(
            moment - lines[chat, seq].at
            for (who, chat, seq), moment in first_seen.items()
            # An operator is shown old lines for the first time.
            if (chat, seq) in lines and who.startswith("v")
        ),
        "gap healed": _healed(by_what, first_seen),
    }


def outages(events: Iterable[Event]) -> list[tuple[float, float]]:
    """When no client could be served: no web server, or no PostgreSQL, or no Redis."""
    down: set[str] = set()
    begun, found = 0.0, []
    for event in sorted(events, key=lambda event: event["t"]):
        was_out = _is_out(down)
        (down.add if event["what"] == "ended" else down.discard)(event["who"])
        if _is_out(down) and not was_out:
            begun = event["t"]
        elif was_out and not _is_out(down):
            found.append((begun, event["t"]))
    return found


def _is_out(down: set[str]) -> bool:
    return {"web1", "web2"} <= down or bool({"postgres", "redis"} & down)


def resumed(event: Event, gaps: Sequence[tuple[float, float]]) -> float:
    """From the disconnect, or from the end of an outage in between, to the restored chat."""
    lost = event["t"] - event["seconds"]
    begin = max([lost, *(end for start, end in gaps if start < event["t"] and end > lost)])
    return max(0.0, float(event["t"] - begin))


def _healed(
    by_what: dict[str, list[Event]], first_seen: dict[tuple[str, str, int], float]
) -> list[float]:
    """For each swallowed event: how long until its line was seen, where the socket stayed up."""
    opened: dict[int, list[Event]] = defaultdict(list)
    for event in by_what["open"]:
        opened[event["port"]].append(event)
    lost: dict[str, list[float]] = defaultdict(list)
    for event in by_what["lost"]:
        lost[event["who"]].append(event["t"])
    times = []
    for event in by_what["swallowed"]:
        before = [o for o in opened[event["port"]] if o["t"] <= event["t"] + 1]
        if not before:
            continue
        who = before[-1]["who"]
        moment = first_seen.get((who, event["chat"], event["seq"]))
        cut = min((t for t in lost[who] if t > event["t"]), default=float("inf"))
        if moment is not None and event["t"] <= moment < cut:
            times.append(moment - event["t"])
    return times


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def judge_times(report: Report) -> None:
    """Hold the goals of `docs/reliability.md` against the times."""
    for name, goal in (("resume", RESUME_GOAL), ("answered again", ANSWER_GOAL)):
        found = percentile(report.times[name], 0.95)
        if found > goal:
            report.wrong(f"{name}: p95 is {found:.2f} s, the goal is {goal:.0f} s")
    if (worst := max(report.times["gap healed"], default=0)) > HEAL_GOAL:
        report.wrong(f"a silent gap took {worst:.1f} s to heal, the goal is {HEAL_GOAL:.0f} s")


def text_of(report: Report) -> str:
    """The report for a person."""
    out = [f"  {count:>8}  {name}" for name, count in report.counts.items() if count]
    for name, values in report.times.items():
        if values:
            p50, p95, p99 = (percentile(values, share) for share in (0.5, 0.95, 0.99))
            out.append(
                f"  {name}: p50 {p50:.2f} s, p95 {p95:.2f} s, p99 {p99:.2f} s,"
                f" worst {max(values):.2f} s ({len(values)} times)"
            )
    out += [f"  VIOLATED: {sentence}" for sentence in report.violations[:40]]
    if len(report.violations) > 40:
        out.append(f"  and {len(report.violations) - 40} violations more")
    out.append(f"  violations: {len(report.violations)}")
    return "\n".join(out)
