"""The whole product as a newcomer starts it, for tests that must see its real processes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.services_plugin import ROOT
from webassistant import services
from webassistant.boot import child

SECONDS = 90


@contextmanager
def data_folder() -> Iterator[Path]:
    """A data folder that PostgreSQL's user may reach, which pytest's own are not for root."""
    folder = Path(tempfile.mkdtemp(prefix="webassistant-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        for made in services.data_folders(folder):
            shutil.rmtree(made, ignore_errors=True)


def wait_until(is_true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_true():
        assert time.monotonic() < deadline, f"not in {SECONDS} s: {what}"
        time.sleep(0.05)


def processes_of(var: Path) -> list[str]:
    """The command lines of every process that was started for this data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(var).encode() in command or f"VAR_DIR={var}".encode() in environment:
            found.append(command.replace(b"\0", b" ").decode())
    return found


class Product:
    """The product started from the command line on a data folder of its own."""

    def __init__(self, var: Path) -> None:
        self.var = var
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        unwanted = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PLAIN_STATIC", "DEBUG")
        self.environment = {k: v for k, v in os.environ.items() if k not in unwanted}
        self.environment |= {
            "VAR_DIR": str(var),
            "PORT": str(port),
            "DEMO": "0",
            "BACKUP_DIR": str(var / "backups"),
        }
        self.address = f"http://127.0.0.1:{port}"
        self.output = var / "output.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "webassistant.boot", *arguments]

    def start(self) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                self.command("run"), cwd=ROOT, env=self.environment, stdout=output, stderr=output
            )
        wait_until(lambda: "ready;" in self.said() or self.process_ended(), "the product is ready")
        assert not self.process_ended(), self.said()
        return self.process

    def process_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def said(self) -> str:
        return self.output.read_text()

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command on the same data folder."""
        return subprocess.run(
            self.command(*arguments),
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def is_well(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/healthz", timeout=5) as answer:
                return bool(json.load(answer) == {"status": "ok"})
        except (urllib.error.URLError, ConnectionError):
            return False


def pids_of(var: Path) -> list[int]:
    """The processes whose environment names this data folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"VAR_DIR={var}" in (entry / "environ").read_text():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def is_web(pid: int) -> bool:
    return "webassistant.server" in child.command_of(pid)
