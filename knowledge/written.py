"""What the owner writes of a piece, as plain values: kept, exported, compared by imports."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from knowledge.models import Article, Category, FAQEntry, Knowledge

Values = dict[str, Any]

_COMMON = ("category", "language", "priority", "is_active", "valid_from", "valid_until")
FIELDS: dict[type[Knowledge], tuple[str, ...]] = {
    FAQEntry: ("question", "phrasings", "answer", "keywords", *_COMMON),
    Article: ("title", "body", "url", *_COMMON),
}
DATES = ("valid_from", "valid_until")
# What no table and no page can carry: most control characters, halves of pairs, non-characters.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def written(item: Knowledge) -> Values:
    """The fields that the owner writes, by name; a category as its path, a date as in ISO 8601."""
    return {name: _plain(getattr(item, name)) for name in FIELDS[type(item)]}


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Category):
        return str(value)
    return list(value) if isinstance(value, list) else value


def assign(item: Knowledge, values: Mapping[str, Any]) -> None:
    """Write plain values into a piece; its category is the caller's business."""
    for name, value in values.items():
        if name in DATES:
            setattr(item, name, date.fromisoformat(value) if value else None)
        elif name != "category":
            setattr(item, name, value)


def tidy_text(text: str) -> str:
    """A text as it is compared and carried: no outer space, one kind of line end."""
    return _UNWRITABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def tidy(values: Mapping[str, Any]) -> Values:
    """Values that differ only in what tables do not carry become the same."""
    return {name: _tidy(value) for name, value in values.items()}


def _tidy(value: Any) -> Any:
    if isinstance(value, str):
        return tidy_text(value)
    if isinstance(value, list):
        return [text for text in map(tidy_text, value) if text]
    # No category is an empty path, and no day an empty date.
    return "" if value is None else value


def fingerprint(item: Knowledge) -> str:
    """All that is written of a piece, as one number."""
    text = json.dumps(tidy(written(item)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def fold(text: str) -> str:
    """A question or a name without what people write now so, now so: case, ё, spaces."""
    return " ".join(text.casefold().replace("ё", "е").split())
