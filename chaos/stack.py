"""The whole product, each part twice, under a folder of its own; its processes can be killed."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from chaos.journal import Journal
from webassistant import services
from webassistant.boot import child, installation, processes, readiness
from webassistant.boot.child import BootError, Child, Service
from webassistant.boot.guard import Guard
from webassistant.boot.installation import ROOT
from webassistant.boot.processes import Process

# The model's first word after 300 ms, then 30 words a second, 90 in all.
WORDS = 90
MODEL = f"fake-300-30-{WORDS}"
FIRST_PORT = 18300
STARTING_SECONDS = 120
SERVERS = {"postgres": services.start_postgres, "redis": services.start_redis}


def parts(var: Path, ports: list[int]) -> list[Process]:
    """Two of everything that a killed one must be replaced by; what is indexed can wait for one."""
    reply, indexing, dispatcher = processes.workers(var)
    # Only the first has the clock.
    clock = reply.arguments.index("-B")
    without_clock = reply.arguments[:clock] + reply.arguments[clock + 3 :]
    return [
        replace(processes.web("127.0.0.1", ports[0]), name="web1"),
        replace(processes.web("127.0.0.1", ports[1]), name="web2"),
        Process("reply1", _named(reply.arguments, "reply1")),
        Process("reply2", _named(without_clock, "reply2")),
        Process("dispatcher1", dispatcher.arguments),
        Process("dispatcher2", dispatcher.arguments),
        indexing,
    ]


def _named(arguments: tuple[str, ...], name: str) -> tuple[str, ...]:
    return tuple(f"{name}@%h" if argument == "reply@%h" else argument for argument in arguments)


@dataclass
class Stack:
    """Servers and processes by name; everything has ended when `stop` returns."""

    folder: Path
    say: Callable[[str], None]
    guard: Guard = field(default_factory=Guard)
    servers: dict[str, Service] = field(default_factory=dict)
    running: dict[str, Child] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    ports: list[int] = field(default_factory=list)
    # Web servers that were ended and do not listen yet.
    awaited: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.journal = Journal(self.folder / "stack.jsonl")

    @property
    def var(self) -> Path:
        return self.folder / "var"

    @property
    def url(self) -> str:
        """PostgreSQL's address."""
        return self.servers["postgres"].url

    def start(self, operators: int) -> None:
        """From nothing to an answering product with a widget and operators."""
        installation.make_private(self.var)
        # Two runs on one machine must not take the port of a server that is just dead.
        first = FIRST_PORT + 10 * (os.getpid() % 1000)
        self.ports.append(installation.free_port("127.0.0.1", first))
        self.ports.append(installation.free_port("127.0.0.1", self.ports[0] + 1))
        model_port = installation.free_port("127.0.0.1", self.ports[1] + 1)
        for name in SERVERS:
            self._start_server(name)
        self.environment = self._environment(model_port)
        self._finish("migrate", "manage.py", "migrate", "--noinput", "-v", "0")
        self._finish("scene", "-m", "chaos.scene", str(self.folder), str(operators), MODEL)
        self.launch(Process("model", ("-m", "tests.openai_server", "--port", str(model_port))))
        self.parts = {part.name: part for part in parts(self.var, self.ports)}
        for part in self.parts.values():
            self.launch(part)
        deadline = time.monotonic() + STARTING_SECONDS
        for port in self.ports:
            while not self.answers(port):
                if time.monotonic() > deadline:
                    raise BootError(f"nobody answers at port {port}, see {self.var / 'log'}")
                time.sleep(0.1)

    def _environment(self, model_port: int) -> dict[str, str]:
        ours = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "DEBUG", "VAR_DIR")
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(ours) and not name.startswith("OPENAI")
        }
        return inherited | {
            "DATABASE_URL": self.servers["postgres"].url,
            "REDIS_URL": self.servers["redis"].url,
            "VAR_DIR": str(self.var),
            "SECRET_KEY": secrets.token_urlsafe(48),
            "DJANGO_SETTINGS_MODULE": "webassistant.settings",
            "PYTHONUNBUFFERED": "1",
            "PLAIN_STATIC": "1",
            "DEMO": "0",
            "OPENAI_API_KEY": "any",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{model_port}/v1",
            # They all come from one address.
            "NEW_VISITORS_PER_HOUR": "1000000",
        }

    def answers(self, port: int) -> bool:
        """Whether a web server is well."""
        return readiness.answers(f"http://127.0.0.1:{port}", "localhost")

    def launch(self, process: Process) -> Child:
        """Start a process; one of this name must have ended."""
        started = child.start(
            process.name,
            [sys.executable, *process.arguments],
            log=self.var / "log" / f"{process.name}.log",
            environment=self.environment,
            folder=ROOT,
        )
        self.guard.started(started)
        self.running[process.name] = started
        return started

    def _finish(self, name: str, *arguments: str) -> None:
        done = self.launch(Process(name, arguments))
        done.process.wait()
        self.guard.ended(self.running.pop(name))
        if done.process.returncode:
            raise BootError(f"{name} failed:\n{done.last_lines()}")

    def _start_server(self, name: str) -> None:
        self.servers[name] = SERVERS[name](self.var, durable=True)
        self.guard.started(self.servers[name].child, is_service=True)

    def kill(self, name: str) -> None:
        """End a part with -9, and as the supervisor does, whatever it leaves behind."""
        self._note_end(name)
        is_server = name in self.servers
        victim = self.servers[name].child if is_server else self.running.pop(name)
        victim.process.send_signal(signal.SIGKILL)
        victim.process.wait()
        victim.end_group()
        self.guard.ended(victim)

    def ask_to_stop(self, name: str) -> float:
        """End a part as a deploy does; how many seconds that took."""
        self._note_end(name)
        part = self.running.pop(name)
        begun = time.monotonic()
        part.stop()
        self.guard.ended(part)
        return time.monotonic() - begun

    def revive(self, name: str) -> None:
        """Start a part that was ended."""
        if name in self.servers:
            self._start_server(name)
            self.journal.write(name, "serves")
        else:
            self.launch(self.parts[name])

    def _note_end(self, name: str) -> None:
        self.journal.write(name, "ended")
        if name.startswith("web"):
            self.awaited.add(name)

    def port_of(self, name: str) -> int:
        """Where a web server listens."""
        return self.ports[0 if name == "web1" else 1]

    def greet(self) -> None:
        """Note which of the awaited web servers listen again."""
        for name in list(self.awaited):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port_of(name))) == 0:
                    self.awaited.discard(name)
                    self.journal.write(name, "serves")

    def crashed(self) -> list[str]:
        """Parts that ended without being asked to."""
        return [name for name in self.running if not self.running[name].is_alive()]

    def bury(self, name: str) -> None:
        """Forget a part that has ended by itself."""
        self._note_end(name)
        self.guard.ended(self.running.pop(name))

    def stop(self) -> None:
        """End everything, the servers last."""
        for stage in (
            list(self.running.values()),
            [service.child for service in self.servers.values()],
        ):
            for started in stage:
                started.ask_to_stop()
            for started in stage:
                started.stop()
                self.guard.ended(started)
        self.guard.dismiss()
        self.journal.close()
