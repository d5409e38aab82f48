"""The graph as the owner sees it: entities, what they share, and where each is mentioned.

All of it is read from passages that the assistant may use today, so nothing stale is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from knowledge.models import Category, Entity, Passage
from organizations.models import Organization

# More is a knot and no picture; around one entity fewer are enough.
NODES, AROUND, EDGES = 60, 30, 150
LISTED, PASSAGES, RELATIONS = 100, 30, 40


@dataclass(frozen=True)
class Node:
    """An entity, and how many passages (or, of a neighbour, how many of the same) name it."""

    entity: Entity
    passages: int


@dataclass(frozen=True)
class Shelf:
    """A category, and the entities of the picture that stand in it above all."""

    category: Category
    entities: list[int]


@dataclass(frozen=True)
class Picture:
    """The entities to be drawn, which of them passages name together, and on which shelves."""

    nodes: list[Node]
    edges: list[tuple[int, int, int]]
    shelves: list[Shelf]


def state(organization: Organization) -> dict[str, int]:
    """How many passages there are, are read, and are read by a model."""
    with connection.cursor() as cursor:
        cursor.execute(STATE, {"organization": organization.pk})
        passages, read, by_model = cursor.fetchone()
    return {"passages": passages, "read": read, "by_model": by_model}


def listed(organization: Organization, words: str = "", limit: int = LISTED) -> list[Node]:
    """The entities that most passages name, of those whose names hold the words."""
    rows = _rows(
        LIST,
        organization=organization.pk,
        like="%" + words.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_") + "%",
        # One that stands alone joins nothing; somebody who looks for it sees it.
        least=1 if words else 2,
        limit=limit,
    )
    return _nodes(organization, rows)


def around(organization: Organization, entity: Entity, limit: int = AROUND) -> list[Node]:
    """What is named together with an entity, or related to it."""
    rows = _rows(AROUND_ONE, organization=organization.pk, entity=entity.pk, limit=limit)
    return _nodes(organization, rows)


def drawn(organization: Organization, nodes: Sequence[Node]) -> Picture:
    """These entities with what joins them."""
    ids = [node.entity.pk for node in nodes]
    edges = _rows(TOGETHER, organization=organization.pk, entities=ids, limit=EDGES)
    shelved: dict[int, list[int]] = {}
    for entity, category in _rows(SHELVED, organization=organization.pk, entities=ids):
        shelved.setdefault(category, []).append(entity)
    categories = Category.objects.of(organization).select_related("parent").in_bulk(shelved)
    shelves = [Shelf(categories[pk], shelved[pk]) for pk in sorted(categories)]
    return Picture(list(nodes), [(a, b, many) for a, b, many in edges], shelves)


def passages_of(organization: Organization, entity: Entity) -> tuple[list[Passage], int]:
    """The passages that name an entity, and how many there are in all."""
    rows = _rows(NAMING, organization=organization.pk, entity=entity.pk)
    ids = [row[0] for row in rows]
    found = (
        Passage.objects.of(organization)
        .select_related("faq", "article", "document", "page")
        .in_bulk(ids[:PASSAGES])
    )
    return [found[pk] for pk in ids if pk in found], len(ids)


def relations_of(organization: Organization, entity: Entity) -> list[tuple[Entity, str, Entity]]:
    """How an entity belongs to others, said by most passages first."""
    rows = _rows(RELATIONS_OF, organization=organization.pk, entity=entity.pk, limit=RELATIONS)
    known = Entity.objects.of(organization).in_bulk({pk for row in rows for pk in (row[0], row[2])})
    return [
        (known[source], label, known[target])
        for source, label, target in rows
        if source in known and target in known
    ]


def _rows(statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def _nodes(organization: Organization, rows: Sequence[tuple[Any, ...]]) -> list[Node]:
    known = Entity.objects.of(organization).in_bulk([row[0] for row in rows])
    return [Node(known[pk], many) for pk, many in rows if pk in known]


_LIVE = """
    p.is_active AND (p.valid_from IS NULL OR p.valid_from <= current_date)
    AND (p.valid_until IS NULL OR p.valid_until >= current_date)
