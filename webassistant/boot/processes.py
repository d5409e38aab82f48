"""The product's processes, named once, for `make run`, `make dev` and docker-compose.yml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process of the product; its arguments follow the Python interpreter."""

    name: str
    arguments: tuple[str, ...]


def web(host: str, port: int) -> Process:
    """The server of pages and sockets."""
    return Process("web", ("-m", "webassistant.server", "--host", host, "--port", str(port)))


def development_web(host: str, port: int) -> Process:
    """The server of `make dev`, which starts anew when a file changes."""
    address = f"[{host}]" if ":" in host else host
    return Process("web", ("manage.py", "runserver", f"{address}:{port}"))


# Answers at once in one worker. A thread only waits for its answer, which the worker's one loop
# carries with all the others; whether a core keeps up with so many is what bench/streams.py asks.
ANSWERS = 300


def workers(var: Path) -> list[Process]:
    """Who answers (with the clock inside), who indexes, and who sees that no turn is lost."""
    celery = ("-m", "celery", "-A", "webassistant", "worker")
    alone = ("--without-mingle", "--without-gossip")
    schedule = str(var / "celerybeat-schedule")
    return [
        Process(
            "reply",
            (
                *(*celery, "-n", "reply@%h", "-Q", "reply", "-P", "threads", "-c", str(ANSWERS)),
                *("-B", "-s", schedule, *alone),
            ),
        ),
        Process(
            "indexing",
            (
                *(*celery, "-n", "indexing@%h", "-Q", "indexing,background"),
                *("-P", "prefork", "-c", "1", *alone),
            ),
        ),
        Process("dispatcher", ("manage.py", "dispatch")),
    ]
