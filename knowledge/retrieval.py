"""The search: which passages answer a question, how surely, and when to say "I don't know".

Hybrid: how far a passage's words and the question's cover each other (weighted by inverse document
frequency within the organization, as in BM25, over PostgreSQL's stems), and the embeddings' cosine.
The search is exact inside one organization, which at these sizes is faster than an index over all
and finds every row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.db import connection
from pgvector import HalfVector

import ai
from knowledge.indexing import config_of
from knowledge.models import Passage
from organizations.models import Agent, Language, Organization

# All that follows was calibrated on tests/data/questions.json with the built-in embedder; see
# tests/test_knowledge_quality.py for what it is worth.
CUT_OFF = 0.31
SURE = 0.57
# A sure answer must also be clearly better than the next one.
LEAD = 0.08
# How much of the question's weight the passage's words cover, how much its heading's, how much of
# the heading the question covers, and the cosine.
BY_TEXT, BY_HEADING, OF_HEADING, VECTOR = 0.1, 0.2, 0.2, 0.5
# A passage of a longer text has no question for a heading: its words count instead.
BY_LONG_TEXT = 0.4
# A question's word that the organization never uses says little of what is asked.
UNKNOWN_WORD = 0.2
# What a heading's word weighs that the question lacks, of the weight of the rarest word.
MISSING_WORD = 0.7
PRIORITY = 0.01
OTHER_LANGUAGE = 0.85
LONGEST_QUESTION = 1000


@dataclass(frozen=True)
class Found:
    """A passage that answers, with scores from 0 to 1; `answer` is what to say word for word."""

    passage_id: int
    kind: str
    item_id: int
    title: str
    text: str
    answer: str
    url: str
    language: str
    score: float
    vector_score: float
    text_score: float


@dataclass(frozen=True)
class Result:
    """What was found, the best first; nothing when nothing is good enough.

    `is_sure`: the first one is the answer, so that a curated one may be given word for word.
    """

    sources: tuple[Found, ...]
    is_sure: bool
    best: float


def search(
    organization: Organization,
    question: str,
    *,
    agent: Agent | None = None,
    language: str | None = None,
    limit: int = 5,
) -> Result:
    """The organization's passages that answer the question, in its language where there are any.

    `agent` limits the search to the categories it may use; `language` is the chat's, used when
    the question's own alphabet does not tell.
    """
    question = question[:LONGEST_QUESTION].replace("\x00", " ")
    wanted = language_of(question, language)
    embedder = ai.embedder()
    vector = embedder.embed([question])[0]
    allowed = list(agent.categories.values_list("pk", flat=True)) if agent else []
    with connection.cursor() as cursor:
        cursor.execute(
            SEARCH,
            {
                "organization": organization.pk,
                "embedder": embedder.name,
                "question": question,
                "vector": HalfVector(vector).to_text(),
                "categories": allowed,
                "any_category": not allowed,
                "language": wanted,
                "config_ru": config_of("ru"),
                "config_en": config_of("en"),
                "by_text": BY_TEXT,
                "by_long_text": BY_LONG_TEXT,
                "by_heading": BY_HEADING,
                "of_heading": OF_HEADING,
                "unknown": UNKNOWN_WORD,
                "missing": MISSING_WORD,
                "vectors": VECTOR,
                "priority": PRIORITY,
                "limit": limit,
            },
        )
        rows = cursor.fetchall()
    scored = [_Row(*row) for row in rows]
    hits = [row for row in scored if row.language == wanted and row.score >= CUT_OFF]
    if not hits:
        # What is only written in the other language is still better than nothing.
        others = [row for row in scored if row.language != wanted]
        hits = [row for row in others if row.score * OTHER_LANGUAGE >= CUT_OFF]
    best = max((row.score for row in scored), default=0.0)
    found = _load(hits[:limit])
    is_sure = bool(found) and found[0].kind == "faq" and found[0].score >= SURE
    if is_sure and len(found) > 1 and found[0].score - found[1].score < LEAD:
        is_sure = False
    return Result(tuple(found), is_sure, best)


@dataclass(frozen=True)
class _Row:
    pk: int
    language: str
    score: float
    vector_score: float
    text_score: float


def language_of(question: str, default: str | None = None) -> str:
    """The question's language by its alphabet: Cyrillic or Latin, whichever has more letters."""
    cyrillic = len(re.findall(r"[а-яё]", question, re.IGNORECASE))
    latin = len(re.findall(r"[a-z]", question, re.IGNORECASE))
    if cyrillic == latin:
        return default or Language.RUSSIAN
    return Language.RUSSIAN if cyrillic > latin else Language.ENGLISH


