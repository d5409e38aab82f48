"""What is kept of an answer: some of its parts, no secret, and not too much."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

import orjson
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

MASK = "•••"
MOST_PATHS = 20
LONGEST_PATH = 200
# orjson writes 254 levels, and Python's own stack ends not far behind.
DEEPEST = 100
# A mask of less would eat half of every text.
SHORTEST_SECRET = 4
_SCHEMES = {"bearer", "basic", "token", "digest", "apikey", "api-key", "key"}


class NotJSON(Exception):
    """Parts are wanted of an answer that has none."""


def parse_paths(text: str) -> list[tuple[str, ...]]:
    """Paths, one in a line: `order.items.*.name` or `/order/items/0`; raises ValidationError."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_PATHS or any(len(line) > LONGEST_PATH for line in lines):
        raise ValidationError(
            _("Write at most %(most)s short paths, one in a line."),
            code="paths",
            params={"most": MOST_PATHS},
        )
    paths = [_path(line) for line in lines]
    if any(not part for path in paths for part in path):
        raise ValidationError(
            _("Write a path as order.items.0.name or /order/items/0/name; * is every part."),
            code="path",
        )
    return paths


def _path(line: str) -> tuple[str, ...]:
    if line.startswith("/"):
        parts = line[1:].split("/")
        return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)
    return tuple(line.removeprefix("$.").split("."))


def read(content: bytes) -> Any:
    """An answer as JSON, or as the text it is; so is JSON that is nested beyond all sense."""
    try:
        answer = orjson.loads(content)
    except orjson.JSONDecodeError:
        answer = None
    else:
        if not is_deep(answer, DEEPEST):
            return _without_nul(answer)
    return content.decode("utf-8", "replace").replace("\0", "")


def _without_nul(value: Any) -> Any:
    """PostgreSQL takes it in no text, and in no JSON."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {key.replace("\0", ""): _without_nul(part) for key, part in value.items()}
    return [_without_nul(part) for part in value] if isinstance(value, list) else value


def is_deep(value: Any, most: int) -> bool:
    """Whether lists and objects stand in each other more than so many times."""
    level = [value]
    for _step in range(most + 1):
        level = [part for whole in level for part in _inner(whole)]
        if not level:
            return False
    return True


def _inner(value: Any) -> Iterator[Any]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (part for part in parts if isinstance(part, dict | list))


def pick(answer: Any, paths: Sequence[tuple[str, ...]]) -> Any:
    """The wanted parts by their paths; everything where none is named. Raises NotJSON."""
    if not paths:
        return answer
    if isinstance(answer, str):
        raise NotJSON
    picked = {}
    for path in paths:
        found = list(_found(answer, path))
        if found:
            picked[".".join(path)] = found if "*" in path else found[0]
    return picked


def _found(value: Any, path: Sequence[str]) -> Iterator[Any]:
    if not path:
        yield value
        return
    step, rest = path[0], path[1:]
    if isinstance(value, dict):
        inner = value.values() if step == "*" else [value[step]] if step in value else []
    elif isinstance(value, list):
        number = int(step) if step.isdecimal() and len(step) < 9 else -1
        inner = value if step == "*" else value[number : number + 1] if number >= 0 else []
    else:
        return
    for part in inner:
        yield from _found(part, rest)


def mask(value: Any, secrets: Iterable[str]) -> Any:
    """The value with every secret in it covered, however the answer has written it."""
    hidden = sorted({form for secret in secrets for form in _forms(secret)}, key=len, reverse=True)
    if not hidden:
        return value
    pattern = re.compile("|".join(map(re.escape, hidden)), re.IGNORECASE)
    return _masked(value, pattern)


def _masked(value: Any, pattern: re.Pattern[str]) -> Any:
    if isinstance(value, str):
        return pattern.sub(MASK, value)
    if isinstance(value, dict):
        return {pattern.sub(MASK, key): _masked(part, pattern) for key, part in value.items()}
    if isinstance(value, list):
        return [_masked(part, pattern) for part in value]
    # A key may be a number.
    return MASK if isinstance(value, int) and pattern.fullmatch(str(value)) else value


def _forms(secret: str) -> Iterator[str]:
    """A header's value as it may come back: whole, its parts, and encoded."""
    words = [word for word in secret.split() if word.lower() not in _SCHEMES]
    for word in {secret.strip(), *words}:
        plain = [word, *_pair(word)]
        for text in plain:
            if len(text) < SHORTEST_SECRET:
                continue
            yield text
            yield quote(text, safe="")
            yield base64.b64encode(text.encode()).decode().rstrip("=")


def _pair(word: str) -> list[str]:
    """The name and password of a Basic key."""
    try:
        decoded = base64.b64decode(word, validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return []
    return [decoded, decoded.partition(":")[2]] if ":" in decoded else []


def bounded(value: Any, most: int) -> tuple[str, bool]:
    """The value as a text of at most so many characters, and whether something was cut off."""
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return (text, False) if len(text) <= most else (text[:most], True)
