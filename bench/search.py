"""The search inside one organization, beside the ways that it could have been made.

A graph (HNSW) over everything is the usual answer to "vectors at scale": fast, and it knows no
tenant, so it is a limit for speed only; ours must find all rows, and the right ones. Recall is
held against scoring every passage of the organization.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from unittest import mock

from django.db import connection, transaction
from pgvector import HalfVector

import ai
from bench import measure
from bench.measure import Figures, Table
from bench.place import Place
from knowledge import asked, indexing, retrieval, upkeep
from knowledge.models import FAQEntry, Passage, SearchIndex
from organizations.models import Agent, Organization

# Milliseconds at the 95th of 100 questions, and recall, for the whole search.
GOALS = {1000: (10.0, 1.0), 5000: (10.0, 1.0), 50_000: (20.0, 0.98)}
K = 5
# Words that make questions which differ as real ones do: a thing, a quality, a place, a number.
THINGS = ["tour", "ticket", "guide", "bus", "boat", "hotel", "lunch", "museum", "tower", "refund"]
QUALITIES = ["evening", "morning", "private", "cheap", "long", "short", "winter", "free", "early"]
PLACES = ["Kazan", "Bolgar", "Sviyazhsk", "Raifa", "Yelabuga", "Chistopol", "Laishevo", "Arsk"]
EXACT = (
    "SELECT id FROM knowledge_passage WHERE organization_id = %s "
    "ORDER BY (embedding <=> %s::halfvec) + 0, id LIMIT %s"
)
# As the search asks: the graph answers where there is one.
NEAR = (
    "SELECT id FROM knowledge_passage WHERE organization_id = %s "
    "ORDER BY embedding <=> %s::halfvec LIMIT %s"
)
GLOBAL = "SELECT id FROM bench_vectors ORDER BY embedding <=> %s::halfvec LIMIT %s"
WORDS = (
    "SELECT id FROM knowledge_passage WHERE search @@ %s::tsquery AND organization_id + 0 = %s "
    "LIMIT %s"
)


def run(place: Place) -> list[Table]:
    """Fill a table, build the graphs, and ask."""
    sizes, filler = place.size(((1000, 5000, 50_000), 44_000), ((20, 40), 40))
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
    graphs = built_graphs(tenants)
    questions = [question() for _ in range(place.size(100, 5))]
    vectors = [HalfVector(v).to_text() for v in ai.embedder().embed(questions)]
    variants: dict[str, Callable[[], Figures]] = {
        "graph over all (no tenant)": functools.partial(ask_graph_of_all, vectors)
    }
    for size, (organization, agent) in tenants.items():
        name = f"in {size} passages"
        right = all_scored(organization, agent, questions)
        variants |= {
            f"exact scan of vectors, {name}": functools.partial(ask, EXACT, organization, vectors),
            f"the vectors' half, {name}": functools.partial(ask, NEAR, organization, vectors),
            f"the words' half, {name}": functools.partial(ask_words, organization, questions),
            f"search(), {name}": functools.partial(
                ask_search, organization, agent, questions, right
            ),
        }
    results = measure.alternate(variants, place.rounds)
    table = Table(
        f"Search, {sum(sizes) + filler} passages in all",
        ("way", "p50 ms", "p95 ms", "goal", "rows", "recall", "goal of recall"),
    )
    for name in variants:
        size = next((size for size in GOALS if name == f"search(), in {size} passages"), 0)
        goal = GOALS.get(size)
        table.add(
            name,
            results.median(name, "p50"),
            results.median(name, "p95"),
            goal[0] if goal else "",
            results.median(name, "rows"),
            results.median(name, "recall") if "recall" in results.rounds[name][0] else "",
            goal[1] if goal else "",
        )
    table.note(results.remark())
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE bench_vectors")
    return [table, graphs]


def built_graphs(tenants: dict[int, tuple[Organization, Agent]]) -> Table:
    """Build the graphs that the indexing worker would build; how long it took, and their size."""
    table = Table("Graphs of organizations", ("passages", "build s", "size MB"))
    for size, (organization, _agent) in tenants.items():
        upkeep.measure(organization.pk)
        index = SearchIndex.objects.of(organization).get()
        if not upkeep.needs_graph(index):
            table.add(str(size), "none needed", "")
            continue
        began = time.perf_counter()
        upkeep.build_graph(index)
        took = time.perf_counter() - began
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_relation_size(%s::regclass)", [upkeep.graph_name(organization.pk)]
            )
            table.add(str(size), took, cursor.fetchone()[0] / 1e6)
    return table


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
            vectors = embedder.embed([entry.question for entry in entries])
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
            indexing.index_words("en", {passage.pk: passage.heading for passage in passages})
    upkeep.index_of(organization.pk)
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


def ask_graph_of_all(vectors: list[str]) -> Figures:
    """The nearest of all organizations, by a graph over them."""
    figures, found = timed(lambda vector: rows(GLOBAL, vector, K), vectors)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_indexscan = off")
        right = [rows(GLOBAL, vector, K) for vector in vectors[:10]]
    return figures | {"recall": recall(found[:10], right)}


def ask(statement: str, organization: Organization, vectors: list[str]) -> Figures:
    """The nearest of one organization."""
    figures, found = timed(lambda vector: rows(statement, organization.pk, vector, K), vectors)
    right = [rows(EXACT, organization.pk, vector, K) for vector in vectors[:10]]
    return figures | {"recall": recall(found[:10], right)}


def ask_words(organization: Organization, questions: list[str]) -> Figures:
    """What the question says, and the passages with its rarest words."""

    def words(text: str) -> list[int]:
        rare = retrieval.rare_words(organization, asked.understand(organization.pk, text))
        return rows(WORDS, rare, organization.pk, retrieval.WORDED)

    return timed(words, questions)[0]


def find(organization: Organization, agent: Agent, text: str) -> list[int]:
    """The product's own search."""
    found = retrieval.search(organization, text, agent=agent, language="en", limit=K)
    return [source.passage_id for source in found.sources]


def all_scored(organization: Organization, agent: Agent, questions: list[str]) -> list[list[int]]:
    """What the search finds when it scores every passage."""
    everything = 10**9
    graphs = SearchIndex.objects.of(organization)
    had = graphs.get().has_graph
    graphs.update(has_graph=False)
    try:
        with (
            mock.patch.object(retrieval, "NEAR", everything),
            mock.patch.object(retrieval, "WORDED", everything),
        ):
            return [find(organization, agent, text) for text in questions[:20]]
    finally:
        graphs.update(has_graph=had)


def ask_search(
    organization: Organization, agent: Agent, questions: list[str], right: list[list[int]]
) -> Figures:
    """The whole of it: words and vectors, and what they add up to."""
    figures, found = timed(lambda text: find(organization, agent, text), questions)
    return figures | {"recall": recall(found[: len(right)], right)}
