"""What a text is, and how it may be shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chat.moderation import insults, spam
from chat.moderation.disguises import words_of
from chat.moderation.listed import met_in


@dataclass(frozen=True)
class Verdict:
    """What a text is, and how it may be shown: `masked` keeps the first letter of each bad word."""

    masked: str
    insults: int = 0
    is_spam: bool = False
    # The owner's words that were met, in the owner's spelling.
    listed: tuple[str, ...] = ()

    @property
    def is_offence(self) -> bool:
        """Whether it is one to be warned of."""
        return bool(self.insults or self.is_spam)

    @property
    def is_fine(self) -> bool:
        """Whether nothing at all was found."""
        return not self.is_offence and not self.listed


def judge(text: str, listed: Sequence[str] = ()) -> Verdict:
    """Look through a visitor's or the assistant's text, for insults, spam and the owner's words.

    `listed` are words and phrases; one with a star at its end stands for all that begin so.
    """
    masked, count, names = _looked_through(text, listed)
    is_spam = spam.is_spam(text)
    return Verdict(spam.cut(masked) if is_spam else masked, count, is_spam, names)


def mask(text: str, listed: Sequence[str] = ()) -> str:
    """A text without its insults and the owner's words, each of which keeps its first letter."""
    return _looked_through(text, listed)[0]


def meets(text: str, listed: Sequence[str]) -> str:
    """The first of the owner's words that a text has, in the owner's spelling; empty: none."""
    met = met_in(words_of(text), listed) if listed else []
    return min(met)[2] if met else ""


def _looked_through(text: str, listed: Sequence[str]) -> tuple[str, int, tuple[str, ...]]:
    words = words_of(text)
    spans = insults.found_in(text, words)
    met = met_in(words, listed)
    names = tuple(dict.fromkeys(name for _start, _end, name in met))
    bad = spans + [(start, end) for start, end, _name in met]
    return _masked(text, bad) if bad else text, len(spans), names


def _masked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    letters = list(text)
    for start, end in spans:
        # A piece of a word that was set apart keeps its spaces.
        for at in range(start + 1, end):
            if not letters[at].isspace():
                letters[at] = "*"
    return "".join(letters)
