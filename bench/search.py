"""The search inside one organization, beside an index over everything that cannot tell whose it is.

The index is the usual answer to "vectors at scale": HNSW over all organizations. It is fast and
knows no tenant, so it is a limit for speed only; ours must find all rows, and the right ones.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable

from django.db import connection, transaction
from pgvector import HalfVector

import ai
from bench import measure
from bench.measure import Figures, Table
from bench.place import Place
from knowledge import indexing, retrieval
from knowledge.models import FAQEntry, Passage
from organizations.models import Agent, Organization

GOALS = {1000: 1.7, 5000: 8.0}
K = 5
# Words that make questions which differ as real ones do: a thing, a quality, a place, a number.
THINGS = ["tour", "ticket", "guide", "bus", "boat", "hotel", "lunch", "museum", "tower", "refund"]
QUALITIES = ["evening", "morning", "private", "cheap", "long", "short", "winter", "free", "early"]
PLACES = ["Kazan", "Bolgar", "Sviyazhsk", "Raifa", "Yelabuga", "Chistopol", "Laishevo", "Arsk"]
# Exact in one organization: the rows first, then their distances (see research in the docs).
EXACT = """
WITH t AS MATERIALIZED (
    SELECT id, embedding FROM knowledge_passage WHERE organization_id = %s
)
SELECT id FROM t ORDER BY embedding <=> %s::halfvec, id LIMIT %s
"""
PLAIN = (
    "SELECT id FROM knowledge_passage WHERE organization_id = %s "
    "ORDER BY embedding <=> %s::halfvec, id LIMIT %s"
)
GLOBAL = "SELECT id FROM bench_vectors ORDER BY embedding <=> %s::halfvec LIMIT %s"


def run(place: Place) -> list[Table]:
    """Fill a table, build the index beside it, and ask."""
    sizes, filler = place.size(((1000, 5000), 14_000), ((20, 40), 40))
    random.seed(1)
    tenants = {size: fill(f"bench-search-{size}", size) for size in sizes}
    fill("bench-search-others", filler)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_vectors AS SELECT id, organization_id, embedding "
            "FROM knowledge_passage"
        )
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(
            "CREATE INDEX bench_hnsw ON bench_vectors USING hnsw (embedding halfvec_cosine_ops) "
            "WITH (m = 16, ef_construction = 64)"
        )
        cursor.execute("VACUUM ANALYZE bench_vectors")
        cursor.execute("VACUUM ANALYZE knowledge_passage")
    questions = [question() for _ in range(place.size(60, 5))]
    vectors = [HalfVector(v).to_text() for v in ai.embedder().embed(questions)]
    variants: dict[str, Callable[[], Figures]] = {
        "HNSW over all (no tenant)": functools.partial(ask_index, vectors)
    }
    for size, (organization, agent) in tenants.items():
        name = f"in {size} passages"
        variants[f"vectors alone, exact, {name}"] = functools.partial(
            ask_exact, organization, vectors
        )
        variants[f"search(), {name}"] = functools.partial(
            ask_search, organization, agent, questions
        )
    results = measure.alternate(variants, place.rounds)
    base = "HNSW over all (no tenant)"
    table = Table(
        f"Search, {sum(sizes) + filler} passages in all",
        ("way", "p50 ms", "p95 ms", "against the index", "rows", "recall"),
    )
    for name in variants:
        ratio = results.ratio(name, base, "p50")
        goal = next((g for size, g in GOALS.items() if name.endswith(f"in {size} passages")), None)
        table.add(
            name,
            results.median(name, "p50"),
            results.median(name, "p95"),
            measure.against(ratio, goal) if goal and "vectors" in name else ratio,
            results.median(name, "rows"),
            results.median(name, "recall") if "recall" in results.rounds[name][0] else "",
        )
    table.note("the index's recall is against exact neighbours over all organizations")
    table.note(results.remark())
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_vectors")
    return [table]


def question() -> str:
    """Something a visitor may ask."""
    return (
        f"How much is the {random.choice(QUALITIES)} {random.choice(THINGS)} "  # noqa: S311
        f"to {random.choice(PLACES)} for {random.randrange(1, 400)} people?"  # noqa: S311
    )


def fill(slug: str, count: int) -> tuple[Organization, Agent]:
    """An organization with so many indexed answers."""
    organization = Organization.objects.create(name=slug, slug=slug)
    agent = Agent.unscoped.create(organization=organization, name="main")
    embedder = ai.embedder()
    for start in range(0, count, 500):
        texts = [question() for _ in range(min(500, count - start))]
        with transaction.atomic():
            entries = FAQEntry.unscoped.bulk_create(
                FAQEntry(
                    organization=organization,
                    question=text,
                    answer=f"{text} It is {random.randrange(10_000)} roubles.",  # noqa: S311
                    language="en",
                    status="ready",
                )
                for text in texts
            )
            vectors = embedder.embed([f"{entry.question}\n{entry.answer}" for entry in entries])
            passages = Passage.unscoped.bulk_create(
                Passage(
                    organization=organization,
                    faq=entry,
                    heading=entry.question,
                    text=entry.answer,
                    language="en",
                    embedder=embedder.name,
                    embedding=vector,
                )
                for entry, vector in zip(entries, vectors, strict=True)
            )
            with connection.cursor() as cursor:
                cursor.execute(
                    indexing.INDEX_WORDS,
                    {
                        "config": indexing.config_of("en"),
                        "passages": [passage.pk for passage in passages],
                    },
                )
    return organization, agent


def timed(ask: Callable[[str], list[int]], asked: list[str]) -> tuple[Figures, list[list[int]]]:
    """Ask everything once; how long it took, and what was found."""
    took, found = [], []
    for one in asked:
        began = time.perf_counter()
        found.append(ask(one))
        took.append(time.perf_counter() - began)
    figures = {
        "p50": measure.percentile(took, 0.5) * 1000,
        "p95": measure.percentile(took, 0.95) * 1000,
        "rows": sum(map(len, found)) / len(found),
    }
    return figures, found


def rows(statement: str, *parameters: str | int) -> list[int]:
    """The ids that a statement finds."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [row[0] for row in cursor.fetchall()]


def recall(found: list[list[int]], right: list[list[int]]) -> float:
    """The share of the right rows that were found."""
    hits = sum(len(set(some) & set(all_)) for some, all_ in zip(found, right, strict=True))
    return hits / sum(map(len, right))


def ask_index(vectors: list[str]) -> Figures:
    """The nearest of all organizations, by the index."""
    figures, found = timed(lambda vector: rows(GLOBAL, vector, K), vectors)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off")
        right = [rows(GLOBAL, vector, K) for vector in vectors[:10]]
    return figures | {"recall": recall(found[:10], right)}


def ask_exact(organization: Organization, vectors: list[str]) -> Figures:
    """The nearest of one organization, by looking at all of its own."""
    figures, found = timed(lambda vector: rows(EXACT, organization.pk, vector, K), vectors)
    right = [rows(PLAIN, organization.pk, vector, K) for vector in vectors[:10]]
    return figures | {"recall": recall(found[:10], right)}


def ask_search(organization: Organization, agent: Agent, questions: list[str]) -> Figures:
    """The product's own search: words and vectors, and what they add up to."""

    def ask(text: str) -> list[int]:
        found = retrieval.search(organization, text, agent=agent, language="en", limit=K)
        return [source.passage_id for source in found.sources]

    return timed(ask, questions)[0]
