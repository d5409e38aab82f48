"""How well questions find their answers: full text alone, vectors alone, and both together.

`tests/data/shop.json` is our own set; other sets of the same form (`entries` with `name`,
`language`, `question`, `answer` and perhaps `phrasings`; `questions` with `question`, `language`,
`expected` and `half`) are named by RETRIEVAL_SETS, their paths parted by colons. Beside the search
stand the two plain ways that need no product: character TF-IDF and BM25, the nearest wording first.
Where OPENAI_EMBEDDING_MODEL is set, that model takes the stand-in's place, and its plain cosine
with the nearest wording, and with the mean of all wordings, stands beside it.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import override_settings

import ai
from ai.words import words
from bench.measure import Table
from bench.place import Place
from knowledge import indexing, retrieval
from knowledge.models import FAQEntry
from organizations.models import Organization
from tests.openai_server import OpenAIServer

OWN = Path(__file__).parents[1] / "tests" / "data" / "shop.json"
# The model of the test server that is asked where none is set.
STAND_IN = "embed-meaning"
HALVES = ("development", "held out")
# The words decide all, the vectors decide all, or each as much as the embedder says.
WAYS: dict[str, float | None] = {
    "full text alone": 0.0,
    "vectors alone": 1.0,
    "hybrid": None,
}


@dataclass(frozen=True)
class Answer:
    """What a way of searching says to one question."""

    names: tuple[str, ...]
    score: float
    is_given: bool
    is_sure: bool = False


Ask = Callable[[Mapping[str, str]], Answer]


def run(place: Place) -> list[Table]:
    """Ask every question of every set in every way."""
    tables = []
    paths = [OWN, *map(Path, filter(None, os.environ.get("RETRIEVAL_SETS", "").split(":")))]
    for number, path in enumerate(paths):
        made = json.loads(path.read_text())
        questions = made["questions"][:: place.size(1, 40)]
        table = Table(
            f"Finding answers: {path.stem}, {len(made['entries'])} entries, "
            f"{len(questions)} questions",
            (
                "way",
                "half",
                "right first",
                "in five",
                "false out of scope",
                "area",
                "sure",
                "right",
            ),
        )
        baselines(table, made["entries"], questions)
        with override_settings(OPENAI_EMBEDDING_MODEL=""):
            fill_in(table, "built-in embedder", f"retrieval-{number}", made["entries"], questions)
        with over_the_protocol() as name:
            slug = f"retrieval-{number}-openai"
            organization, names = fill_in(table, name, slug, made["entries"], questions)
            if settings.OPENAI_EMBEDDING_MODEL != STAND_IN:
                plain_cosine(table, name, organization, names, questions)
        table.note("area: under the curve of in scope against out of scope, by the best score")
        tables.append(table)
    return tables


@contextmanager
def over_the_protocol() -> Iterator[str]:
    """The model of the settings over the OpenAI protocol, or the stand-in; what it is called."""
    if settings.OPENAI_EMBEDDING_MODEL:
        yield settings.OPENAI_EMBEDDING_MODEL
        return
    with (
        OpenAIServer() as server,
        override_settings(OPENAI_BASE_URL=server.base_url, OPENAI_EMBEDDING_MODEL=STAND_IN),
    ):
        yield "stand-in model over the OpenAI protocol"


def fill_in(
    table: Table,
    name: str,
    slug: str,
    entries: Iterable[Mapping[str, Any]],
    questions: Sequence[Mapping[str, str]],
) -> tuple[Organization, dict[int, str]]:
    """Index the entries with today's embedder and ask in each way; what `taught` made."""
    organization, names = taught(slug, entries)
    for way, trust in WAYS.items():

        def ask(row: Mapping[str, str], trust: float | None = trust) -> Answer:
            found = retrieval.search(
                organization, row["question"], language=row["language"], trust=trust
            )
            return Answer(
                tuple(names[source.item_id] for source in found.sources),
                found.best,
                bool(found.sources),
                found.is_sure,
            )

        add(table, f"{name}: {way}", ask, questions)
    return organization, names


def plain_cosine(
    table: Table,
    name: str,
    organization: Organization,
    names: Mapping[int, str],
    questions: Sequence[Mapping[str, str]],
) -> None:
    """What the same vectors find by themselves, with no cut-off."""
    for way, is_mean in (("nearest wording", False), ("mean of wordings", True)):

        def ask(row: Mapping[str, str], is_mean: bool = is_mean) -> Answer:
            vector = str(ai.embedder().embed([row["question"]])[0])
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT faq_id, max(1 - (embedding <=> %s::halfvec)) AS cosine "
                    "FROM knowledge_passage WHERE organization_id = %s "
                    "AND CASE WHEN %s THEN NOT is_wording ELSE wordings = 1 END "
                    "GROUP BY faq_id ORDER BY cosine DESC",
                    [vector, organization.pk, is_mean],
                )
                found = cursor.fetchall()
            return Answer(tuple(names[faq] for faq, _cosine in found), float(found[0][1]), True)

        add(table, f"{name}: plain cosine, {way}", ask, questions)


