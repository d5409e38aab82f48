"""The product's own processes on the tests' database, for tests that signal, stop and kill them."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

from tests.product import wait_until
from tests.services_plugin import ROOT
from webassistant.boot import child, installation, processes, readiness
from webassistant.boot.child import Child


@contextmanager
def started(
    name: str, arguments: Sequence[str], folder: Path, **environment: str
) -> Iterator[Child]:
    """A process of the product on the tests' own database."""
    url = urlsplit(os.environ["DATABASE_URL"])
    database = url._replace(path=f"/{settings.DATABASES['default']['NAME']}")
    process = child.start(
        name,
        [sys.executable, *arguments],
        log=folder / f"{name}.log",
        environment={
            **os.environ,
            "DATABASE_URL": urlunsplit(database),
            "PYTHONUNBUFFERED": "1",
            **environment,
        },
        folder=ROOT,
    )
    try:
        yield process
    finally:
        process.stop()


@contextmanager
def web(folder: Path, **environment: str) -> Iterator[tuple[Child, int]]:
    port = installation.free_port("127.0.0.1", 18200)
    process = processes.web("127.0.0.1", port)
    with started("web", process.arguments, folder, **environment) as server:
        wait_until(
            lambda: readiness.answers(f"http://127.0.0.1:{port}", "localhost"), "the server is up"
        )
        yield server, port