SEARCH = r"""
WITH t AS MATERIALIZED (
    SELECT id, language, priority, search, faq_id IS NOT NULL AS is_faq,
           length(ts_filter(search, '{a}')) AS heading_words,
           1 - (embedding <=> %(vector)s::halfvec) AS cosine
    FROM knowledge_passage
    WHERE organization_id = %(organization)s AND is_active AND embedder = %(embedder)s
      AND (%(any_category)s OR category_id IS NULL OR category_id = ANY(%(categories)s::bigint[]))
), totals AS (
    SELECT language, count(*) AS n, ln(1 + (count(*) - 0.5) / 1.5) AS rarest
    FROM t GROUP BY language
), words AS (
    SELECT language, word, quoted::tsquery AS query, (quoted || ':A')::tsquery AS in_heading
    FROM (
        SELECT language, word,
               '''' || replace(replace(word, '\', '\\'), '''', '''''') || '''' AS quoted
        FROM (
            SELECT 'ru' AS language, unnest(
                tsvector_to_array(to_tsvector(%(config_ru)s::regconfig, %(question)s))
            ) AS word
            UNION ALL
            SELECT 'en',
                   unnest(tsvector_to_array(to_tsvector(%(config_en)s::regconfig, %(question)s)))
        ) AS lexemes
    ) AS quoted_lexemes
), pairs AS MATERIALIZED (
    SELECT t.id, t.heading_words, w.language, w.word, t.search @@ w.in_heading AS is_in_heading
    FROM t JOIN words w ON w.language = t.language AND t.search @@ w.query
), weights AS (
    SELECT w.language, w.word, ln(1 + (s.n - coalesce(p.n, 0) + 0.5) / (coalesce(p.n, 0) + 0.5))
           * CASE WHEN p.n IS NULL THEN %(unknown)s ELSE 1 END AS weight
    FROM words w
    JOIN totals s ON s.language = w.language
    LEFT JOIN (SELECT language, word, count(*) AS n FROM pairs GROUP BY language, word) AS p
      ON p.language = w.language AND p.word = w.word
), asked AS (
    SELECT language, sum(weight) AS weight FROM weights GROUP BY language
), cover AS (
    SELECT p.id, sum(w.weight) / min(a.weight) AS by_text,
           coalesce(sum(w.weight) FILTER (WHERE p.is_in_heading), 0) / min(a.weight) AS by_heading,
           coalesce(sum(w.weight) FILTER (WHERE p.is_in_heading), 0) / nullif(
               coalesce(sum(w.weight) FILTER (WHERE p.is_in_heading), 0)
               + %(missing)s * min(s.rarest)
                 * (min(p.heading_words) - count(*) FILTER (WHERE p.is_in_heading)), 0
           ) AS of_heading
    FROM pairs p
    JOIN weights w ON w.language = p.language AND w.word = p.word
    JOIN asked a ON a.language = p.language
    JOIN totals s ON s.language = p.language
    GROUP BY p.id
), scored AS (
    SELECT t.id, t.language, t.priority, t.cosine, CASE
        WHEN c.id IS NULL THEN 0
        WHEN t.is_faq THEN %(by_text)s * c.by_text + %(by_heading)s * c.by_heading
                           + %(of_heading)s * coalesce(c.of_heading, 0)
        ELSE %(by_long_text)s * c.by_text
    END AS words
    FROM t LEFT JOIN cover c ON c.id = t.id
)
SELECT id, language, score, cosine, words FROM (
    SELECT *, row_number() OVER (
        PARTITION BY language = %(language)s ORDER BY score DESC, id
    ) AS place
    FROM (
        SELECT id, language, cosine, words,
               least(1, greatest(0, words + %(vectors)s * greatest(cosine, 0)
                                    + %(priority)s * (priority - 5) / 5.0)) AS score
        FROM scored
    ) AS summed
) AS ranked
WHERE place <= %(limit)s
ORDER BY score DESC, id
"""


def _load(rows: list[_Row]) -> list[Found]:
    passages = {
        passage.pk: passage
        for passage in Passage.unscoped.filter(pk__in=[row.pk for row in rows]).select_related(
            "faq", "article", "document"
        )
    }
    return [_found(row, passages[row.pk]) for row in rows if row.pk in passages]


def _found(row: _Row, passage: Passage) -> Found:
    scores: dict[str, Any] = {
        "score": float(row.score),
        "vector_score": float(row.vector_score),
        "text_score": float(row.text_score),
    }
    if passage.faq:
        kind, item_id, url = "faq", passage.faq.pk, ""
    elif passage.article:
        kind, item_id, url = "article", passage.article.pk, passage.article.url
    else:
        kind, item_id, url = "document", passage.document_id or 0, ""
    return Found(
        passage_id=passage.pk,
        kind=kind,
        item_id=item_id,
        title=passage.heading,
        text=passage.text,
        answer=passage.text,
        url=url,
        language=passage.language,
        **scores,
    )
