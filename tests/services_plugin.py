"""The pytest plugin that gives every test run real servers; loaded by `addopts`.

It must act before pytest-django reads the settings, which is earlier than any conftest.
Servers named by DATABASE_URL or REDIS_URL are used; the others are started, and stopped at the end.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import IO

import pytest

from webassistant import services

ROOT = Path(__file__).resolve().parent.parent
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    if not early_config.known_args_namespace.help and "PYTEST_XDIST_WORKER" not in os.environ:
        provide_servers()
    return (yield)


def provide_servers() -> None:
    """Start what is missing and point the settings at it."""
    folder, lock = claim_folder()
    os.environ["VAR_DIR"] = str(folder)
    os.environ["SECRET_KEY"] = secrets.token_urlsafe(48)
    os.environ.setdefault("PLAIN_STATIC", "1")
    urls, started = services.start_services(folder, os.environ, durable=False)
    os.environ.update(urls)

    def stop() -> None:
        services.stop_services(started)
        if folder.name != "var-test":
            remove(folder)
        lock.close()

    atexit.register(stop)


def claim_folder() -> tuple[Path, IO[str]]:
    """`var-test`, or a folder of our own when another test run holds that one."""
    for stale in ROOT.glob("var-test-*"):
        if lock := try_lock(stale):
            remove(stale)
            lock.close()
    for name in ("var-test", f"var-test-{os.getpid()}"):
        folder = ROOT / name
        folder.mkdir(mode=0o711, exist_ok=True)
        if lock := try_lock(folder):
            return folder, lock
    raise pytest.UsageError("no folder for the tests' servers could be locked")


def try_lock(folder: Path) -> IO[str] | None:
    lock = (folder / "lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def remove(folder: Path) -> None:
    for path in services.data_folders(folder):
        shutil.rmtree(path, ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.import_plugin("tests.connection_guard")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Playwright leaves a running event loop in this thread, in which asyncio.run() refuses.
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    if find_chromium() is None:
        skip = pytest.mark.skip(reason="Chromium is not installed (Debian: apt install chromium)")
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(skip)


def find_chromium() -> str | None:
    """The browser for the tests marked `browser`: CHROMIUM, or one found on the PATH."""
    if named := os.environ.get("CHROMIUM"):
        return named
    return next((path for name in CHROMIUMS if (path := shutil.which(name))), None)
