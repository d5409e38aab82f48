"""Spam: links with next to no words, advertisements, or the same again and again."""

from __future__ import annotations

import re

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_ADVERTISED = re.compile(
    r"\b(?:казино|casino|viagra|виагр\w*|porn\w*|порно\w*|заработ\w+\s+(?:без\s+вложений|в\s+сети)"
    r"|лёгк\w+\s+деньг\w*|easy\s+money|free\s+(?:crypto|bitcoins?))",
    re.IGNORECASE,
)
MAX_LINKS = 3
# A text with more words about its links than this asks something about them.
WORDS_A_LINK = 4
# A line that is longer and has so few different words, or letters, repeats itself.
LONG_LINE = 30
FEWEST_KINDS = 0.2
LONG_RUN = 60
FEWEST_LETTERS = 4
# What is shown of it.
SHOWN = 40


def is_spam(text: str) -> bool:
    """Links with next to no words, advertisements, or the same again and again."""
    links = _links(text)
    if links and _ADVERTISED.search(text):
        return True
    words = text.casefold().split()
    if links > MAX_LINKS and len(words) - links < WORDS_A_LINK * links:
        return True
    if len(words) >= LONG_LINE and len(set(words)) < len(words) * FEWEST_KINDS:
        return True
    letters = [letter for letter in text if letter.isalpha()] if len(text) >= LONG_RUN else []
    return len(letters) >= LONG_RUN and len(set(letters)) < FEWEST_LETTERS


def _links(text: str) -> int:
    return sum(1 for _link in _LINK.finditer(text)) if "/" in text or "www" in text else 0


def cut(text: str) -> str:
    """The beginning of spam, without its links."""
    words = [] if not text else _LINK.sub("…", text).split()
    shown = " ".join(words)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
