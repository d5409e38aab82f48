"""Passages on their way into the table: of one piece or of many, written by one statement.

The words are made searchable as the rows are written: a second statement would write each row, with
its vector, once more, and have all its words counted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from knowledge.entries import COPIED, KINDS
from knowledge.passages import Piece

# The configurations of PostgreSQL that stem a language; others are taken word for word.
CONFIGS = {"ru": "russian", "en": "english"}


def config_of(language: str) -> str:
    """The full-text configuration for a language."""
    return CONFIGS.get(language, "simple")


@dataclass(frozen=True)
class Made:
    """A passage to be: whose it is, its place, its words, and its vector by an embedder."""

    item_id: int
    position: int
    piece: Piece
    embedder: str
    vector: Sequence[float]


def insert(kind: str, made: Sequence[Made]) -> None:
    """Write passages of pieces of one kind, whose rows the caller holds in a transaction.

    What passages copy of their piece is taken from its row as it stands.
    """
    if not made:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT.format(
                table=KINDS[kind]._meta.db_table,
                owner=f"{kind}_id",
                copied=", ".join(COPIED),
                own=", ".join(f"item.{name}" for name in COPIED),
                configs=" ".join(
                    f"WHEN '{language}' THEN '{config}'" for language, config in CONFIGS.items()
                ),
            ),
            {
                "items": [one.item_id for one in made],
                "positions": [one.position for one in made],
                "headings": [one.piece.heading[:300] for one in made],
                "texts": [one.piece.text for one in made],
                "asked": [None if one.piece.is_wording else one.piece.asked() for one in made],
                "embedders": [one.embedder for one in made],
                "vectors": [text_of(one.vector) for one in made],
                "are_wordings": [one.piece.is_wording for one in made],
                "wordings": [max(1, len(one.piece.wordings)) for one in made],
            },
        )


def text_of(vector: Sequence[float]) -> str:
    """The vector as the database reads it, with no more digits than it keeps."""
    return f"[{','.join([f'{number:.5g}' if number else '0' for number in vector])}]"


# See `Passage.search` for the word with the organization; a wording is found by its vector only.
INSERT = """
INSERT INTO knowledge_passage (
    organization_id, {owner}, language, {copied},
    position, heading, text, embedder, embedding, is_wording, wordings, search
)
SELECT item.organization_id, item.id, item.language, {own},
       made.position, made.heading, made.text, made.embedder, made.vector::halfvec(1024),
       made.is_wording, made.wordings,
       CASE WHEN made.asked IS NULL THEN ''::tsvector ELSE
           setweight(to_tsvector(item.config, made.asked), 'A')
           || setweight(to_tsvector(item.config, made.text), 'B')
           || array_to_tsvector(ARRAY['@' || item.organization_id])
       END
FROM unnest(
    %(items)s::bigint[], %(positions)s::int[], %(headings)s::text[], %(texts)s::text[],
    %(asked)s::text[], %(embedders)s::text[], %(vectors)s::text[], %(are_wordings)s::bool[],
    %(wordings)s::int[]
) AS made(item, position, heading, text, asked, embedder, vector, is_wording, wordings)
CROSS JOIN LATERAL (
    SELECT *, (CASE language {configs} ELSE 'simple' END)::regconfig AS config
    FROM {table} WHERE id = made.item OFFSET 0
) AS item
"""
