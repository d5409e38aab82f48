"""Docs that cannot rot: every setting is described, every command exists, examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chat import context
from chat.management.commands import export_protocol

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
# Read by `make run`, or through `env.db_url`.
READ_ELSEWHERE = {"HOST", "PORT", "BACKUP_DIR"}


def settings_read() -> set[str]:
    """Every variable that the settings read."""
    text = (ROOT / "webassistant" / "settings.py").read_text()
    return set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', text))


def described() -> dict[str, str]:
    """The rows of the configuration table: variable to default."""
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|(.*?)\| .+ \|$", README, re.MULTILINE)
    return {
        name: default.strip()
        for names, default in rows
        for name in re.findall(r"`([A-Z_]+)`", names)
    }


def test_every_setting_is_described_and_no_other() -> None:
    variables = set(described())
    assert settings_read() - variables == set()
    assert variables - settings_read() - READ_ELSEWHERE == set()


@pytest.mark.parametrize("name", sorted(settings_read()))
def test_described_default_is_the_real_one(name: str) -> None:
    text = (ROOT / "webassistant" / "settings.py").read_text()
    match = re.search(rf'env\.(?:float|int)\(\s*"{name}", default=([\d.* ]+)\)', text)
    if match is None:
        assert described()[name] is not None
        return
    product = 1.0
    for factor in match[1].split("*"):
        product *= float(factor)
    assert float(described()[name].strip("`")) == product


def test_constants_for_javascript_are_those_of_the_protocol() -> None:
    assert (ROOT / export_protocol.PATH).read_text() == export_protocol.generate()


def test_make_targets_named_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"`?make ([a-z-]+)", README))
    assert named
    for target in named:
        assert re.search(rf"^[a-z -]*\b{target}\b[a-z -]*:", makefile, re.MULTILINE), target


def test_links_of_the_docs_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_provider_example_of_the_readme_runs() -> None:
    example = re.search(r"```python\n(from chat\.context.*?)```", README, re.DOTALL)
    assert example is not None
    names: dict[str, object] = {}
    exec(compile(example[1], "README.md", "exec"), names)
    orders = names["orders"]
    try:
        assert orders in context._providers
        facts = orders("Where is my order?", None)  # type: ignore[arg-type]
        assert facts[0].lines == {"Open": "3", "Sent": "12"}
    finally:
        context._providers.remove(orders)  # type: ignore[arg-type]
