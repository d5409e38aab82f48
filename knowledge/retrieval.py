"""The search: which passages answer a question, how surely, and when to say "I don't know".

Hybrid: how far a passage's words and the question's cover each other (weighted by inverse document
frequency within the organization, as in BM25, over PostgreSQL's stems), and the embeddings' cosine.
The search is exact inside one organization, which at these sizes is faster than an index over all
and finds every row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db import connection
from pgvector import HalfVector

import ai
from knowledge.indexing import config_of
from organizations import agents
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
    allowed = agents.shelves(agent) if agent else []
    with connection.cursor() as cursor:
        cursor.execute(
            SEARCH,
            {
                "organization": organization.pk,
                "own_word": f" & '@{organization.pk}'",
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
        found = [_found(*row) for row in cursor.fetchall()]
    hits = [one for one in found if one.language == wanted and one.score >= CUT_OFF]
    if not hits:
        # What is only written in the other language is still better than nothing.
        others = [one for one in found if one.language != wanted]
        hits = [one for one in others if one.score * OTHER_LANGUAGE >= CUT_OFF]
    best = max((one.score for one in found), default=0.0)
    is_sure = bool(hits) and hits[0].kind == "faq" and hits[0].score >= SURE
    if is_sure and len(hits) > 1 and hits[0].score - hits[1].score < LEAD:
        is_sure = False
    return Result(tuple(hits), is_sure, best)


def _found(
    passage: int,
    language: str,
    score: float,
    cosine: float,
    words: float,
    faq: int | None,
    article: int | None,
    document: int | None,
    page: int | None,
    heading: str,
    text: str,
    url: str,
) -> Found:
    owners = (("faq", faq), ("article", article), ("document", document), ("page", page))
    kind, item = next((kind, item) for kind, item in owners if item is not None)
    return Found(
        passage_id=passage,
        kind=kind,
        item_id=item,
        title=heading,
        text=text,
        answer=text,
        url=url,
        language=language,
        score=float(score),
        vector_score=float(cosine),
        text_score=float(words),
    )


def language_of(question: str, default: str | None = None) -> str:
    """The question's language by its alphabet: Cyrillic or Latin, whichever has more letters."""
    cyrillic = len(re.findall(r"[а-яё]", question, re.IGNORECASE))
    latin = len(re.findall(r"[a-z]", question, re.IGNORECASE))
    if cyrillic == latin:
        return default or Language.RUSSIAN
    return Language.RUSSIAN if cyrillic > latin else Language.ENGLISH


# The cosine of every passage of the organization, and its words by the index: both are exact.
SEARCH = r"""
WITH t AS MATERIALIZED (
    SELECT id, language, priority, faq_id IS NOT NULL AS is_faq,
           1 - (embedding <=> %(vector)s::halfvec) AS cosine
    FROM knowledge_passage
    WHERE organization_id = %(organization)s AND is_active AND embedder = %(embedder)s
      AND (valid_from IS NULL OR valid_from <= current_date)
      AND (valid_until IS NULL OR valid_until >= current_date)
      AND (%(any_category)s OR category_id IS NULL OR category_id = ANY(%(categories)s::bigint[]))
), totals AS MATERIALIZED (
    SELECT language, count(*) AS n, ln(1 + (count(*) - 0.5) / 1.5) AS rarest
    FROM t GROUP BY language
), words AS MATERIALIZED (
    SELECT language, word, (quoted || %(own_word)s)::tsquery AS query,
           (quoted || ':A')::tsquery AS in_heading
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
    SELECT p.id, p.heading_words, w.language, w.word, p.search @@ w.in_heading AS is_in_heading
    FROM words w
    CROSS JOIN LATERAL (
        SELECT id, heading_words, search FROM knowledge_passage
        WHERE search @@ w.query AND language = w.language OFFSET 0
    ) AS p
    JOIN t ON t.id = p.id
), weights AS MATERIALIZED (
    SELECT w.language, w.word, s.rarest,
           ln(1 + (s.n - coalesce(p.n, 0) + 0.5) / (coalesce(p.n, 0) + 0.5))
           * CASE WHEN p.n IS NULL THEN %(unknown)s ELSE 1 END AS weight
    FROM words w
    JOIN totals s ON s.language = w.language
    LEFT JOIN (SELECT language, word, count(*) AS n FROM pairs GROUP BY language, word) AS p
      ON p.language = w.language AND p.word = w.word
), asked AS MATERIALIZED (
    SELECT language, sum(weight) AS weight FROM weights GROUP BY language
), cover AS (
    SELECT p.id, sum(w.weight) / min(a.weight) AS by_text,
           coalesce(sum(w.weight) FILTER (WHERE p.is_in_heading), 0) / min(a.weight) AS by_heading,
           coalesce(sum(w.weight) FILTER (WHERE p.is_in_heading), 0) / nullif(
               coalesce(sum(w.weight) FILTER (WHERE p.is_in_heading), 0)
               + %(missing)s * min(w.rarest)
                 * (min(p.heading_words) - count(*) FILTER (WHERE p.is_in_heading)), 0
           ) AS of_heading
    FROM pairs p
    JOIN weights w ON w.language = p.language AND w.word = p.word
    JOIN asked a ON a.language = p.language
    GROUP BY p.id
), scored AS MATERIALIZED (
    SELECT id, is_wanted, cosine, words,
           words + %(vectors)s * greatest(cosine, 0) + %(priority)s * (priority - 5) / 5.0 AS score
    FROM (
        SELECT t.id, t.language = %(language)s AS is_wanted, t.cosine, t.priority, coalesce(CASE
            WHEN t.is_faq THEN %(by_text)s * c.by_text + %(by_heading)s * c.by_heading
                               + %(of_heading)s * coalesce(c.of_heading, 0)
            ELSE %(by_long_text)s * c.by_text
        END, 0) AS words
        FROM t LEFT JOIN cover c ON c.id = t.id
    ) AS covered
), best AS (
    (SELECT * FROM scored WHERE is_wanted ORDER BY score DESC, id LIMIT %(limit)s)
    UNION ALL
    (SELECT * FROM scored WHERE NOT is_wanted ORDER BY score DESC, id LIMIT %(limit)s)
)
SELECT best.id, p.language, least(1, greatest(0, best.score)), best.cosine, best.words,
       p.faq_id, p.article_id, p.document_id, p.page_id, p.heading, p.text,
       coalesce(article.url, page.url, '')
FROM best
JOIN knowledge_passage p ON p.id = best.id
LEFT JOIN knowledge_article article ON article.id = p.article_id
LEFT JOIN knowledge_webpage page ON page.id = p.page_id
ORDER BY best.score DESC, best.id
"""
