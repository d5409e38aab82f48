"""Keeps the product's processes alive, and ends them in order; `commands` starts it."""

from __future__ import annotations

import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from webassistant.boot import child
from webassistant.boot.child import BootError, Child, Service
from webassistant.boot.guard import Guard
from webassistant.boot.processes import Process
from webassistant.boot.signals import Alarm

LONGEST_PAUSE = 30.0
# Who lived this long has recovered: its next death is a first one again.
STEADY_SECONDS = 60.0
LARGEST_LOG = 20 * 1024 * 1024
HOUSEKEEPING_SECONDS = 60.0


@dataclass
class Kept:
    """A process that is started again when it ends."""

    process: Process
    child: Child
    started: float
    pause: float = 0.0
    due: float | None = None


@dataclass
class Supervisor:
    """The parent of every process; everything it started has ended when `stop` returns."""

    root: Path
    var: Path
    environment: Mapping[str, str]
    say: Callable[[str], None]
    guard: Guard
    alarm: Alarm
    services: list[Service] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    def adopt(self, services: list[Service]) -> None:
        """Watch servers that are already running; their death ends everything."""
        self.services = services

    def start(self, process: Process) -> None:
        self.kept.append(Kept(process, self._spawn(process), time.monotonic()))

    def watch(self, each_round: Callable[[], None] = lambda: None, pause: float = 1.0) -> None:
        """Restart what ends, until a signal comes or a server dies."""
        tidied = time.monotonic()
        while True:
            self.alarm.wait(min([pause, *(self._due_in(kept) for kept in self.kept)]))
            self.check_services()
            for kept in self.kept:
                self._revive(kept)
            each_round()
            if time.monotonic() - tidied > HOUSEKEEPING_SECONDS:
                tidied = time.monotonic()
                self._shorten_logs()

    def check_services(self) -> None:
        for service in self.services:
            if not service.child.is_alive():
                raise BootError(
                    f"{service.child.name} {manner(service.child)}, so everything stops. "
                    f"The next start recovers the data.\n{service.child.last_lines()}"
                )

    def check_first_start(self) -> None:
        """Raise when a process ended before the product was ready: that is no passing trouble."""
        self.check_services()
        for kept in self.kept:
            if not kept.child.is_alive():
                raise BootError(
                    f"{kept.process.name} {manner(kept.child)} while starting:\n"
                    f"{kept.child.last_lines()}"
                )

    def restart(self) -> None:
        """Start the workers anew, for `make dev`: the code they run has changed."""
        for kept in self.kept:
            if kept.process.name != "web" and kept.child.is_alive():
                kept.child.stop(5)
                self.guard.ended(kept.child)
                kept.child = self._spawn(kept.process)
                kept.started, kept.pause, kept.due = time.monotonic(), 0.0, None

    def stop(self, patience: float = 15.0) -> None:
        """End the web server, then the workers, then the servers; by force after `patience`."""
        web = [kept.child for kept in self.kept if kept.process.name == "web"]
        others = [kept.child for kept in self.kept if kept.process.name != "web"]
        for stage in (web, others, [service.child for service in self.services]):
            for started in stage:
                started.ask_to_stop()
            deadline = time.monotonic() + patience
            for started in stage:
                started.stop(max(0.1, deadline - time.monotonic()))
                self.guard.ended(started)

    def _spawn(self, process: Process) -> Child:
        started = child.start(
            process.name,
            [sys.executable, *process.arguments],
            log=self.var / "log" / f"{process.name}.log",
            environment=self.environment,
            folder=self.root,
        )
        self.guard.started(started)
        return started

    def _revive(self, kept: Kept) -> None:
        now = time.monotonic()
        if kept.due is None and not kept.child.is_alive():
            kept.child.end_group()
            self.guard.ended(kept.child)
            steady = now - kept.started > STEADY_SECONDS
            kept.pause = 1.0 if steady or not kept.pause else min(2 * kept.pause, LONGEST_PAUSE)
            kept.due = now + kept.pause
            self.say(
                f"{kept.process.name} {manner(kept.child)}; "
                f"starting it again in {kept.pause:.0f} s. Its last lines:\n"
                f"{kept.child.last_lines()}"
            )
        if kept.due is not None and now >= kept.due:
            kept.child, kept.started, kept.due = self._spawn(kept.process), now, None
            self.say(f"{kept.process.name} started again")

    @staticmethod
    def _due_in(kept: Kept) -> float:
        return LONGEST_PAUSE if kept.due is None else max(0.0, kept.due - time.monotonic())

    def _shorten_logs(self) -> None:
        """Move a large log aside; its writers append, so it may be cut under them."""
        for log in (self.var / "log").glob("*.log"):
            if log.stat().st_size > LARGEST_LOG:
                shutil.copyfile(log, log.with_suffix(".log.1"))
                with log.open("r+b") as file:
                    file.truncate()


def manner(ended: Child) -> str:
    """How a process ended, for a person."""
    code = ended.process.returncode
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"
