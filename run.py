#!/usr/bin/env python3
"""Everything one does with this product: `python3 run.py`, or `make run`, `make test` and so on.

It needs nothing but Python: it makes a virtual environment, installs the locked packages when the
lock has changed, and hands over to `webassistant.boot` inside it. `python3 run.py --help` lists the
commands.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
PYTHON = os.path.join(VENV, "bin", "python")
OLDEST = (3, 11)
NEWEST = (3, 13)
DEVELOPING = ("test", "check", "bench", "chaos", "soak")
# The larger lock holds everything of the smaller one, in the same versions.
LOCKS = {"run": ("requirements.lock",), "develop": ("requirements-dev.lock", "requirements.lock")}


def main() -> None:
    arguments = sys.argv[1:] or ["run"]
    os.chdir(ROOT)
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        fail(
            "This needs Python 3.11, 3.12 or 3.13, and this is "
            f"{sys.version_info[0]}.{sys.version_info[1]}. Try: python3.12 run.py"
        )
    if os.name != "posix":
        fail("This runs on Linux and macOS; on Windows use WSL.")
    install("develop" if arguments[0] in DEVELOPING else "run")
    os.execv(PYTHON, [PYTHON, "-m", "webassistant.boot", *arguments])


def install(purpose: str) -> None:
    """Make the environment and install what the lock says, unless that has been done."""
    wanted = {lock: stamp_text(lock) for lock in LOCKS[purpose]}
    if is_usable() and all(read_stamp(lock) == text for lock, text in wanted.items()):
        return
    begun = time.monotonic()
    if not is_usable():
        make_environment()
    lock = LOCKS[purpose][0]
    say(f"installing the packages of {lock} (the first time takes a minute or so)")
    pip = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.call([*pip, "--require-hashes", "-r", lock]):
        fail(f"pip could not install the packages of {lock}; its message is above.")
    for name, text in wanted.items():
        with open(stamp_path(name), "w", encoding="utf-8") as file:
            file.write(text)
    say(f"packages installed in {time.monotonic() - begun:.0f} s")


def make_environment() -> None:
    """Make the virtual environment; a half-made one is made anew."""
    if importlib.util.find_spec("ensurepip") is None or importlib.util.find_spec("venv") is None:
        fail(
            "Python's venv module is not installed. On Debian and Ubuntu:\n"
            f"    sudo apt install python3-venv python{version()}-venv"
        )
    say(f"making a virtual environment in {VENV} with Python {version()}")
    # With --clear venv empties what an interrupted attempt left there.
    if subprocess.call([sys.executable, "-m", "venv", "--clear", VENV]):
        shutil.rmtree(VENV, ignore_errors=True)
        fail("The virtual environment could not be made; the message is above.")


def is_usable() -> bool:
    """Whether the environment has a working Python with pip, of a version we run on."""
    question = f"import sys, pip; sys.exit(not {OLDEST} <= sys.version_info[:2] <= {NEWEST})"
    try:
        answer = subprocess.run([PYTHON, "-c", question], stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return False
    return answer.returncode == 0


def stamp_path(lock: str) -> str:
    return os.path.join(VENV, f".installed-{lock}")


def stamp_text(lock: str) -> str:
    with open(os.path.join(ROOT, lock), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def read_stamp(lock: str) -> str:
    try:
        with open(stamp_path(lock), encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def version() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def say(text: str) -> None:
    print(text, flush=True)


def fail(text: str) -> None:
    sys.exit(f"\n{text}")


if __name__ == "__main__":
    main()
