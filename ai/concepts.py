"""Words that mean the same to somebody who asks a service: Russian and English, side by side.

A line of concepts.txt is one meaning. They are general (buying, paying, delivery, accounts, visits,
trouble); nothing of any one business is in them. They are compared as stems, so one form of a word
is enough.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from ai.words import stem

# A word may be in several lines: "book" is a thing and an act.
_LINES = Path(__file__).with_name("concepts.txt").read_text(encoding="utf-8").strip()


def _table() -> dict[str, tuple[int, ...]]:
    table: dict[str, tuple[int, ...]] = {}
    for number, line in enumerate(_LINES.splitlines()):
        for word in line.split():
            root = stem(word.replace("-", ""))
            if number not in table.get(root, ()):
                table[root] = (*table.get(root, ()), number)
    return table


_TABLE = _table()
_MEMBERS = [tuple(dict.fromkeys(line.split())) for line in _LINES.splitlines()]


def concepts(root: str) -> tuple[int, ...]:
    """The meanings that a stem may have, as numbers; most words have none here."""
    return _TABLE.get(root, ())


@lru_cache(maxsize=2_000)
def alike(root: str) -> tuple[str, ...]:
    """Other words for what a stem may mean."""
    return tuple(dict.fromkeys(word for number in concepts(root) for word in _MEMBERS[number]))
