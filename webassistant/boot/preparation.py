"""What must be true before the processes start: tables, static files, the demo; for `launch`."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from webassistant.boot import child
from webassistant.boot.child import BootError, Child
from webassistant.boot.installation import ROOT, Installation
from webassistant.boot.postgres import PostgresHome

IGNORED_FOLDERS = ("node_modules", "__pycache__")


def prepare(
    here: Installation,
    environment: dict[str, str],
    say: Callable[[str], None],
    *,
    reloading: bool,
) -> None:
    """Bring the tables, the static files and, at the first run, the demo up to date."""
    stamp, wanted = here.var / "static.hash", static_hash(here)
    migrated, tables = migration_stamp(here), migrations_hash()
    collecting = None
    if not reloading and not (stamp.exists() and stamp.read_text() == wanted):
        say("collecting static files")
        collecting = begin(here, environment, "collectstatic", "--noinput", "--clear", "-v", "0")
    try:
        if migrated is None or not migrated.exists() or migrated.read_text() != tables:
            say("bringing the database up to date")
            finish(begin(here, environment, "migrate", "--noinput", "-v", "1"))
            if migrated is not None:
                migrated.write_text(tables)
        seeded = here.var / "demo.seeded"
        if here.is_on("DEMO") and not seeded.exists():
            say("filling the demo site")
            finish(begin(here, environment, "demo", "--if-new"))
            seeded.touch()
        if collecting is not None:
            finish(collecting)
            stamp.write_text(wanted)
    finally:
        if collecting is not None:
            collecting.stop()


def begin(here: Installation, environment: dict[str, str], *arguments: str) -> Child:
    """Start a management command beside us; what it prints goes to the set-up log."""
    return child.start(
        f"manage.py {arguments[0]}",
        [sys.executable, "manage.py", *arguments],
        log=here.var / "log" / f"{arguments[0]}.log",
        environment=environment,
        folder=ROOT,
    )


def finish(step: Child) -> None:
    """Wait for a management command; raise with its last lines when it failed."""
    try:
        code = step.process.wait()
    except BaseException:
        step.stop()
        raise
    lines = step.last_lines(25)
    if code and 'create extension "vector"' in lines:
        raise BootError(
            "The user of DATABASE_URL may not add pgvector to the database. As a superuser, once, "
            "in that database: CREATE EXTENSION vector;"
        )
    if code:
        raise BootError(f"{step.name} failed (code {code}):\n{lines}")


def migration_stamp(here: Installation) -> Path | None:
    """The file beside our own database that says which migrations it has had.

    There is none for a database of others', which may be replaced without our knowing.
    """
    if here.has("DATABASE_URL"):
        return None
    return PostgresHome.under(here.var).folder / "migrated"


def migrations_hash() -> str:
    """A hash over every migration: the project's, and by way of the lock those of packages."""
    digest = hashlib.sha256((ROOT / "requirements.lock").read_bytes())
    for path in sorted(ROOT.glob("*/migrations/*.py")):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def static_hash(here: Installation) -> str:
    """A hash over everything that the collected static files are made of."""
    digest = hashlib.sha256(here.environment.get("DEMO", "").encode())
    files = [ROOT / "requirements.lock", *(ROOT / "webassistant").glob("*.py")]
    files += [path for path in walk(ROOT) if "static" in path.relative_to(ROOT).parts[:2]]
    for path in sorted(files):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def walk(folder: Path) -> Iterator[Path]:
    """Every file of the project itself: nothing hidden, no data folders, no packages."""
    for path in folder.iterdir():
        if path.name.startswith((".", "var")) or path.name in IGNORED_FOLDERS:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from walk(path)
        elif path.is_file():
            yield path
