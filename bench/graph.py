"""The knowledge graph at answering: do its neighbours bring what a question needs besides?

Each question of `graph_questions.json` needs two entries, which name one thing (a person, a room, a
ship); or only one, where neighbours can merely be in the way. Half of the questions were looked at
while the graph was made; the other half is held out, and decides.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from bench import measure
from bench.measure import Table
from bench.place import Place

QUESTIONS = Path(__file__).with_name("graph_questions.json")
Searching = Callable[[Any, str, str], Sequence[int]]


@dataclass
class Tally:
    """What came of many questions."""

    questions: int = 0
    whole: int = 0
    first: int = 0
    given: int = 0
    needed: int = 0
    seconds: list[float] = field(default_factory=list)


def run(place: Place) -> list[Table]:
    """Both entries found, by the search alone and with neighbours."""
    from knowledge import retrieval
    from knowledge.graph import neighbours

    organizations = {language: fill(language, sets) for language, sets in questions().items()}

    def searched(limit: int) -> Searching:
        def search(organization: Any, question: str, language: str) -> Sequence[int]:
            found = retrieval.search(organization, question, language=language, limit=limit)
            return [one.item_id for one in found.sources]

        return search

    def followed(organization: Any, question: str, language: str) -> Sequence[int]:
        found = retrieval.search(organization, question, language=language)
        more = neighbours.with_related(organization, question, found)
        return [one.item_id for one in more.sources]

    def lowered(organization: Any, question: str, language: str) -> Sequence[int]:
        found = searched(5)(organization, question, language)
        if not found:
            return found
        with mock.patch.object(retrieval, "CUT_OFF", 0.0):
            next_best = searched(len(found) + neighbours.BROUGHT)
            return next_best(organization, question, language)

    more = neighbours.BROUGHT
    ways: dict[str, Searching] = {
        "the search, 5 at most": searched(5),
        f"the search, {5 + more} at most": searched(5 + more),
        f"and the next {more}, below the cut-off": lowered,
        f"and {more} neighbours": followed,
    }
    tables = []
    for title, half in (("seen while made", 0), ("held out", 1)):
        table = Table(
            f"Neighbours in the knowledge graph, {title}",
            ("way", "both of two", "the one", "passages", "of them needed", "p50 ms"),
        )
        for name, way in ways.items():
            pairs, singles = Tally(), Tally()
            for language, sets in questions().items():
                organization, ids = organizations[language]
                for asked, *wanted in sets["pairs"][half::2]:
                    ask(way, organization, language, asked, {ids[one] for one in wanted}, pairs)
                for asked, *wanted in sets["singles"][half::2]:
                    ask(way, organization, language, asked, {ids[one] for one in wanted}, singles)
            table.add(
                name,
                f"{pairs.whole}/{pairs.questions}",
                f"{singles.whole}/{singles.questions}",
                (pairs.given + singles.given) / (pairs.questions + singles.questions),
                f"{pairs.needed + singles.needed}/{pairs.given + singles.given}",
                1000 * measure.percentile(pairs.seconds + singles.seconds, 0.5),
            )
        table.note("both of two: questions for which both entries they need were given")
        tables.append(table)
    return tables


def ask(
    way: Searching, organization: Any, language: str, asked: str, wanted: set[int], tally: Tally
) -> None:
    """Ask one question one way."""
    began = time.perf_counter()
    given = list(way(organization, asked, language))
    tally.seconds.append(time.perf_counter() - began)
    tally.questions += 1
    tally.whole += wanted <= set(given)
    tally.given += len(given)
    tally.needed += len(wanted & set(given))


def questions() -> dict[str, Any]:
    """The sets by language."""
    found: dict[str, Any] = json.loads(QUESTIONS.read_text())
    return found


def fill(language: str, sets: dict[str, Any]) -> tuple[Any, dict[str, int]]:
    """An organization with the entries of a set, indexed and read by rule; its entries' ids."""
    from knowledge import entries, indexing
    from knowledge.graph import reading
    from organizations.models import Organization

    organization = Organization.objects.create(
        name=f"bench-graph-{language}", slug=f"bench-graph-{language}", graph="rules"
    )
    ids = {}
    for name, question, answer in sets["entries"]:
        entry = entries.create_faq(
            organization, question=question, answer=answer, language=language
        )
        indexing.index("faq", entry.pk, entry.content_hash)
        ids[name] = entry.pk
    reading.read(organization, 60)
    return organization, ids
