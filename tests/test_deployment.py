"""The container files, the locks and the commands: they must name what is really there."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

from tests.services_plugin import ROOT
from webassistant.boot import __main__ as commands
from webassistant.boot import checks, processes

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = {name: service for name, service in SERVICES.items() if service["image"] == "webassistant"}
PROCESSES = {
    process.name: process
    for process in (processes.web("0.0.0.0", 8000), *processes.workers(Path("/data")))
}


def resolves(arguments: list[str]) -> bool:
    """Whether Python can run these arguments: an installed module or a command of manage.py."""
    if arguments[0] == "-m":
        return importlib.util.find_spec(arguments[1]) is not None
    return arguments[0] == "manage.py" and arguments[1] in get_commands()


@pytest.mark.parametrize("name", PROCESSES)
def test_compose_starts_the_same_processes_as_run(name: str) -> None:
    assert OWN[name]["command"] == ["python", *PROCESSES[name].arguments]


def test_compose_has_no_further_long_running_process() -> None:
    lasting = {name for name, service in OWN.items() if service["restart"] != "no"}
    assert lasting == set(PROCESSES)


@pytest.mark.parametrize("name", OWN)
def test_commands_of_compose_exist(name: str) -> None:
    python, *arguments = OWN[name]["command"]
    assert python == "python"
    assert resolves(arguments)


@pytest.mark.parametrize("name", OWN)
def test_health_checks_of_compose_exist(name: str) -> None:
    check = OWN[name].get("healthcheck", {}).get("test")
    if check:
        module = re.search(r"-m,? ?(\S+)", " ".join(check))
        assert module is not None
        assert importlib.util.find_spec(module[1]) is not None


def test_every_part_of_compose_waits_for_parts_that_exist() -> None:
    for service in SERVICES.values():
        for name, condition in service.get("depends_on", {}).items():
            wanted = condition["condition"]
            assert wanted in ("service_healthy", "service_completed_successfully")
            assert ("healthcheck" in SERVICES[name]) == (wanted == "service_healthy")


def test_volumes_of_compose_are_declared() -> None:
    used = {
        mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])
    }
    assert used == set(COMPOSE["volumes"])


def test_image_starts_the_web_server() -> None:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
    command = re.search(r"^CMD (\[.*\])$", text, re.MULTILINE)
    assert command is not None
    assert json.loads(command[1]) == OWN["web"]["command"]
    assert re.search(r"^USER webassistant$", text, re.MULTILINE)


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_lock_pins_everything_and_names_no_registry(name: str) -> None:
    lock = (ROOT / f"{name}.lock").read_text()
    pins = re.findall(r"^[a-z][\w.-]*==", lock, re.MULTILINE)
    assert len(pins) > 50
    blocks = re.split(r"\n(?=[a-z])", lock)
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in lock
    assert "--index" not in lock


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_lock_agrees_with_the_requirements(name: str) -> None:
    lock = (ROOT / f"{name}.lock").read_text()
    locked = dict(re.findall(r"^([a-z][\w.-]*)==([^\s;\\]+)", lock, re.MULTILINE))
    for line in (ROOT / f"{name}.txt").read_text().splitlines():
        if line and not line.startswith(("#", "-r")):
            package, version = re.split(r"==", line.split(" ")[0])
            bare = re.sub(r"\[.*\]", "", package).lower().replace("_", "-")
            assert locked[bare] == version


def test_developers_lock_holds_the_versions_of_the_other() -> None:
    pin = re.compile(r"^([a-z][\w.-]*==[^\s\\]+)", re.MULTILINE)
    small, large = (
        set(pin.findall((ROOT / name).read_text()))
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert small <= large


def test_make_has_every_command_of_run() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony is not None
    listed = commands.parser()._subparsers._group_actions[0].choices  # type: ignore[union-attr]
    # Single benches have short names of their own.
    names = {name for name in phony[1].split() if not name.startswith("bench-")}
    assert names == set(listed or ())


@pytest.mark.parametrize("name", checks.CHECKS)
def test_checks_exist(name: str) -> None:
    arguments = list(checks.CHECKS[name])
    if arguments[0] == "-c":
        assert importlib.util.find_spec("importlinter") is not None
    else:
        assert resolves(arguments)


def test_supported_versions_of_python_are_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    source = (ROOT / "run.py").read_text()
    assert project["requires-python"] == ">=3.11,<3.14"
    assert "OLDEST = (3, 11)" in source
    assert "NEWEST = (3, 13)" in source


@pytest.mark.parametrize("command", ["manage", "test", "bench", "chaos", "soak"])
def test_options_are_passed_on_as_they_stand(command: str) -> None:
    passed_on = ["--count", "10", "-k", "name", "--", "x"]
    assert commands.parse([command, *passed_on]).arguments == passed_on


def test_unknown_option_of_our_own_is_refused() -> None:
    with pytest.raises(SystemExit):
        commands.parse(["run", "--count", "10"])
