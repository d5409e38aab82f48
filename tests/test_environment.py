"""Values of the environment that cannot be used: one clear line each, before anything starts."""

from __future__ import annotations

import re

import pytest

from tests.services_plugin import ROOT
from webassistant.boot import environment
from webassistant.boot.child import BootError

WRONG = {
    "MESSAGES_PER_MINUTE": "many",
    "OPENAI_TIMEOUT": "30 s",
    "DEBUG": "maybe",
    "DATABASE_URL": "mysql://user:hidden@host/name",
    "REDIS_URL": "localhost:6379",
    "PUBLIC_URL": "assistant.example.com",
    "LANGUAGE_CODE": "de",
    "TIME_ZONE": "Mars/Base",
    "LOG_LEVEL": "loud",
    "TRUSTED_PROXIES": "10.0.0.0/8, proxy",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_named(name: str) -> None:
    with pytest.raises(BootError, match=f"  {name} must be "):
        environment.check({name: WRONG[name]})


def test_all_wrong_values_are_named_at_once_and_none_is_repeated() -> None:
    """An address may hold a password."""
    with pytest.raises(BootError) as refusal:
        environment.check(WRONG)
    lines = str(refusal.value).splitlines()
    assert [line.split()[0] for line in lines[1:]] == [
        name for name in environment.RULES if name in WRONG
    ]
    assert "hidden" not in str(refusal.value)


def test_values_that_are_right_or_empty_pass() -> None:
    environment.check(
        {
            "MESSAGES_PER_MINUTE": "20",
            "OPENAI_TIMEOUT": "0.5",
            "DEBUG": "True",
            "DATABASE_URL": "postgresql://user@%2Ftmp%2Fsocket/name",
            "REDIS_URL": "unix:///run/redis.sock?db=1",
            "PUBLIC_URL": "https://assistant.example.com",
            "TIME_ZONE": "Europe/Moscow",
            "TRUSTED_PROXIES": "10.0.0.0/8, ::1, unix",
            "AI_DAILY_COST": "",
        }
    )


def test_every_rule_is_of_a_documented_variable() -> None:
    named = set(re.findall(r"`([A-Z_]+)`", (ROOT / "README.md").read_text()))
    assert set(environment.RULES) <= named
