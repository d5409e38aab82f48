"""Words and a good model's vectors together: better than that model's vectors by themselves.

The model is a stand-in that knows what every text of the shop's set means, but not exactly: where a
text lies depends on its meaning, on those beside it, and on chance. Its plain cosine finds about as
much as that of a small sentence model does among short questions.
"""

from __future__ import annotations

import json
import math
import random
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

import ai
from ai.interface import Embedder
from bench.retrieval import area, taught
from knowledge import retrieval

SHOP = json.loads((Path(__file__).parent / "data" / "shop.json").read_text())
MEANINGS = {row["question"]: row["name"] for row in SHOP["entries"]} | {
    row["question"]: row["expected"] or f"other {row['question']}" for row in SHOP["questions"]
}
DIMENSIONS = 64
# What all texts have in common, what a text has of chance, and of what it is beside.
COMMON, CHANCE = 0.8, 1.35


class KnowingEmbedder(Embedder):
    """The stand-in."""

    name, dimensions = "knowing", 1024

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._of(text) for text in texts]

    def _of(self, text: str) -> list[float]:
        meaning = direction(MEANINGS.get(text, text))
        chance = direction(f"chance {text}")
        common = direction("common")
        vector = [
            one + CHANCE * other + COMMON * shared
            for one, other, shared in zip(meaning, chance, common, strict=True)
        ]
        length = math.sqrt(sum(number * number for number in vector))
        return [number / length for number in vector] + [0.0] * (1024 - DIMENSIONS)


def direction(name: str) -> list[float]:
    """A direction by chance, always the same for a name."""
    chance = random.Random(zlib.crc32(name.encode()))
    numbers = [chance.gauss(0, 1) for _ in range(DIMENSIONS)]
    length = math.sqrt(sum(number * number for number in numbers))
    return [number / length for number in numbers]


def test_words_make_a_good_model_better(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = KnowingEmbedder()
    monkeypatch.setattr(ai, "embedder", lambda: embedder)
    organization, names = taught("shop", SHOP["entries"])
    texts = {row["name"]: embedder.embed([row["question"]])[0] for row in SHOP["entries"]}
    languages = {row["name"]: row["language"] for row in SHOP["entries"]}
    plain, both = 0, 0
    inside: list[float] = []
    outside: list[float] = []
    for row in SHOP["questions"]:
        found = retrieval.search(organization, row["question"], language=row["language"])
        (inside if row["expected"] else outside).append(found.best)
        if row["expected"]:
            vector = embedder.embed([row["question"]])[0]
            nearest = max(
                (name for name in texts if languages[name] == row["language"]),
                key=lambda name: sum(
                    one * other for one, other in zip(vector, texts[name], strict=True)
                ),
            )
            plain += nearest == row["expected"]
            both += [names[one.item_id] for one in found.sources[:1]] == [row["expected"]]
    assert 0.7 <= plain / len(inside) <= 0.9, "the stand-in is as good as such a model"
    assert both > plain
    assert float(area(inside, outside)) >= 0.9
