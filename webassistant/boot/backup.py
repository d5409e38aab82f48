"""One file with all that people wrote and uploaded, for `make backup` and `make restore`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit, urlunsplit

from webassistant.boot.child import BootError, plain_environment
from webassistant.boot.postgres import postgres_programs

DUMP, ABOUT, MEDIA = "database.dump", "about.json", "media"
FORMAT = 1
# Everything but what extensions own: those may belong to a superuser, whom we need not be.
EMPTY = """
DO $$
DECLARE statement text;
BEGIN
  FOREACH statement IN ARRAY ARRAY(
    SELECT format(
      'DROP %s IF EXISTS %s CASCADE',
      CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
        WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,
      oid::regclass
    )
    FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
      AND NOT EXISTS (SELECT FROM pg_depend
        WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
    ORDER BY relkind = 'S'
  ) || ARRAY(
    SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure)
    FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
      AND NOT EXISTS (SELECT FROM pg_depend
        WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
  ) LOOP
    EXECUTE statement;
  END LOOP;
END $$
"""
SCHEMES = ("postgres", "postgresql", "pgsql", "psql")


def save(database_url: str, media: Path, folder: Path) -> Path:
    """Write the database and the uploaded files into one archive; return its path."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    archive = free_name(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as work:
        dump, about, fresh = Path(work, DUMP), Path(work, ABOUT), Path(work, archive.name)
        run_program(
            database_url, "pg_dump", "--format=custom", "--no-owner", "--no-acl", f"--file={dump}"
        )
        made = {"format": FORMAT, "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        about.write_text(json.dumps(made))
        # It holds what visitors wrote, so it is for its owner alone.
        with (
            os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file,
            tarfile.open(fileobj=file, mode="w:gz") as tar,
        ):
            tar.add(about, ABOUT)
            tar.add(dump, DUMP)
            if media.is_dir():
                tar.add(media, MEDIA)
        fresh.rename(archive)
    return archive


def free_name(folder: Path) -> Path:
    """A name with the date and time, numbered when two are made within a second."""
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    names = (
        f"webassistant-{stamp}{suffix}.tar.gz" for suffix in ("", *map("-{}".format, range(2, 100)))
    )
    return next(path for name in names if not (path := folder / name).exists())


def restore(archive: Path, database_url: str, media: Path) -> None:
    """Replace the database and the uploaded files; on any failure both stay as they were."""
    media.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=media.parent, prefix=".restoring-") as work:
        unpack(archive, Path(work))
        script = Path(work, "database.sql")
        run_program(
            None,
            "pg_restore",
            # Comments are on extensions only, and only their owner may set them.
            *("--no-owner", "--no-acl", "--no-comments", f"--file={script}"),
            str(Path(work, DUMP)),
        )
        without_new_settings(script)
        refuse_when_used(database_url)
        run_program(
            database_url,
            "psql",
            *("--no-psqlrc", "--quiet", "--output=/dev/null", "--set=ON_ERROR_STOP=1"),
            # Everything or nothing: an archive that does not fit leaves the database as it was.
            "--single-transaction",
            f"--command={EMPTY}",
            f"--file={script}",
            # A dump holds no statistics, and without them the planner reads whole tables.
            "--command=ANALYZE",
        )
        if media.exists():
            media.rename(Path(work, "media-before"))
        uploaded = Path(work, MEDIA)
        uploaded.mkdir(exist_ok=True)
        uploaded.rename(media)


def unpack(archive: Path, target: Path) -> None:
    """Take the known parts out of an archive, never writing outside `target`."""
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                known = member.name in (DUMP, ABOUT) or path.parts[:1] == (MEDIA,)
                content = tar.extractfile(member) if member.isfile() else None
                if content is None or not known or ".." in path.parts:
                    continue
                place = target / path
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with place.open("wb") as file:
                    shutil.copyfileobj(content, file)
    except (OSError, EOFError, tarfile.TarError) as error:
        raise BootError(f"{archive} cannot be read as a backup: {error}") from error
    about = target / ABOUT
    if not about.exists() or not (target / DUMP).exists():
        raise BootError(f"{archive} is not a backup of this product.")
    if json.loads(about.read_text()).get("format") != FORMAT:
        raise BootError(f"{archive} was made by another version of this product.")


def refuse_when_used(database_url: str) -> None:
    """Raise when anybody else is connected: a running product must not lose its tables."""
    others = run_program(
        database_url,
        "psql",
        *("--no-psqlrc", "--no-align", "--tuples-only"),
        "--command=SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    if int(others):
        raise BootError(
            f"{int(others)} other connections use this database. Stop the product first."
        )


def without_new_settings(script: Path) -> None:
    """Drop the line that a PostgreSQL before 17 does not know; it only concerns the session."""
    cut = script.with_suffix(".cut")
    with script.open("rb") as source, cut.open("wb") as target:
        target.writelines(line for line in source if line != b"SET transaction_timeout = 0;\n")
    cut.rename(script)


def run_program(database_url: str | None, name: str, *arguments: str) -> str:
    """Run a program of the wheel's PostgreSQL, against a database when its URL is given."""
    environment = plain_environment()
    command = [str(postgres_programs(None) / name)]
    if database_url is not None:
        address, password = without_password(database_url)
        command.append(f"--dbname={address}")
        if password:
            environment["PGPASSWORD"] = password
    answer = subprocess.run(
        [*command, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        raise BootError(f"{name} failed: {answer.stderr.strip()}")
    return answer.stdout


def without_password(url: str) -> tuple[str, str]:
    """The URL for PostgreSQL's programs, and apart its password, which `ps` must not show."""
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES:
        raise BootError("DATABASE_URL must begin with postgres://.")
    user, at, address = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    clean = parts._replace(scheme="postgresql", netloc=f"{name}{at}{address}")
    return urlunsplit(clean), unquote(password)
