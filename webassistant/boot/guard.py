"""A second, tiny process that ends the product's processes when their supervisor is killed.

The kernel's death signal reaches direct children only; a worker's pool and the reloader's server
are grandchildren, and other systems than Linux have no such signal at all.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import NoReturn

from webassistant.boot import signals
from webassistant.boot.child import Child

APP_SECONDS = 8.0
SERVICE_SECONDS = 15.0


class Guard:
    """Told of every start and end through a pipe; the pipe's closing is the supervisor's death."""

    def __init__(self) -> None:
        reader, self.writer = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.writer)
            watch(reader)
        os.close(reader)

    def started(self, child: Child, *, is_service: bool = False) -> None:
        stage = "service" if is_service else "app"
        self._tell(f"{stage} {child.process.pid} {int(child.stop_signal)}\n")

    def ended(self, child: Child) -> None:
        self._tell(f"gone {child.process.pid} 0\n")

    def dismiss(self) -> None:
        """Let it go: everything has been stopped in order."""
        self._tell("dismissed 0 0\n")
        os.close(self.writer)
        os.waitpid(self.pid, 0)

    def _tell(self, line: str) -> None:
        try:
            os.write(self.writer, line.encode())
        except BrokenPipeError:
            # Somebody killed the guard; the death signal still protects the direct children.
            return


def watch(reader: int) -> NoReturn:
    """The guard's whole life: collect names, wait for the pipe to close, end what is left."""
    os.setsid()
    signals.ignore()
    # Whoever reads the supervisor's output must see it end with the supervisor.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    groups: dict[int, tuple[str, int]] = {}
    with os.fdopen(reader) as lines:
        for line in lines:
            stage, pid, number = line.split()
            if stage == "dismissed":
                os._exit(0)
            if stage == "gone":
                groups.pop(int(pid), None)
            else:
                groups[int(pid)] = (stage, int(number))
    for stage, patience in (("app", APP_SECONDS), ("service", SERVICE_SECONDS)):
        end_groups({pid: at[1] for pid, at in groups.items() if at[0] == stage}, patience)
    os._exit(0)


def end_groups(groups: dict[int, int], patience: float) -> None:
    """Send each group its signal, wait until it is empty, and kill what remains."""
    for pid, number in groups.items():
        signal_group(pid, number)
    deadline = time.monotonic() + patience
    while any(signal_group(pid, 0) for pid in groups) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in groups:
        signal_group(pid, signal.SIGKILL)


def signal_group(pid: int, number: int) -> bool:
    """Whether there was anybody to receive it."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
