"""The owner's words and phrases, wherever and however they stand in a text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from chat.moderation.disguises import Word, foldings, words_of


def met_in(words: Sequence[Word], listed: Sequence[str]) -> list[Word]:
    """Where the owner's words stand in the words of a text, and which, in the owner's spelling."""
    if not listed:
        return []
    index = _index(tuple(listed))
    said = [_forms(word) for _start, _end, word in words]
    found = []
    for at, forms in enumerate(said):
        for one in index.at(forms):
            end = one.ends_at(said, at)
            if end is not None:
                found.append((words[at][0], words[end - 1][1], one.name))
    return found


@dataclass(frozen=True)
class _Listed:
    """One of the owner's words or phrases: each word in its forms, the last perhaps begun only."""

    name: str
    words: tuple[frozenset[str], ...]
    is_begun: bool

    def ends_at(self, said: Sequence[tuple[str, ...]], start: int) -> int | None:
        """The index behind its last word, where it stands at `start`."""
        end = start + len(self.words)
        if end > len(said):
            return None
        for number, (own, forms) in enumerate(zip(self.words, said[start:end], strict=True), 1):
            if self.is_begun and number == len(self.words):
                if not any(form.startswith(tuple(own)) for form in forms):
                    return None
            elif own.isdisjoint(forms):
                return None
        return end


@dataclass(frozen=True)
class _Index:
    """The owner's words by what they begin with."""

    by_first: dict[str, list[_Listed]]
    begun: tuple[_Listed, ...]
    beginnings: tuple[str, ...]

    def at(self, forms: Sequence[str]) -> list[_Listed]:
        """What may stand where a word of these forms stands."""
        near = [one for form in forms if form in self.by_first for one in self.by_first[form]]
        if self.beginnings and any(form.startswith(self.beginnings) for form in forms):
            near += self.begun
        return near


@lru_cache(maxsize=500)
def _index(listed: tuple[str, ...]) -> _Index:
    by_first: dict[str, list[_Listed]] = defaultdict(list)
    begun = []
    for name in listed:
        said = [word for _start, _end, word in words_of(name.strip().rstrip("*"))]
        if not said:
            continue
        words = tuple(frozenset(_forms(word)) - {""} for word in said)
        one = _Listed(name, words, name.strip().endswith("*"))
        if one.is_begun and len(words) == 1:
            begun.append(one)
            continue
        for form in words[0]:
            by_first[form].append(one)
    beginnings = {form for one in begun for form in one.words[0]}
    return _Index(dict(by_first), tuple(begun), tuple(beginnings))


@lru_cache(maxsize=20_000)
def _forms(word: str) -> tuple[str, ...]:
    return foldings(word)