def taught(slug: str, entries: Iterable[Mapping[str, Any]]) -> tuple[Organization, dict[int, str]]:
    """An organization with the entries indexed, and the name of each."""
    organization = Organization.objects.create(name=slug, slug=slug)
    names = {}
    for row in entries:
        entry = FAQEntry.unscoped.create(
            organization=organization,
            question=row["question"][:300],
            phrasings=[text[:300] for text in row.get("phrasings", ())],
            answer=row["answer"],
            language=row["language"],
            content_hash=slug,
        )
        if not indexing.index("faq", entry.pk, slug):
            raise RuntimeError(f"{row['name']} was not indexed")
        names[entry.pk] = row["name"]
    return organization, names


def add(table: Table, name: str, ask: Ask, questions: Sequence[Mapping[str, str]]) -> None:
    """A row for each half of the questions."""
    for half in HALVES:
        asked = [(row["expected"], ask(row)) for row in questions if row["half"] == half]
        inside = [(name, answer) for name, answer in asked if name]
        outside = [answer for name, answer in asked if not name]
        sure = [(name, answer) for name, answer in asked if answer.is_sure]
        table.add(
            name,
            half,
            share(answer.names[:1] == (name,) for name, answer in inside),
            share(name in answer.names[:5] for name, answer in inside),
            share(answer.is_given for answer in outside),
            area([a.score for _name, a in inside], [a.score for a in outside]),
            len(sure),
            share(answer.names[:1] == (name,) for name, answer in sure),
        )


def share(outcomes: Iterable[bool]) -> str:
    """How many of them are true, of 1."""
    all_ = list(outcomes)
    return f"{sum(all_) / len(all_):.3f}" if all_ else "-"


def area(inside: Sequence[float], outside: Sequence[float]) -> str:
    """How often a question with an answer scores above one without; a tie counts half."""
    if not inside or not outside:
        return "-"
    above = sum((one > other) + (one == other) / 2 for one in inside for other in outside)
    return f"{above / len(inside) / len(outside):.3f}"


def baselines(
    table: Table, entries: Iterable[Mapping[str, Any]], questions: Sequence[Mapping[str, str]]
) -> None:
    """The nearest wording by character TF-IDF (3 to 5, within words) and by BM25."""
    wordings = [
        (row["name"], text)
        for row in entries
        for text in (row["question"], *row.get("phrasings", ()))
    ]
    for name, scores in (
        ("character TF-IDF", tf_idf([text for _name, text in wordings])),
        ("BM25", bm25([text for _name, text in wordings])),
    ):

        def ask(
            row: Mapping[str, str], scores: Callable[[str], dict[int, float]] = scores
        ) -> Answer:
            best: dict[str, float] = {}
            for number, score in scores(row["question"]).items():
                entry = wordings[number][0]
                best[entry] = max(score, best.get(entry, 0.0))
            order = sorted(best, key=lambda entry: -best[entry])
            return Answer(tuple(order), max(best.values(), default=0.0), True)

        add(table, name, ask, questions)


def grams(text: str) -> list[str]:
    """Pieces of words, three to five characters, with the spaces around them."""
    padded = [f" {word} " for word in text.lower().split()]
    return [
        word[start : start + size]
        for word in padded
        for size in (3, 4, 5)
        for start in range(max(1, len(word) - size + 1))
    ]


def tf_idf(texts: Sequence[str]) -> Callable[[str], dict[int, float]]:
    """The cosine of a question's grams with each text's, weighted by their rarity."""
    counted = [Counter(grams(text)) for text in texts]
    rarity = {
        gram: math.log((1 + len(texts)) / (1 + number)) + 1
        for gram, number in Counter(gram for count in counted for gram in count).items()
    }
    places: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, count in enumerate(counted):
        weights = {gram: times * rarity[gram] for gram, times in count.items()}
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        for gram, weight in weights.items():
            places[gram].append((number, weight / length))

    def scores(question: str) -> dict[int, float]:
        weights = {g: n * rarity[g] for g, n in Counter(grams(question)).items() if g in rarity}
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        found: dict[int, float] = defaultdict(float)
        for gram, weight in weights.items():
            for number, other in places[gram]:
                found[number] += weight * other / length
        return found

    return scores


def bm25(texts: Sequence[str]) -> Callable[[str], dict[int, float]]:
    """Okapi BM25 over words as they are, k1 = 1.5 and b = 0.75."""
    counted = [Counter(words(text)) for text in texts]
    mean = sum(count.total() for count in counted) / len(counted)
    places: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for number, count in enumerate(counted):
        for word, times in count.items():
            length = 0.25 + 0.75 * count.total() / mean
            places[word].append((number, times * 2.5 / (times + 1.5 * length)))

    def scores(question: str) -> dict[int, float]:
        found: dict[int, float] = defaultdict(float)
        for word in set(words(question)):
            has = len(places.get(word, ()))
            for number, value in places.get(word, ()):
                found[number] += value * math.log(1 + (len(texts) - has + 0.5) / (has + 0.5))
        return found

    return scores