"""
_SEEN = f"""
    FROM knowledge_mention m JOIN knowledge_passage p ON p.id = m.passage_id
    WHERE m.organization_id = %(organization)s AND {_LIVE}
"""
STATE = """
SELECT count(*), count(r.id), count(*) FILTER (WHERE r.by_model)
FROM knowledge_passage p
JOIN knowledge_searchindex served
  ON served.organization_id = p.organization_id AND served.embedder = p.embedder
LEFT JOIN knowledge_reading r ON r.passage_id = p.id
WHERE p.organization_id = %(organization)s AND NOT p.is_wording
"""
# Names say more than words.
LIST = f"""
SELECT e.id, s.many
FROM (SELECT m.entity_id, count(*) AS many {_SEEN} GROUP BY m.entity_id) AS s
JOIN knowledge_entity e ON e.id = s.entity_id
WHERE s.many >= %(least)s AND e.name ILIKE %(like)s
ORDER BY s.many * CASE WHEN e.kind = 'term' THEN 0.3 ELSE 1 END DESC, e.key LIMIT %(limit)s
"""  # noqa: S608
NAMING = f"SELECT m.passage_id {_SEEN} AND m.entity_id = %(entity)s ORDER BY p.id"
AROUND_ONE = f"""
WITH own AS MATERIALIZED (SELECT m.passage_id {_SEEN} AND m.entity_id = %(entity)s)
SELECT e.id, sum(near.many)::int
FROM (
    SELECT m.entity_id, count(*) AS many
    FROM own JOIN knowledge_mention m ON m.passage_id = own.passage_id
    GROUP BY m.entity_id
    UNION ALL
    SELECT CASE r.source_id WHEN %(entity)s THEN r.target_id ELSE r.source_id END, 1
    FROM knowledge_relation r JOIN knowledge_passage p ON p.id = r.passage_id
    WHERE r.organization_id = %(organization)s AND %(entity)s IN (r.source_id, r.target_id)
      AND {_LIVE}
) AS near
JOIN knowledge_entity e ON e.id = near.entity_id
WHERE near.entity_id <> %(entity)s
GROUP BY e.id, e.kind, e.key
ORDER BY sum(near.many) * CASE WHEN e.kind = 'term' THEN 0.3 ELSE 1 END DESC, e.key LIMIT %(limit)s
"""  # noqa: S608
TOGETHER = f"""
WITH seen AS MATERIALIZED (
    SELECT m.entity_id, m.passage_id {_SEEN} AND m.entity_id = ANY(%(entities)s)
)
SELECT a.entity_id, b.entity_id, count(*)
FROM seen a JOIN seen b ON b.passage_id = a.passage_id AND b.entity_id > a.entity_id
GROUP BY a.entity_id, b.entity_id
ORDER BY count(*) DESC, a.entity_id, b.entity_id LIMIT %(limit)s
"""  # noqa: S608
SHELVED = f"""
SELECT DISTINCT ON (entity_id) entity_id, category_id
FROM (
    SELECT m.entity_id, p.category_id, count(*) AS many {_SEEN}
      AND m.entity_id = ANY(%(entities)s) AND p.category_id IS NOT NULL
    GROUP BY m.entity_id, p.category_id
) AS shelved
ORDER BY entity_id, many DESC, category_id
"""  # noqa: S608
RELATIONS_OF = f"""
SELECT r.source_id, r.label, r.target_id
FROM knowledge_relation r JOIN knowledge_passage p ON p.id = r.passage_id
WHERE r.organization_id = %(organization)s AND %(entity)s IN (r.source_id, r.target_id)
  AND {_LIVE}
GROUP BY r.source_id, r.label, r.target_id
ORDER BY count(*) DESC, r.source_id, r.target_id, r.label LIMIT %(limit)s
"""  # noqa: S608
