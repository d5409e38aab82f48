"""What `make dev` adds: logs on the screen, and workers started anew when their code changes."""

from __future__ import annotations

import sys
from pathlib import Path

from webassistant.boot.installation import ROOT
from webassistant.boot.preparation import walk
from webassistant.boot.supervisor import Supervisor

NAMES = ("web", "reply", "indexing", "dispatcher")


def watch_code(supervisor: Supervisor, logs: Path) -> None:
    """Keep the processes up until a signal comes; the web server reloads by itself."""
    shown = {log: log.stat().st_size for log in logs.glob("*.log")}
    state = {"code": code_state()}

    def each_round() -> None:
        for log in (logs / f"{name}.log" for name in NAMES):
            show_new_lines(log, shown)
        if (current := code_state()) != state["code"]:
            state["code"] = current
            supervisor.say("the code has changed: starting the workers again")
            supervisor.restart()

    supervisor.watch(each_round, pause=0.5)


def code_state() -> tuple[int, float]:
    """What changes with any Python file of the project."""
    times = [path.stat().st_mtime for path in walk(ROOT) if path.suffix == ".py"]
    return len(times), max(times)


def show_new_lines(log: Path, shown: dict[Path, int]) -> None:
    if not log.exists():
        return
    with log.open("rb") as file:
        file.seek(min(shown.get(log, 0), log.stat().st_size))
        for line in file:
            print(f"{log.stem:>10} | {line.decode('utf-8', 'replace').rstrip()}")
        shown[log] = file.tell()
    sys.stdout.flush()
