"""A process that dies with the one that started it; services and the supervisor start theirs here.

Standard library only: this runs before Django does.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
# Loaded here, because between fork and exec nothing may be imported.
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


STARTING_SECONDS = 120
LEFTOVER_SECONDS = 30


class BootError(Exception):
    """Something needed to run is missing or failed; the text tells a person what to do."""


@dataclass(frozen=True)
class Account:
    """The user a process runs as when we ourselves are root."""

    name: str
    uid: int
    gid: int


@dataclass
class Child:
    """A started process, its log, and the signal that asks it to end."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals
    # How long the log was at the start: what is older was written by its predecessors.
    log_start: int = 0

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def ask_to_stop(self) -> None:
        if self.is_alive():
            self.process.send_signal(self.stop_signal)

    def stop(self, patience: float = 15.0) -> None:
        """End the process and everything in its group; by force when it does not listen."""
        self.ask_to_stop()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.end_group()

    def end_group(self) -> None:
        """Kill what a dead process left behind: pool workers, the reloader's server."""
        # macOS answers "not permitted" for a group of zombies only.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def last_lines(self, count: int = 15) -> str:
        """The end of its log, for the message about its death."""
        return tail(self.log, count, self.log_start)


@dataclass
class Service:
    """A running server and the URL the settings know it by."""

    url: str
    child: Child

    def stop(self, patience: float = 15.0) -> None:
        self.child.stop(patience)


def start(
    name: str,
    arguments: Sequence[str | os.PathLike[str]],
    *,
    log: Path,
    environment: Mapping[str, str],
    folder: Path,
    stop_signal: signal.Signals = signal.SIGTERM,
    account: Account | None = None,
    umask: int = 0o077,
) -> Child:
    """Start a process in a session of its own, so Ctrl-C reaches only us, that ends when we do."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("ab") as output:
        log_start = output.tell()
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,
            preexec_fn=death_signal(stop_signal),
            umask=umask,
            **run_as(account),
        )
    return Child(name, process, log, stop_signal, log_start)


def run_as(account: Account | None) -> dict[str, Any]:
    """What `subprocess` needs to drop root's rights."""
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def death_signal(number: signal.Signals) -> Callable[[], None]:
    """What a child runs before exec: ask the kernel for this signal at the death of its parent."""
    parent = os.getpid()

    def ask() -> None:
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
            # The parent may have died between fork and prctl.
            if os.getppid() != parent:
                os._exit(1)

    return ask


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def command_of(pid: int) -> str:
    """The command line of any process, empty when it is gone or not to be seen."""
    if sys.platform == "linux":
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, UnicodeDecodeError):
            return ""
    answer = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()


def tail(path: Path, count: int, start: int = 0) -> str:
    """The last lines of a text file that may be large, or missing; nothing from before `start`."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            size = file.tell()
            # Smaller than at the start: the log was cut meanwhile, and all of it is new.
            file.seek(max(start if start <= size else 0, size - 200 * count))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-count:])
    except FileNotFoundError:
        return ""


def check_starting(server: Child, deadline: float) -> None:
    """Wait a moment for a server that is still starting; raise when it will not come up."""
    if not server.is_alive():
        raise BootError(f"{server.name} ended while starting:\n{server.last_lines()}")
    if time.monotonic() > deadline:
        raise BootError(
            f"{server.name} did not answer in {STARTING_SECONDS} s:\n{server.last_lines()}"
        )
    time.sleep(0.05)


def stop_leftover(pid_file: Path, marker: str, number: signal.Signals) -> None:
    """End a server that outlived its run; only one whose command line names our own files."""
    pid = first_number(pid_file)
    if not pid or marker not in command_of(pid):
        return
    os.kill(pid, number)
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while is_running(pid) and marker in command_of(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline += LEFTOVER_SECONDS
        time.sleep(0.05)


def first_number(path: Path) -> int:
    """The process number that a file begins with; 0 when there is none."""
    try:
        first = path.read_text().split("\n", 1)[0].strip()
    except FileNotFoundError:
        return 0
    return int(first) if first.isdigit() else 0


def plain_environment() -> dict[str, str]:
    """For servers and their programs: nothing of ours, above all no PG* variables."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
