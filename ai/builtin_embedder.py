"""An embedder with no network and no model: hashed words, pieces of words and what they mean.

The hashing trick (Weinberger et al., 2009, "Feature Hashing for Large Scale Multitask Learning")
with signs, over words, their character 2- to 4-grams, so that inflections and slips of the finger
stay neighbours, and the meanings of `ai.concepts`, so that "цена" is near "how much".
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from zlib import crc32

from ai.concepts import concepts
from ai.interface import Embedder
from ai.words import STOP_WORDS, stem, words

DIMENSIONS = 1024
# Grams of one word share its weight: long words must not drown short ones.
WORD, GRAMS, CONCEPT = 1.0, 1.6, 1.5
SIZES = (2, 3, 4)
# Among short questions "when" and "where" tell answers apart, so they count for something.
STOP_WORD = 0.35


class BuiltinEmbedder(Embedder):
    """Deterministic over processes and machines: the same text is the same vector."""

    name = "builtin-4"
    dimensions = DIMENSIONS
    trust = 0.6
    alone = 0.6

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


@lru_cache(maxsize=20_000)
def _features(word: str) -> tuple[tuple[int, float], ...]:
    """Where a word lands, and with what weight."""
    scale = STOP_WORD if word in STOP_WORDS else 1.0
    bounded = f"<{word}>"
    grams = [
        bounded[start : start + size] for size in SIZES for start in range(len(bounded) - size + 1)
    ]
    meanings = concepts(stem(word))
    features = [(f"w{word}", WORD * scale)]
    features += [(gram, GRAMS * scale / math.sqrt(len(grams))) for gram in grams]
    features += [(f"c{number}", CONCEPT * scale / math.sqrt(len(meanings))) for number in meanings]
    placed = ((crc32(name.encode()), value) for name, value in features)
    # The place and the sign come from different bits, or they would depend on each other.
    return tuple(
        (place % DIMENSIONS, value if place & 1 << 16 else -value) for place, value in placed
    )
