"""The commands of `run.py`, once its virtual environment is there."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from webassistant import services
from webassistant.boot import backup, checks, installation, launch, preparation
from webassistant.boot.child import BootError
from webassistant.boot.installation import ROOT, Installation
from webassistant.boot.postgres import PostgresHome
from webassistant.boot.redis import redis_url

# What follows these is passed on as it stands, options too.
PASSING_ON = ("manage", "test", "bench", "chaos", "soak")


def main() -> int:
    options = parse(sys.argv[1:])
    try:
        code: int = options.command(options)
        return code
    except BootError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def parse(arguments: list[str]) -> argparse.Namespace:
    """What is to be done; ends the process with a usage message where that is not clear."""
    # argparse takes an option that comes first for its own, even where the rest is passed on.
    passed_on = arguments[1:] if arguments[:1] and arguments[0] in PASSING_ON else []
    if passed_on == ["--help"]:
        passed_on = []
    options = parser().parse_args(arguments[: len(arguments) - len(passed_on)])
    options.arguments = passed_on
    return options


def parser() -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(prog="run.py", description="A self-hosted web assistant.")
    commands = whole.add_subparsers(metavar="command", required=True)

    def add(name: str, command: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=command)
        return added

    add("run", run, "start the product (the default)")
    add("dev", dev, "start it for development: reload on change, logs on the screen")
    add("sign-in", sign_in, "print one-time sign-in links of the running product")
    sure = add("reset", reset, "delete everything under the data folder")
    sure.add_argument("--yes", action="store_true", help="do not ask")
    add("backup", make_backup, "write the database and the uploads into one file")
    from_file = add("restore", restore, "replace the database and the uploads by a backup")
    from_file.add_argument("file", type=Path)
    from_file.add_argument("--yes", action="store_true", help="do not ask")
    add("check", check, "format, lint, types, imports, generated files, translations, migrations")
    # What follows these is passed on (see `parse`).
    add("manage", manage, "run a command of manage.py, which follows, with this product's servers")
    add("test", test, "run every test, the browser's last; options of pytest may follow")
    add("bench", bench, "measure, and print every figure beside its limit; names may follow")
    add("chaos", chaos, "kill processes or cut connections under load, and compare what is left")
    add("soak", soak, "live long with many sockets and deploys, and watch what grows")
    return whole


def run(options: argparse.Namespace) -> int:
    return launch.run(Installation.load(), reloading=False)


def dev(options: argparse.Namespace) -> int:
    return launch.run(Installation.load(), reloading=True)


def sign_in(options: argparse.Namespace) -> int:
    here = Installation.load()
    if not installation.is_locked(here.var) or not here.address_file.exists():
        raise BootError("It is not running. Start it with `make run`.")
    address = here.address_file.read_text()
    with servers(here) as environment, launch.SignInLinks(environment, address) as links:
        print(links.read())
    return 0


def reset(options: argparse.Namespace) -> int:
    here = Installation.load()
    with installation.lock(here.var):
        doomed = [folder for folder in services.data_folders(here.var) if folder.exists()]
        confirm(options.yes, "This deletes " + " and ".join(map(str, doomed)) + ".")
        for folder in doomed:
            shutil.rmtree(folder)
            print(f"deleted {folder}")
    if here.has("DATABASE_URL"):
        print("The database that DATABASE_URL names was left alone.")
    return 0


def make_backup(options: argparse.Namespace) -> int:
    here = Installation.load()
    folder = Path(here.environment.get("BACKUP_DIR") or ROOT / "backups")
    with servers(here) as environment:
        archive = backup.save(database_url(here, environment), here.var / "media", folder)
    print(f"{archive} ({archive.stat().st_size / 1024:.0f} KB)")
    return 0


def restore(options: argparse.Namespace) -> int:
    here = Installation.load()
    if not options.file.is_file():
        raise BootError(f"There is no file {options.file}.")
    if installation.is_locked(here.var):
        raise BootError("The product is running. Stop it before restoring a backup.")
    confirm(options.yes, f"This replaces all data of {here.var} by {options.file.name}.")
    with servers(here) as environment:
        forget_migrations(here)
        backup.restore(options.file, database_url(here, environment), here.var / "media")
    print("Restored. The next `make run` brings the tables up to date.")
    return 0


def manage(options: argparse.Namespace) -> int:
    here = Installation.load()
    with servers(here) as environment:
        # It may be `migrate`: the next start looks at the tables again.
        forget_migrations(here)
        return subprocess.run(
            [sys.executable, "manage.py", *options.arguments],
            cwd=ROOT,
            env=environment,
            check=False,
        ).returncode


def test(options: argparse.Namespace) -> int:
    """The browser's tests run apart: their driver's event loop would upset the others."""
    environment = dict(os.environ)
    codes = []
    for selection in ("not browser", "browser"):
        print(f"\n== pytest -m '{selection}'", flush=True)
        command = [sys.executable, "-m", "pytest", "-m", selection, *options.arguments]
        codes.append(subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode)
        environment["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    return max(codes)


def check(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="webassistant-") as folder:
        os.chmod(folder, 0o711)
        return checks.run_all(Path(folder))


def bench(options: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "bench", *options.arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def chaos(options: argparse.Namespace) -> int:
    return start_chaos("break", options.arguments)


def soak(options: argparse.Namespace) -> int:
    return start_chaos("soak", options.arguments)


def start_chaos(command: str, arguments: list[str]) -> int:
    whole = [sys.executable, "-m", "chaos", command, *arguments]
    return subprocess.run(whole, cwd=ROOT, check=False).returncode


@contextmanager
def servers(here: Installation) -> Iterator[dict[str, str]]:
    """The environment with servers in it: the running ones, or our own for just this while."""
    if installation.is_locked(here.var):
        yield here.environment | running_urls(here)
        return
    with installation.lock(here.var):
        urls, started = services.start_services(here.var, here.environment)
        try:
            yield here.environment | urls
        finally:
            services.stop_services(started)


def forget_migrations(here: Installation) -> None:
    if stamp := preparation.migration_stamp(here):
        stamp.unlink(missing_ok=True)


def running_urls(here: Installation) -> dict[str, str]:
    own = {
        "DATABASE_URL": PostgresHome.under(here.var).url,
        "REDIS_URL": redis_url(here.var),
    }
    return {name: url for name, url in own.items() if not here.has(name)}


def database_url(here: Installation, environment: dict[str, str]) -> str:
    return environment.get("DATABASE_URL") or here.value("DATABASE_URL")


def confirm(sure: bool, text: str) -> None:
    """Let a destructive command through only when a person says so."""
    if sure:
        return
    if not sys.stdin.isatty():
        raise BootError(f"{text} Say --yes (make: YES=1) to do it without being asked.")
    if input(f"{text} Type yes to go on: ").strip().lower() != "yes":
        raise BootError("Nothing was changed.")


if __name__ == "__main__":
    sys.exit(main())
