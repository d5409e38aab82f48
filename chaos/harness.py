"""One run from start to verdict: the stack, the people, the misfortune, the settling, the check."""

from __future__ import annotations

import itertools
import json
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from chaos import checker, journal, schedule
from chaos.stack import WORDS, Stack
from webassistant import services
from webassistant.boot.child import BootError
from webassistant.boot.processes import Process

SETTLING_SECONDS = 180


@dataclass(frozen=True)
class Run:
    """What a run is made of."""

    seed: str
    visitors: int = 50
    operators: int = 5
    kills: int = 0
    cuts: int = 0
    # An end even where not all kills are done; 0: none.
    seconds: float = 0
    # On a busy machine times are told and not judged.
    is_timed: bool = True
    keep: Path | None = None


class Speaker:
    """Says what happens, with the seconds since the start."""

    def __init__(self) -> None:
        self.begun = time.monotonic()

    def __call__(self, text: str) -> None:
        print(f"[{time.monotonic() - self.begun:7.1f} s] {text}", flush=True)


@contextmanager
def scratch(keep: Path | None) -> Iterator[Path]:
    """A folder for the run, which PostgreSQL's user may enter; kept where wanted."""
    folder = keep or Path(tempfile.mkdtemp(prefix="webassistant-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        for made in services.data_folders(folder / "var") if keep is None else []:
            shutil.rmtree(made, ignore_errors=True)
        if keep is None:
            shutil.rmtree(folder)


class Overdue(BootError):
    """Something that was waited for did not come."""


class Interrupted(Exception):
    """A signal asked the run to end."""


def listen() -> None:
    """Turn the signals that ask for an end into an exception, so that everything is stopped."""

    def stop(number: int, frame: object) -> None:
        raise Interrupted(signal.Signals(number).name)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def perform(run: Run) -> int:
    """Run it; 0 when every promise was kept."""
    say = Speaker()
    listen()
    with scratch(run.keep) as folder:
        stack = Stack(folder, say)
        try:
            say(f"seed {run.seed}: {run.kills} kills, {run.cuts} cuts, {run.visitors} visitors")
            stack.start(run.operators)
            say("the product stands")
            done = _live(run, stack)
            report = judge(stack)
        except (Interrupted, BootError) as error:
            say(f"broken off: {error}")
            return 2
        finally:
            stack.stop()
    for part, count in sorted(done.items()):
        report.counts[f"kills of {part}"] = count
    report.counts["kills"] = sum(done.values())
    if run.is_timed:
        checker.judge_times(report)
    return verdict(report, again(run))


def verdict(report: checker.Report, command: str) -> int:
    """Tell a person, and the shell."""
    print(checker.text_of(report))
    if report.violations:
        print(f"  the same again: {command}")
    return 1 if report.violations else 0


def again(run: Run) -> str:
    """The command that repeats a run."""
    faults, count = ("network", run.cuts) if run.cuts else ("kills", run.kills)
    people = f"--visitors {run.visitors} --operators {run.operators}"
    return f"python -m chaos break --faults {faults} --count {count} --seed {run.seed} {people}"


def _live(run: Run, stack: Stack) -> Counter[str]:
    """Let people live in the stack while it is broken, and bring both to rest."""
    launch_people(stack, run.visitors, run.seed, "--cuts", str(run.cuts))
    done = kill_all(run, stack)
    if run.cuts:
        cut_all(stack)
    settle(stack)
    return done


def launch_people(stack: Stack, visitors: int, seed: str, *more: str) -> None:
    """Start the process of the clients; wait until all of them are connected."""
    ports = ",".join(map(str, stack.ports))
    place = ("-m", "chaos.people", str(stack.folder), "--ports", ports, "--seed", seed)
    stack.launch(Process("people", (*place, "--visitors", str(visitors), *more)))
    waited = wait(lambda: status(stack).get("ready", 0) >= visitors, 60, stack)
    stack.say(f"everybody is connected (after {waited:.1f} s)")


def status(stack: Stack) -> dict[str, Any]:
    """How the clients stand, as of the last second."""
    try:
        content: dict[str, Any] = json.loads((stack.folder / "people.json").read_text())
    except FileNotFoundError:
        return {}
    return content


def wait(is_true: Callable[[], object], seconds: float, stack: Stack) -> float:
    """Wait while the supervisor's work is done; raise when it takes too long."""
    begun = time.monotonic()
    while not is_true():
        if time.monotonic() - begun > seconds:
            raise Overdue(f"nothing came of it in {seconds:.0f} s: {status(stack)}")
        supervise(stack)
        time.sleep(0.2)
    return time.monotonic() - begun


def supervise(stack: Stack) -> None:
    """Start again what ended by itself; the clients' own end is the end of the run."""
    stack.greet()
    for name in stack.crashed():
        ended = stack.running[name]
        stack.bury(name)
        if name in ("people", "model"):
            raise BootError(f"{name} ended:\n{ended.last_lines(30)}")
        stack.say(f"{name} ended by itself with {ended.process.returncode}:\n{ended.last_lines(5)}")
        stack.revive(name)


def pause(seconds: float, stack: Stack) -> None:
    """Sleep, with an eye on everything."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        supervise(stack)
        time.sleep(min(0.2, left))


def kill_all(run: Run, stack: Stack) -> Counter[str]:
    """Carry the schedule of kills out; how many of each part."""
    done: Counter[str] = Counter()
    begun = time.monotonic()
    for number, kill in enumerate(schedule.kills(run.kills, run.seed), start=1):
        if run.seconds and time.monotonic() - begun > run.seconds:
            stack.say(f"the time is up after {number - 1} kills")
            break
        pause(kill.pause, stack)
        stack.kill(kill.part)
        done[kill.part] += 1
        time.sleep(kill.absence)
        stack.revive(kill.part)
        if number % 10 == 0 or number == run.kills:
            stack.say(f"{number} kills, the last of {kill.part}; {status(stack)}")
    return done


def cut_all(stack: Stack) -> None:
    """Wait for the proxies to have made all their cuts."""
    told = 0
    while not (now := status(stack))["is_storm_over"]:
        if now["cuts"] >= told + 200:
            told = now["cuts"]
            stack.say(f"{told} cuts")
        pause(0.5, stack)
    stack.say(f"{status(stack)['cuts']} cuts")


def settle(stack: Stack) -> None:
    """Nothing new; what is under way ends; the clients agree with the server by pings alone."""
    stack.running["people"].process.send_signal(signal.SIGUSR1)
    try:
        took = wait(
            lambda: fresh(stack)["unacked"] == 0 and open_turns(stack) == 0,
            SETTLING_SECONDS,
            stack,
        )
        stack.say(f"all texts acked and all turns answered (after {took:.1f} s)")
    except Overdue as overdue:
        # The check will name what is left.
        stack.say(str(overdue))
    for name in ("reply1", "reply2", "dispatcher1", "dispatcher2"):
        stack.ask_to_stop(name)
    people = stack.running["people"]
    people.process.send_signal(signal.SIGUSR2)
    begun = time.monotonic()
    code = people.process.wait(SETTLING_SECONDS)
    stack.bury("people")
    if code:
        raise BootError(f"the clients ended with {code}:\n{people.last_lines(30)}")
    stack.say(f"the clients agree and have ended (after {time.monotonic() - begun:.1f} s)")


def fresh(stack: Stack) -> dict[str, Any]:
    """A status that was written after this was asked."""
    now = time.time()
    while (found := status(stack)).get("t", 0) <= now:
        time.sleep(0.1)
        if not stack.running["people"].is_alive():
            raise BootError(f"people ended:\n{stack.running['people'].last_lines(30)}")
    return found


def open_turns(stack: Stack) -> int:
    """Turns that wait or run, by the database."""
    with psycopg.connect(stack.url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM chat_turn WHERE status IN ('queued', 'running')"
        ).fetchone()
    return int(row[0]) if row else 0


def judge(stack: Stack) -> checker.Report:
    """Compare the journal with the database, which alone is still up."""
    stack.journal.flush()
    events = itertools.chain.from_iterable(
        journal.read(stack.folder / name) for name in ("journal.jsonl", "stack.jsonl")
    )
    report = checker.check(events, checker.read_database(stack.url), WORDS)
    stack.say("compared")
    return report
