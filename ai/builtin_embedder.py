"""An embedder with no network and no model: hashed words and pieces of words, ru and en alike.

The hashing trick (Weinberger et al., 2009, "Feature Hashing for Large Scale Multitask Learning")
with signs, over words and their character 3- to 5-grams, so that inflections stay neighbours.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from zlib import crc32

from ai.interface import Embedder

DIMENSIONS = 1024
# Grams of one word share its weight: long words must not drown short ones.
WORD, GRAMS = 1.0, 1.6
STOP_WORD = 0.15

_STOP_WORDS = (
    "а без бы был была были в вам вас ваш ваша ваши вы где да для до его ее если есть еще же за и "
    "из или их к как какая какие какой когда кто ли мне мой моя мы на над нам нас наш не нет ни но "
    "ну о об он она они от по под при с со так там то тут ты у уже что чтобы это этот я можно "
    "нужно a an and any are as at be by can could do does for from have how i if in is it its me "
    "my no not of on or our so that the their there this to was we were what when where which who "
    "will with you your would should please"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())
_WORDS = re.compile(r"[^\W_]+")


class BuiltinEmbedder(Embedder):
    """Deterministic over processes and machines: the same text is the same vector."""

    name = "builtin-2"
    dimensions = DIMENSIONS

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector a text, of unit length; a text without words is all zeros but one."""
        return [_embed(text) for text in texts]


def _embed(text: str) -> list[float]:
    vector = [0.0] * DIMENSIONS
    for word, count in Counter(words(text)).items():
        weight = 1.0 + math.log(count)
        for index, value in _features(word):
            vector[index] += weight * value
    length = math.sqrt(sum(x * x for x in vector))
    if not length:
        vector[0] = length = 1.0
    return [x / length for x in vector]


def words(text: str) -> Iterator[str]:
    """The words of a text, folded: compatibility forms, case, ё."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    return (match.group() for match in _WORDS.finditer(folded))


@lru_cache(maxsize=20_000)
def _features(word: str) -> tuple[tuple[int, float], ...]:
    """Where a word lands, and with what weight."""
    scale = STOP_WORD if word in STOP_WORDS else 1.0
    bounded = f"<{word}>"
    grams = [
        bounded[start : start + size]
        for size in (3, 4, 5)
        for start in range(len(bounded) - size + 1)
    ]
    features = [(_place(f"w{word}"), WORD * scale)]
    if grams:
        share = GRAMS * scale / math.sqrt(len(grams))
        features += [(_place(gram), share) for gram in grams]
    return tuple(
        (place % DIMENSIONS, value if place & 1024 else -value) for place, value in features
    )


def _place(feature: str) -> int:
    return crc32(feature.encode())
