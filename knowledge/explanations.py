"""Why a search found what it found, piece by piece, for an owner who tries a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import connection

from knowledge import retrieval
from knowledge.retrieval import Found, Result, Trace
from organizations.models import Organization

# Where a word of the question is: in a way to ask, as another word for it, in the text, nowhere.
Place = Literal["asked", "other", "text", ""]


@dataclass(frozen=True)
class Word:
    """A word of the question, where a passage has it, and its share of what is asked (0 to 1)."""

    word: str
    place: Place
    share: float


@dataclass(frozen=True)
class Why:
    """What a passage's score is made of: three parts, less what others as good take from it.

    `wording` is the way to ask that is nearest by its vector, with its cosine; `is_used` tells
    whether the passage is among the sources, `is_wanted` whether it is in the question's language.
    """

    found: Found
    words: tuple[Word, ...]
    by_words: float
    by_vectors: float
    by_priority: float
    by_rivals: float
    wording: str
    nearest: float
    together: float
    is_used: bool
    is_wanted: bool


def explain(organization: Organization, result: Result) -> list[Why]:
    """Why each of the sources was found, and why the ones below them are not good enough."""
    trace = result.trace
    found = [*result.sources, *result.below]
    if trace is None or not found:
        return []
    facts = _facts(organization, trace, found)
    whys = []
    for one in found:
        priority, together, wording, nearest, places = facts[one.passage_id]
        by_words = (1 - one.trust) * one.text_score
        by_priority = retrieval.PRIORITY * (priority - 5) / 5
        total = trace.asked.total or 1.0
        whys.append(
            Why(
                found=one,
                words=tuple(
                    Word(term.word, place, term.weight / total)
                    for term, place in zip(trace.asked.terms, places, strict=True)
                ),
                by_words=by_words,
                by_vectors=max(0.0, one.score + one.lost - by_words - by_priority),
                by_priority=by_priority,
                by_rivals=one.lost,
                wording=wording or one.title,
                nearest=max(nearest or together, together),
                together=together,
                is_used=one in result.sources,
                is_wanted=one.language == trace.language,
            )
        )
    return whys


def _facts(
    organization: Organization, trace: Trace, found: Sequence[Found]
) -> dict[int, tuple[int, float, str | None, float | None, list[Place]]]:
    """Priority, cosine of all wordings, the nearest wording with its own, and the words' places."""
    terms = trace.asked.terms
    parameters: dict[str, Any] = {
        "organization": organization.pk,
        "passages": [one.passage_id for one in found],
        "vector": trace.vector,
        "asked": [retrieval.any_of(term.lexemes, "A") for term in terms],
        "own": [retrieval.any_of(term.lexemes) for term in terms],
        "others": [retrieval.any_of(term.others, "A") for term in terms],
    }
    with connection.cursor() as cursor:
        cursor.execute(FACTS, parameters)
        return {row[0]: row[1:] for row in cursor.fetchall()}


FACTS = """
SELECT p.id, p.priority, 1 - (p.embedding <=> %(vector)s::halfvec),
       wording.heading, wording.cosine,
       ARRAY(
           SELECT CASE WHEN p.search @@ term.asked::tsquery THEN 'asked'
                       WHEN p.search @@ nullif(term.others, '')::tsquery THEN 'other'
                       WHEN p.search @@ term.own::tsquery THEN 'text'
                       ELSE '' END
           FROM unnest(%(asked)s::text[], %(others)s::text[], %(own)s::text[])
                WITH ORDINALITY AS term(asked, others, own, number)
           ORDER BY term.number
       )
FROM knowledge_passage p
LEFT JOIN LATERAL (
    SELECT heading, 1 - (embedding <=> %(vector)s::halfvec) AS cosine
    FROM knowledge_passage
    WHERE is_wording AND faq_id = p.faq_id AND embedder = p.embedder
    ORDER BY embedding <=> %(vector)s::halfvec LIMIT 1
) AS wording ON true
WHERE p.organization_id = %(organization)s AND p.id = ANY(%(passages)s)
"""
