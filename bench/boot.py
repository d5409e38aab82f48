"""How long the product takes to start and stop, and how much memory each process takes.

It runs on a data folder of its own, three times: the first start makes the database, the others
find it. Memory is read from /proc, so that part is for Linux.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from webassistant import services
from webassistant.boot.child import command_of
from webassistant.boot.installation import ROOT

ROUNDS = 3
SERVERS = ("DATABASE_URL", "REDIS_URL")
NAMES = ("webassistant.server", "reply@", "indexing@", "dispatch", "redis-server", "boot run")


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="webassistant-bench-"))
    folder.chmod(0o711)
    try:
        for number in range(ROUNDS):
            measure(folder, "first" if number == 0 else "again", last=number == ROUNDS - 1)
    finally:
        for made in services.data_folders(folder):
            shutil.rmtree(made, ignore_errors=True)


def measure(folder: Path, title: str, *, last: bool) -> None:
    """One start and stop; the last one tells the memory too."""
    environment = {name: value for name, value in os.environ.items() if name not in SERVERS}
    port = free_port()
    environment |= {"VAR_DIR": str(folder), "PORT": str(port)}
    begun = time.monotonic()
    with (folder / "output.txt").open("wb") as output:
        product = subprocess.Popen(
            [sys.executable, "-m", "webassistant.boot", "run"],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    page = None
    while "ready;" not in (folder / "output.txt").read_text():
        if product.poll() is not None:
            sys.exit((folder / "output.txt").read_text())
        if page is None and answers(port):
            page = time.monotonic() - begun
        time.sleep(0.05)
    ready = time.monotonic() - begun
    if last:
        # The workers may still be starting; their memory counts when they have settled.
        time.sleep(5)
        tell_memory(folder)
    begun = time.monotonic()
    product.send_signal(signal.SIGTERM)
    product.wait()
    stopped = time.monotonic() - begun
    print(
        f"{title}: first page {page or ready:.1f} s, ready {ready:.1f} s, stopped {stopped:.1f} s"
    )


def answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tell_memory(folder: Path) -> None:
    """A line for each process: PSS shares out what several processes map, so lines add up."""
    lines: dict[str, list[float]] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes()
            rollup = (entry / "smaps_rollup").read_text()
        except OSError:
            continue
        command = command_of(int(entry.name))
        if f"VAR_DIR={folder}".encode() in environment or str(folder) in command:
            add(lines, name_of(command), rollup)
        elif command.startswith("postgres:") and belongs_to(entry, folder):
            add(lines, "postgres", rollup)
    print(f"{'process':<16}{'count':>6}{'PSS MB':>9}{'RSS MB':>9}")
    for name, (count, pss, rss) in sorted(lines.items()):
        print(f"{name:<16}{count:>6.0f}{pss:>9.1f}{rss:>9.1f}")
    total = [sum(column) for column in zip(*lines.values(), strict=True)]
    print(f"{'together':<16}{total[0]:>6.0f}{total[1]:>9.1f}")


def add(lines: dict[str, list[float]], name: str, rollup: str) -> None:
    sizes = dict(line.split()[:2] for line in rollup.splitlines()[1:])
    line = lines.setdefault(name, [0, 0.0, 0.0])
    line[0] += 1
    line[1] += int(sizes["Pss:"]) / 1024
    line[2] += int(sizes["Rss:"]) / 1024


def name_of(command: str) -> str:
    return next((name for name in NAMES if name in command), command.split(" ")[0][-15:])


def belongs_to(entry: Path, folder: Path) -> bool:
    """Whether a backend works in a data folder of this product's."""
    try:
        where = (entry / "cwd").readlink()
    except OSError:
        return False
    return any(where.is_relative_to(made) for made in services.data_folders(folder))


if __name__ == "__main__":
    main()
