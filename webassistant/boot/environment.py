"""What the environment's values must look like, said before anything is started with them."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from webassistant.boot.child import BootError

BOOLEANS = ("true", "on", "ok", "y", "yes", "1", "false", "off", "n", "no", "0")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def is_network(text: str) -> bool:
    """Whether a text is an address or a network."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def is_url(*schemes: str) -> Callable[[str], bool]:
    """A test for addresses of these schemes."""
    return lambda text: urlsplit(text).scheme in schemes and "://" in text


def is_whole(text: str) -> bool:
    return re.fullmatch(r"[0-9]+", text) is not None


def is_number(text: str) -> bool:
    return re.fullmatch(r"[0-9]+(\.[0-9]+)?", text) is not None


def are_networks(text: str) -> bool:
    names = [name.strip() for name in text.split(",") if name.strip()]
    return all(name == "unix" or is_network(name) for name in names)


Rule = tuple[Callable[[str], bool], str]
WHOLE: Rule = (is_whole, "a whole number such as 20")
NUMBER: Rule = (is_number, "a number such as 20 or 0.5")
SWITCH: Rule = (lambda text: text.lower() in BOOLEANS, "on or off")

RULES: dict[str, Rule] = {
    **dict.fromkeys(
        (
            "AI_DAILY_TOKENS",
            "DATABASE_POOL_SIZE",
            "DOCUMENT_MAX_BYTES",
            "GRAPH_PASSAGES_PER_DAY",
            "MESSAGES_PER_MINUTE",
            "NEW_VISITORS_PER_HOUR",
            "SESSION_IDLE_HOURS",
            "SOCKETS_PER_VISITOR",
            "VISITOR_TOKEN_DAYS",
        ),
        WHOLE,
    ),
    **dict.fromkeys(
        (
            "AI_DAILY_COST",
            "AI_STREAM_TIMEOUT",
            "KNOWLEDGE_STREAM_DELAY",
            "OPENAI_TIMEOUT",
            "PING_SECONDS",
        ),
        NUMBER,
    ),
    **dict.fromkeys(
        (
            "BEHIND_TLS_PROXY",
            "DEBUG",
            "DEMO",
            "OPENAI_EMBEDDING_DIMENSIONS",
            "PLAIN_STATIC",
            "PREPARED_STATEMENTS",
        ),
        SWITCH,
    ),
    "DATABASE_URL": (
        is_url("postgres", "postgresql", "pgsql"),
        "an address such as postgres://user:password@host:5432/name",
    ),
    "REDIS_URL": (is_url("redis", "rediss", "unix"), "an address such as redis://host:6379"),
    "PUBLIC_URL": (is_url("http", "https"), "an address such as https://assistant.example.com"),
    "OPENAI_BASE_URL": (is_url("http", "https"), "an address such as https://api.openai.com/v1"),
    "LANGUAGE_CODE": (lambda text: text in ("ru", "en"), "ru or en"),
    "TIME_ZONE": (
        lambda text: text in zoneinfo.available_timezones(),
        "a name such as Europe/Moscow",
    ),
    "LOG_LEVEL": (lambda text: text in LEVELS, "one of " + ", ".join(LEVELS)),
    "TRUSTED_PROXIES": (are_networks, "networks with commas, such as 10.0.0.0/8, or unix"),
}


def check(environment: Mapping[str, str]) -> None:
    """Raise with a sentence for every value that cannot be what it must be.

    No value is repeated: an address may hold a password.
    """
    wrong = [
        f"  {name} must be {words}."
        for name, (fits, words) in RULES.items()
        if environment.get(name) and not fits(environment[name])
    ]
    if wrong:
        raise BootError("\n".join(["These settings cannot be used:", *wrong]))
