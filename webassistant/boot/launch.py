"""From nothing to a running product, one spoken step after another; `make run` and `make dev`."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from webassistant import services
from webassistant.boot import (
    child,
    development,
    installation,
    preparation,
    processes,
    readiness,
    signals,
)
from webassistant.boot.child import BootError
from webassistant.boot.guard import Guard
from webassistant.boot.installation import ROOT, Installation
from webassistant.boot.signals import Stopped
from webassistant.boot.supervisor import Supervisor

READY_SECONDS = 120
NOBODY = """\
  No organization has members yet. In another terminal: make manage ARGS=createsuperuser
  Then sign in at /admin/, which says how to begin.
"""


class Speaker:
    """Says each step with the seconds since the start, to the person and to the log."""

    def __init__(self, log: Path) -> None:
        self.begun = time.monotonic()
        self.log = log
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)

    def __call__(self, text: str) -> None:
        print(f"[{time.monotonic() - self.begun:6.1f} s] {text}", flush=True)
        with self.log.open("a") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")


def run(here: Installation, *, reloading: bool) -> int:
    """Bring everything up, keep it up, and take it down; return the exit code."""
    say = Speaker(here.var / "log" / "run.log")
    lock = installation.lock(here.var, say)
    guard = Guard()
    environment = dict(here.environment)
    if reloading:
        environment.setdefault("DEBUG", "1")
    supervisor = Supervisor(ROOT, here.var, environment, say, guard, signals.listen())
    code = 0
    try:
        bring_up(here, supervisor, environment, say, reloading=reloading)
        say("ready; stop it with Ctrl-C")
        if reloading:
            development.watch_code(supervisor, here.var / "log")
        else:
            supervisor.watch()
    except Stopped as stopped:
        say(f"stopping ({stopped})")
    except BootError as error:
        say(f"stopping: {error}")
        code = 1
    finally:
        signals.ignore()
        begun = time.monotonic()
        supervisor.stop()
        guard.dismiss()
        here.address_file.unlink(missing_ok=True)
        say(f"stopped in {time.monotonic() - begun:.1f} s")
        lock.close()
    return code


def bring_up(
    here: Installation,
    supervisor: Supervisor,
    environment: dict[str, str],
    say: Callable[[str], None],
    *,
    reloading: bool,
) -> None:
    """Start servers, prepare the data, start the processes, wait until ready, say where it is."""
    port = installation.free_port(here.host, here.wanted_port)
    if port != here.wanted_port:
        say(f"port {here.wanted_port} is taken, so it will be {port}")
    urls, started = services.start_services(here.var, environment, say=say)
    supervisor.adopt(started)
    for service in started:
        supervisor.guard.started(service.child, is_service=True)
    environment.update(urls)
    preparation.prepare(here, environment, say, reloading=reloading)
    server = processes.development_web if reloading else processes.web
    all_processes = [server(here.host, port), *processes.workers(here.var)]
    say(f"starting {', '.join(process.name for process in all_processes)}")
    for process in all_processes:
        supervisor.start(process)
    address = here.local_address(port)
    public = here.environment.get("PUBLIC_URL", "").rstrip("/") or address
    with SignInLinks(environment, public) as links:
        wait_until_ready(supervisor, address, here.allowed_host())
        here.address_file.write_text(public)
        introduce(here, public, links.read())


def wait_until_ready(supervisor: Supervisor, address: str, host: str) -> None:
    """Ask the health page until all is well; raise when a process ends or time runs out."""
    deadline = time.monotonic() + READY_SECONDS
    while not readiness.answers(address, host):
        supervisor.check_first_start()
        if time.monotonic() > deadline:
            lines = child.tail(supervisor.var / "log" / "web.log", 15)
            raise BootError(f"{address}/healthz did not answer in {READY_SECONDS} s:\n{lines}")
        supervisor.alarm.wait(0.1)


def introduce(here: Installation, address: str, links: str) -> None:
    """Tell the person in front of it where everything is, and how to sign in."""
    pages = {"Admin": "/admin/", "Console": "/admin/console/"}
    if here.is_on("DEMO"):
        pages = {"Demo site": "/", **pages}
    print()
    for name, path in pages.items():
        print(f"  {name:<10} {address}{path}")
    print()
    print(links or NOBODY, flush=True)
    outside = here.host not in ("127.0.0.1", "::1", "localhost")
    if outside and not here.environment.get("ALLOWED_HOSTS"):
        print("  Set ALLOWED_HOSTS to the names by which others reach this machine.\n", flush=True)


class SignInLinks:
    """One-time links for the people who may sign in; they are printed and never logged."""

    def __init__(self, environment: dict[str, str], address: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "sign_in_links", "--base-url", address],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=child.death_signal(signal.SIGKILL),
            start_new_session=True,
        )

    def __enter__(self) -> SignInLinks:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.communicate()

    def read(self) -> str:
        links, trouble = self.process.communicate()
        if self.process.returncode:
            raise BootError(f"manage.py sign_in_links failed:\n{trouble[-2000:]}")
        return links
