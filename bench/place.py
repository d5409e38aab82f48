"""Where benches run: servers and a data folder of their own, and the processes they measure."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import measure
from webassistant import services
from webassistant.boot.installation import ROOT

SECONDS = 60.0
# On two cores: what is measured runs on the first, and everything that feeds it on the second.
MEASURED, FEEDING = (0,), (1,)
SERVERS = ("DATABASE_URL", "REDIS_URL")
# Waiting on a socket that is not there yet costs the server nothing this rarely.
POLL_SECONDS = 0.02


@dataclass
class Place:
    """The environment in which the measured processes run, and how large the benches are."""

    environment: dict[str, str]
    var: Path
    rounds: int = 3
    is_tiny: bool = False
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def size(self, normal: Any, tiny: Any) -> Any:
        """A size for measuring, or one that only proves that the bench works."""
        return tiny if self.is_tiny else normal

    @contextmanager
    def process(
        self,
        arguments: Sequence[str],
        *,
        cores: Sequence[int] = MEASURED,
        **environment: str,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A Python process that is stopped at the end; its log is kept in the data folder."""
        log = self.var / f"bench-{secrets.token_hex(4)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment | environment,
                stdout=output,
                stderr=output,
                preexec_fn=measure.pin(cores),
            )
        try:
            yield process
        except BaseException:
            sys.stderr.write(log.read_text(errors="replace")[-4000:])
            raise
        finally:
            stop(process)

    @contextmanager
    def web(
        self, application: str, *, server: str = "uvicorn", **environment: str
    ) -> Iterator[Web]:
        """A server of the application, with the flags of production."""
        port = free_port()
        arguments = {
            "uvicorn": ["-m", "bench.applications.serve", application, str(port)],
            "daphne": ["-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", str(port), application],
        }[server]
        with self.process(arguments, cores=MEASURED, **environment) as process:
            wait_until(lambda: listens(port), f"{application} listens", process)
            yield Web(port, process.pid)


@dataclass(frozen=True)
class Web:
    """A running server."""

    port: int
    pid: int


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process that was started here."""
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(8)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def place(*, rounds: int = 3, is_tiny: bool = False) -> Iterator[Place]:
    """Our own PostgreSQL and Redis with the tables in them, durable as in production."""
    measure.allow_many_files()
    folder = Path(tempfile.mkdtemp(prefix="webassistant-bench-"))
    folder.chmod(0o711)
    environment = {name: value for name, value in os.environ.items() if name not in SERVERS}
    environment |= {
        "VAR_DIR": str(folder),
        "SECRET_KEY": secrets.token_urlsafe(48),
        "DJANGO_SETTINGS_MODULE": "webassistant.settings",
        "LOG_LEVEL": "WARNING",
        "PLAIN_STATIC": "1",
        "PYTHONWARNINGS": "ignore:No directory at",
        "DEBUG": "0",
        "DEMO": "0",
        # Thousands of sockets from one address, by few visitors.
        "SOCKETS_PER_VISITOR": "100000",
        "NEW_VISITORS_PER_HOUR": "1000000",
        "MESSAGES_PER_MINUTE": "1000000",
    }
    started: list[services.Service] = []
    try:
        urls, started = services.start_services(folder, {})
        environment |= urls
        migrated = subprocess.run(
            [sys.executable, "manage.py", "migrate", "--noinput", "-v", "0"],
            cwd=ROOT,
            env=environment,
            check=False,
        )
        if migrated.returncode:
            sys.exit("the tables could not be made")
        os.environ.update(environment)
        import django

        django.setup()
        yield Place(environment, folder, rounds, is_tiny)
    finally:
        services.stop_services(started)
        for made in services.data_folders(folder):
            shutil.rmtree(made, ignore_errors=True)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(
    is_true: Callable[[], object], what: str, process: subprocess.Popen[bytes] | None = None
) -> None:
    """Poll a condition; raise when it is not met in time, or when its process has ended."""
    deadline = time.monotonic() + SECONDS
    while not is_true():
        if process is not None and process.poll() is not None:
            raise RuntimeError(f"the process ended before: {what}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"not in {SECONDS:.0f} s: {what}")
        time.sleep(POLL_SECONDS)
