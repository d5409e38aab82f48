"""Our own PostgreSQL and Redis, for whoever finds none configured: the launcher and the tests.

Standard library only: this runs before Django does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from webassistant.boot.child import BootError, Service
from webassistant.boot.folders import data_folders
from webassistant.boot.postgres import start_postgres
from webassistant.boot.redis import start_redis

__all__ = [
    "BootError",
    "Service",
    "data_folders",
    "start_postgres",
    "start_redis",
    "start_services",
    "stop_services",
]


def start_services(
    var: Path,
    environment: Mapping[str, str],
    *,
    durable: bool = True,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[dict[str, str], list[Service]]:
    """Start what the environment does not name; return the URLs and what was started."""
    urls: dict[str, str] = {}
    started: list[Service] = []
    makers = {"DATABASE_URL": ("PostgreSQL", start_postgres), "REDIS_URL": ("Redis", start_redis)}
    try:
        for variable, (name, make) in makers.items():
            if environment.get(variable) or environment.get(f"{variable}_FILE"):
                say(f"{name}: the server that {variable} names")
                continue
            say(f"{name}: starting our own")
            service = make(var, durable=durable)
            started.append(service)
            urls[variable] = service.url
    except BaseException:
        stop_services(started)
        raise
    return urls, started


def stop_services(services: Iterable[Service]) -> None:
    """Stop servers together: all are asked first, then waited for."""
    services = list(services)
    for service in services:
        service.child.ask_to_stop()
    for service in services:
        service.stop()
