"""Where this copy of the product lives and what its processes are told."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import environ

from webassistant.boot.child import BootError, first_number, is_running
from webassistant.boot.environment import check

ROOT = Path(__file__).resolve().parent.parent.parent
PORTS_TRIED = 50
LEAVING_SECONDS = 40
TRUE = ("true", "on", "ok", "y", "yes", "1")


@dataclass(frozen=True)
class Installation:
    """A data folder and the environment that goes with it."""

    var: Path
    environment: dict[str, str]

    @classmethod
    def load(cls) -> Installation:
        """Read `.env` and the environment, which wins; make the data folder and its keys."""
        environ.Env.read_env(ROOT / ".env")
        environment = dict(os.environ)
        check(environment)
        var = Path(environment.get("VAR_DIR") or ROOT / "var").absolute()
        make_private(var)
        environment["VAR_DIR"] = str(var)
        environment.setdefault("DEMO", "1")
        # Logs are files: without this a line is seen only when the buffer is full.
        environment["PYTHONUNBUFFERED"] = "1"
        environment["DJANGO_SETTINGS_MODULE"] = "webassistant.settings"
        if not environment.get("SECRET_KEY") and not environment.get("SECRET_KEY_FILE"):
            environment["SECRET_KEY"] = secret_key(var / "secret_key")
        if not environment.get("ENCRYPTION_KEYS") and not environment.get("ENCRYPTION_KEYS_FILE"):
            environment["ENCRYPTION_KEYS"] = secret_key(var / "encryption_key")
        return cls(var, environment)

    @property
    def host(self) -> str:
        return self.environment.get("HOST") or "127.0.0.1"

    @property
    def wanted_port(self) -> int:
        text = self.environment.get("PORT") or "8000"
        if not text.isdigit() or not 0 < int(text) < 65536:
            raise BootError(f"PORT must be a number from 1 to 65535, not {text!r}.")
        return int(text)

    def is_on(self, name: str) -> bool:
        return self.environment.get(name, "").lower() in TRUE

    def has(self, name: str) -> bool:
        """Whether a variable is set, directly or as a file that holds its value."""
        return bool(self.environment.get(name) or self.environment.get(f"{name}_FILE"))

    def value(self, name: str) -> str:
        if file := self.environment.get(f"{name}_FILE"):
            return self.environment.get(name) or Path(file).read_text().strip()
        return self.environment.get(name, "")

    def local_address(self, port: int) -> str:
        """Where this machine reaches the server, whatever interface it listens on."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def allowed_host(self) -> str:
        """A Host header that the settings accept."""
        names = self.environment.get("ALLOWED_HOSTS") or "localhost"
        first = names.split(",")[0].strip().lstrip(".")
        return "localhost" if first in ("", "*") else first

    @property
    def address_file(self) -> Path:
        return self.var / "address"


def make_private(var: Path) -> None:
    """Make the data folder, for its owner alone; root lets PostgreSQL's user pass through."""
    try:
        var.mkdir(parents=True, exist_ok=True)
        if var.stat().st_uid == os.geteuid():
            var.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except PermissionError as error:
        raise BootError(f"{var} cannot be used: {error.strerror}. Set VAR_DIR.") from error
    if not os.access(var, os.W_OK | os.X_OK):
        raise BootError(f"{var} belongs to another user. Run this as that user, or set VAR_DIR.")


def secret_key(path: Path) -> str:
    """A key of this data folder, made at the first run."""
    if not path.exists():
        fresh = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        fresh.rename(path)
    return path.read_text().strip()


def lock(var: Path, say: Callable[[str], None] = lambda text: None) -> IO[str]:
    """Hold the data folder for this process; raise when another run has it."""
    file = (var / "boot.lock").open("a+")
    deadline = time.monotonic() + LEAVING_SECONDS
    told = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = first_number(var / "boot.lock")
            # A killed run's guard holds the lock until it has ended that run's processes.
            if (holder and is_running(holder)) or time.monotonic() > deadline:
                file.close()
                raise BootError(
                    f"It is already running (process {holder}) on the data in {var}. "
                    "Stop it first, or set VAR_DIR to another folder."
                ) from None
            if not told:
                say("waiting for the processes of the previous run to end")
                told = True
            time.sleep(0.1)
        else:
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            return file


def is_locked(var: Path) -> bool:
    """Whether a run holds this data folder."""
    with (var / "boot.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def free_port(host: str, wanted: int) -> int:
    """The wanted port, or the next one that nobody listens on."""
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind((host, port))
            except PermissionError as error:
                raise BootError(
                    f"Port {port} is for root only. Set PORT to 1024 or more."
                ) from error
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise BootError(
                        f"HOST={host} cannot be listened on: {error.strerror}."
                    ) from error
                continue
            return port
    raise BootError(f"No free port from {wanted} to {wanted + PORTS_TRIED - 1}. Set PORT.")
