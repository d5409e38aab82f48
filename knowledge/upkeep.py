"""What keeps the search of an organization true and fast: its embedder, its floor, its graph.

The indexing worker calls this; a visitor's question only reads what was left here.
"""

from __future__ import annotations

import logging

from django.db import connection

import ai
from ai.interface import Embedder
from knowledge.models import Passage, SearchIndex
from organizations.models import Organization

log = logging.getLogger(__name__)

# An organization with more passages than this gets a graph of its own; it goes when there are
# fewer than half as many, so that an organization near the border does not build all day.
GRAPH_FROM = 3000
# The floor is measured on so many passages, and again when there are so many times as many.
SAMPLE, GROWTH = 1000, 1.2


def index_of(organization_id: int) -> SearchIndex:
    """The organization's search index; a new one serves the vectors that are there already."""
    found = SearchIndex.unscoped.filter(organization_id=organization_id).first()
    if found:
        return found
    there = Passage.unscoped.filter(organization_id=organization_id).values_list("embedder")
    embedder = there.first()
    made, _is_new = SearchIndex.unscoped.get_or_create(
        organization_id=organization_id,
        defaults={"embedder": embedder[0] if embedder else ai.embedder().name},
    )
    return made


def serving(name: str) -> Embedder:
    """The embedder whose vectors the search compares; the settings' if the old one is gone."""
    return ai.embedder_named(name) or ai.embedder()


def wanted(index: SearchIndex) -> list[Embedder]:
    """By which embedders new passages are made: the settings', and the one that still serves."""
    made = {one.name: one for one in (ai.embedder(), serving(index.embedder))}
    return list(made.values())


def change_embedder(index: SearchIndex) -> None:
    """Serve the vectors of the settings' embedder from now on; the old ones go."""
    embedder = ai.embedder().name
    SearchIndex.unscoped.filter(pk=index.pk).update(embedder=embedder, passages=0)
    Passage.unscoped.filter(organization_id=index.organization_id).exclude(
        embedder=embedder
    ).delete()
    log.info("organization %s is searched by %s now", index.organization_id, embedder)
    measure(index.organization_id)


def measure(organization_id: int) -> None:
    """Measure the floor anew when the organization has grown much since."""
    index = index_of(organization_id)
    passages = Passage.unscoped.filter(
        organization_id=organization_id, embedder=serving(index.embedder).name
    ).count()
    if index.passages <= passages <= index.passages * GROWTH:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            FLOOR,
            {
                "organization": organization_id,
                "embedder": serving(index.embedder).name,
                "sample": SAMPLE,
            },
        )
        floor = cursor.fetchone()[0] or 0.0
    SearchIndex.unscoped.filter(pk=index.pk).update(
        floor=min(max(floor, 0.0), 0.95), passages=passages
    )


def needs_graph(index: SearchIndex) -> bool | None:
    """Whether a graph should be built (True) or dropped (False); None: all is well."""
    if not index.has_graph and index.passages > GRAPH_FROM:
        return True
    if index.has_graph and index.passages < GRAPH_FROM / 2:
        return False
    return None


def build_graph(index: SearchIndex) -> None:
    """Build the organization's graph while it is searched and written; outside a transaction."""
    name = graph_name(index.organization_id)
    with connection.cursor() as cursor:
        # One that was interrupted is there, and is not valid.
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        cursor.execute("SET maintenance_work_mem = '512MB'")
        cursor.execute(
            f"CREATE INDEX CONCURRENTLY {name} ON knowledge_passage "
            "USING hnsw (embedding halfvec_cosine_ops) WITH (m = 16, ef_construction = 100) "
            f"WHERE organization_id = {int(index.organization_id)}"
        )
        cursor.execute("RESET maintenance_work_mem")
    SearchIndex.unscoped.filter(pk=index.pk).update(has_graph=True)


def drop_graph(organization_id: int) -> None:
    """Search an organization exactly again; also when it is gone."""
    SearchIndex.unscoped.filter(organization_id=organization_id).update(has_graph=False)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {graph_name(organization_id)}")


def graph_name(organization_id: int) -> str:
    """What the graph of an organization is called in the database."""
    return f"{GRAPH}{int(organization_id)}"


def orphans() -> list[int]:
    """The organizations that are gone and left their graph behind."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT substr(indexname, %s)::bigint FROM pg_indexes "
            "WHERE tablename = 'knowledge_passage' AND indexname ~ %s",
            [len(GRAPH) + 1, f"^{GRAPH}[0-9]+$"],
        )
        graphs = {row[0] for row in cursor.fetchall()}
    there = Organization.objects.filter(pk__in=graphs).values_list("pk", flat=True)
    return sorted(graphs - set(there))


GRAPH = "passage_graph_"
# The square of the mean vector's length is the mean cosine of two vectors, each with itself too.
FLOOR = """
SELECT (power(l2_norm(avg(embedding)), 2) * count(*) - 1) / nullif(count(*) - 1, 0)
FROM (
    SELECT embedding FROM knowledge_passage
    WHERE organization_id = %(organization)s AND embedder = %(embedder)s AND NOT is_wording
    LIMIT %(sample)s
) AS sampled
"""
