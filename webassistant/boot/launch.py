"""From nothing to a running product, one spoken step after another; `make run` and `make dev`."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from webassistant import services
from webassistant.boot import child, installation, processes, readiness, signals
from webassistant.boot.child import BootError, Child
from webassistant.boot.guard import Guard
from webassistant.boot.installation import ROOT, Installation
from webassistant.boot.signals import Stopped
from webassistant.boot.supervisor import Supervisor

READY_SECONDS = 120
IGNORED_FOLDERS = ("node_modules", "__pycache__")


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


def run(here: Installation, *, development: bool) -> int:
    """Bring everything up, keep it up, and take it down; return the exit code."""
    say = Speaker(here.var / "log" / "run.log")
    lock = installation.lock(here.var, say)
    guard = Guard()
    environment = dict(here.environment)
    if development:
        environment.setdefault("DEBUG", "1")
    supervisor = Supervisor(ROOT, here.var, environment, say, guard, signals.listen())
    code = 0
    try:
        port = bring_up(here, supervisor, environment, say, development=development)
        introduce(here, environment, port)
        say("ready; stop it with Ctrl-C")
        if development:
            watch_code(supervisor, here.var / "log")
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
    development: bool,
) -> int:
    """Start servers, prepare the data, start the processes, wait until ready; return the port."""
    port = installation.free_port(here.host, here.wanted_port)
    if port != here.wanted_port:
        say(f"port {here.wanted_port} is taken, so it will be {port}")
    urls, started = services.start_services(here.var, environment, say=say)
    supervisor.adopt(started)
    for service in started:
        supervisor.guard.started(service.child, is_service=True)
    environment.update(urls)
    prepare(here, environment, say, development=development)
    server = processes.development_web if development else processes.web
    all_processes = [server(here.host, port), *processes.workers(here.var)]
    say(f"starting {', '.join(process.name for process in all_processes)}")
    for process in all_processes:
        supervisor.start(process)
    address = here.local_address(port)
    deadline = time.monotonic() + READY_SECONDS
    while not readiness.answers(address, here.allowed_host()):
        supervisor.check_first_start()
        if time.monotonic() > deadline:
            lines = child.tail(here.var / "log" / "web.log", 15)
            raise BootError(f"{address}/healthz did not answer in {READY_SECONDS} s:\n{lines}")
        supervisor.alarm.wait(0.1)
    here.address_file.write_text(address)
    return port


def prepare(
    here: Installation,
    environment: dict[str, str],
    say: Callable[[str], None],
    *,
    development: bool,
) -> None:
    """Bring the tables, the static files and, at the first run, the demo up to date."""
    stamp, wanted = here.var / "static.hash", static_hash(here)
    collecting = None
    if not development and not (stamp.exists() and stamp.read_text() == wanted):
        say("collecting static files")
        collecting = begin(here, environment, "collectstatic", "--noinput", "--clear", "-v", "0")
    try:
        say("bringing the database up to date")
        finish(begin(here, environment, "migrate", "--noinput", "-v", "1"))
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
    if code:
        raise BootError(f"{step.name} failed (code {code}):\n{step.last_lines(25)}")


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


def introduce(here: Installation, environment: dict[str, str], port: int) -> None:
    """Tell the person in front of it where everything is, and how to sign in."""
    address = here.environment.get("PUBLIC_URL", "").rstrip("/") or here.local_address(port)
    pages = {"Admin": "/admin/", "Console": "/admin/console/"}
    if here.is_on("DEMO"):
        pages = {"Demo site": "/", **pages}
    print()
    for name, path in pages.items():
        print(f"  {name:<10} {address}{path}")
    print()
    print(sign_in_links(environment, address), flush=True)
    outside = here.host not in ("127.0.0.1", "::1", "localhost")
    if outside and not here.environment.get("ALLOWED_HOSTS"):
        print("  Set ALLOWED_HOSTS to the names by which others reach this machine.\n", flush=True)


def sign_in_links(environment: dict[str, str], address: str) -> str:
    """One-time links for the people who may sign in; they are printed and never logged."""
    answer = subprocess.run(
        [sys.executable, "manage.py", "sign_in_links", "--base-url", address],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=child.death_signal(signal.SIGKILL),
        start_new_session=True,
    )
    if answer.returncode:
        raise BootError(f"manage.py sign_in_links failed:\n{answer.stderr[-2000:]}")
    return answer.stdout


def watch_code(supervisor: Supervisor, logs: Path) -> None:
    """Keep the processes up, show what they log, and start workers anew when their code changes."""
    shown = {log: log.stat().st_size for log in logs.glob("*.log")}
    names = ("web", "reply", "indexing", "dispatcher")
    state = {"code": code_state()}

    def each_round() -> None:
        for log in (logs / f"{name}.log" for name in names):
            show_new_lines(log, shown)
        if (current := code_state()) != state["code"]:
            state["code"] = current
            supervisor.say("the code has changed: starting the workers again")
            supervisor.restart()

    supervisor.watch(each_round, pause=0.5)


def code_state() -> tuple[int, float]:
    """What changes with any Python file of the project."""
    times = [path.stat().st_mtime for path in walk(ROOT) if path.suffix == ".py"]
    return len(times), max(times)


def show_new_lines(log: Path, shown: dict[Path, int]) -> None:
    if not log.exists():
        return
    with log.open("rb") as file:
        file.seek(min(shown.get(log, 0), log.stat().st_size))
        for line in file:
            print(f"{log.stem:>10} | {line.decode('utf-8', 'replace').rstrip()}")
        shown[log] = file.tell()
    sys.stdout.flush()
