"""What every bench is made of: rounds that alternate, the CPU a process took, and tables.

A figure is the median of alternated rounds. Two figures are compared only when they come from the
same run; what other programs took of the machine meanwhile is read from /proc/stat, and a round in
which they took much is done again, or marked when they do not leave.
"""

from __future__ import annotations

import math
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

# A round in which others took more of the machine than this is done again, so many times.
FOREIGN_SHARE = 0.10
REPEATS = 2
TICK = 1 / os.sysconf("SC_CLK_TCK")

Figures = dict[str, float]


# --- one process ------------------------------------------------------------------------------


def cpu_seconds(pid: int) -> float:
    """The CPU that all living threads of a process have taken, from the scheduler's own count."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            continue
    return total / 1e9


def memory_kb(pid: int) -> int:
    """The private memory of a process: what would be free again without it."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {name: int(value.split()[0]) for name, value in (line.split(":", 1) for line in lines)}
    return sizes["Private_Clean"] + sizes["Private_Dirty"]


def children_of(root: int) -> set[int]:
    """A process and everything that descends from it."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue
            # The name in parentheses may hold anything, so count from behind it.
            parents[int(entry.name)] = int(text.rsplit(")", 1)[1].split()[1])
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def pin(cores: Iterable[int]) -> Callable[[], None]:
    """A `preexec_fn` that keeps a child on these cores, as far as the machine has them."""
    there = os.sched_getaffinity(0)
    wanted = set(cores) & there or there

    def apply() -> None:
        os.sched_setaffinity(0, wanted)

    return apply


def pin_self(cores: Iterable[int]) -> set[int]:
    """Keep this process on these cores; the ones it had before, to be given back."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(cores) & before or before)
    return before


def allow_many_files() -> None:
    """Thousands of sockets need as many file descriptors."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# --- the machine ------------------------------------------------------------------------------


def load() -> str:
    """The machine's load, as `uptime` says it."""
    return "load " + " ".join(f"{value:.2f}" for value in os.getloadavg())


class Watch:
    """Over a while: how much of the machine was taken by processes that are not ours."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._busy = _busy_seconds()
        self._own = _own_seconds()

    def foreign_share(self) -> float:
        """From 0 to 1, of all cores together."""
        elapsed = (time.monotonic() - self._began) * (os.cpu_count() or 1)
        foreign = (_busy_seconds() - self._busy) - (_own_seconds() - self._own)
        # A tick of the clock is as fine as the count gets.
        return max(0.0, foreign - 2 * TICK) / elapsed if elapsed else 0.0


def _busy_seconds() -> float:
    user, nice, system, _idle, _wait, irq, softirq, *_rest = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) * TICK


def _own_seconds() -> float:
    total = 0
    for pid in children_of(os.getpid()):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        # utime, stime, and the same of children that have ended.
        total += sum(int(value) for value in fields[11:15])
    return total * TICK


# --- rounds -----------------------------------------------------------------------------------


@dataclass
class Results:
    """What every variant gave in every round."""

    rounds: dict[str, list[Figures]] = field(default_factory=dict)
    disturbed: int = 0

    def median(self, variant: str, figure: str) -> float:
        """The middle round's figure."""
        return statistics.median(figures[figure] for figures in self.rounds[variant])

    def ratio(self, variant: str, base: str, figure: str) -> float:
        """The middle of the ratios of each round, in which both were measured side by side."""
        return statistics.median(
            mine[figure] / theirs[figure]
            for mine, theirs in zip(self.rounds[variant], self.rounds[base], strict=True)
        )

    def remark(self) -> str:
        """What to think of the figures."""
        if not self.disturbed:
            return ""
        return f"{self.disturbed} round(s) were disturbed by other programs"


def alternate(
    variants: Mapping[str, Callable[[], Figures]], rounds: int, *, watched: bool = True
) -> Results:
    """Run every variant once a round, each round beginning with another one."""
    results, names = Results({name: [] for name in variants}), list(variants)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            for attempt in range(REPEATS + 1):
                watch = Watch()
                figures = variants[name]()
                if not watched or watch.foreign_share() <= FOREIGN_SHARE:
                    break
                if attempt == REPEATS:
                    results.disturbed += 1
            results.rounds[name].append(figures)
    return results


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share (0 to 1) of the values lies; none of no values."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


# --- tables -----------------------------------------------------------------------------------


@dataclass
class Table:
    """Rows for people: what was measured, and beside a ratio the goal it is held against."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *cells: str | float) -> None:
        """A row; numbers are shortened."""
        self.rows.append(tuple(c if isinstance(c, str) else shorten(c) for c in cells))

    def note(self, text: str) -> None:
        """A line under the table, unless it is empty."""
        if text:
            self.notes.append(text)

    def print(self, out: TextIO | None = None) -> None:
        """Show the table at once: a bench that comes later may be stopped."""
        out = out or sys.stdout
        widths = [max(map(len, cells)) for cells in zip(self.columns, *self.rows, strict=True)]
        lines = ["", f"== {self.title}"]
        for cells in (self.columns, *self.rows):
            first = cells[0].ljust(widths[0])
            rest = (c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))
            lines.append("  ".join((first, *rest)).rstrip())
        lines += [f"   {note}" for note in self.notes]
        print("\n".join(lines), file=out, flush=True)


def shorten(value: float) -> str:
    """Three digits that matter."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def against(ratio: float, goal: float) -> str:
    """A ratio beside its goal."""
    return f"{shorten(ratio)} (goal {goal:g}: {'reached' if ratio <= goal else 'not reached'})"
