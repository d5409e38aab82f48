"""From what a search found to what belongs to it: passages that speak of the same, one hop away."""

from __future__ import annotations

from dataclasses import replace

from django.db import connection

from knowledge import retrieval
from knowledge.inserts import config_of
from knowledge.retrieval import Found, Result
from organizations.models import Agent, Organization

# So many of the best found are followed, to so many others at most.
FOLLOWED, BROUGHT = 3, 2
# What more passages than this speak of joins nothing.
MOST_MENTIONS = 30
# What is said of a neighbour counts less than what was found.
SHARE = 0.5
# How much the question's own words weigh among neighbours.
BY_WORDS = 5.0


def with_related(
    organization: Organization, question: str, found: Result, agent: Agent | None = None
) -> Result:
    """The result with what belongs to the best of it behind, where the owner wants that.

    A sure answer stays alone, and nothing belongs to nothing.
    """
    is_on = organization.brings_related and organization.graph != Organization.Graph.OFF
    if not is_on or found.is_sure or not found.sources:
        return found
    return replace(found, sources=(*found.sources, *related(organization, question, found, agent)))


def related(
    organization: Organization, question: str, found: Result, agent: Agent | None = None
) -> list[Found]:
    """The passages that share most with the best found, and with the question; one statement."""
    best = found.sources[:FOLLOWED]
    with connection.cursor() as cursor:
        cursor.execute(
            RELATED,
            {
                "organization": organization.pk,
                "agent": agent.pk if agent else None,
                "config": config_of(best[0].language),
                "language": best[0].language,
                "question": question[: retrieval.LONGEST_QUESTION].replace("\x00", " "),
                "passages": [one.passage_id for one in best],
                "scores": [one.score for one in best],
                "known": [one.passage_id for one in found.sources],
                "many": MOST_MENTIONS,
                "by_words": BY_WORDS,
                "limit": BROUGHT,
            },
        )
        rows = cursor.fetchall()
    score = min(one.score for one in found.sources) * SHARE
    return [_found(best[0], score, *row) for row in rows]


def _found(
    like: Found,
    score: float,
    passage_id: int,
    kind: str,
    item_id: int,
    heading: str,
    text: str,
    url: str,
) -> Found:
    return replace(
        like,
        passage_id=passage_id,
        kind=kind,
        item_id=item_id,
        title=heading,
        text=text,
        answer=text,
        url=url,
        score=score,
        vector_score=0.0,
        text_score=0.0,
        trust=0.0,
        lost=0.0,
    )


# What the found passages name, and what is related to that; then who else names it. A name that is
# in every second passage joins nothing, so each weighs less the more passages have it.
RELATED = """
WITH followed AS MATERIALIZED (
    SELECT * FROM unnest(%(passages)s::bigint[], %(scores)s::float8[]) AS f(id, score)
), named AS MATERIALIZED (
    SELECT m.entity_id, max(f.score) AS score
    FROM followed f JOIN knowledge_mention m ON m.passage_id = f.id
    GROUP BY m.entity_id
), joined AS MATERIALIZED (
    SELECT m.passage_id, sum(n.score / ln(1 + m.many)) AS weight
    FROM named n
    CROSS JOIN LATERAL (
        SELECT passage_id, count(*) OVER () AS many
        FROM (
            SELECT passage_id FROM knowledge_mention
            WHERE entity_id = n.entity_id LIMIT %(many)s + 1
        ) AS taken
    ) AS m
    WHERE m.many <= %(many)s AND m.passage_id <> ALL(%(known)s::bigint[])
    GROUP BY m.passage_id
), asked AS MATERIALIZED (
    SELECT nullif(replace(
        plainto_tsquery(%(config)s::regconfig, %(question)s)::text, '&', '|'
    ), '')::tsquery AS words
), best AS (
    SELECT p.id, p.faq_id, p.article_id, p.document_id, p.page_id, p.heading, p.text,
           j.weight * (
               1 + %(by_words)s * coalesce(ts_rank(p.search, (SELECT words FROM asked)), 0)
           ) AS weight
    FROM joined j
    JOIN knowledge_passage p ON p.id = j.passage_id
    WHERE p.organization_id = %(organization)s AND p.is_active AND p.language = %(language)s
      AND (p.valid_from IS NULL OR p.valid_from <= current_date)
      AND (p.valid_until IS NULL OR p.valid_until >= current_date)
      AND (
          p.category_id IS NULL
          OR NOT EXISTS (SELECT 1 FROM knowledge_category_agents WHERE agent_id = %(agent)s)
          OR EXISTS (
              SELECT 1 FROM knowledge_category c
              JOIN knowledge_category_agents a
                ON a.category_id = c.id OR a.category_id = c.parent_id
              WHERE c.id = p.category_id AND a.agent_id = %(agent)s
          )
      )
    ORDER BY weight DESC, p.id LIMIT %(limit)s
)
SELECT best.id,
       CASE WHEN best.faq_id IS NOT NULL THEN 'faq' WHEN best.article_id IS NOT NULL THEN 'article'
            WHEN best.document_id IS NOT NULL THEN 'document' ELSE 'page' END,
       coalesce(best.faq_id, best.article_id, best.document_id, best.page_id),
       best.heading, best.text, coalesce(article.url, page.url, '')
FROM best
LEFT JOIN knowledge_article article ON article.id = best.article_id
LEFT JOIN knowledge_webpage page ON page.id = best.page_id
ORDER BY best.weight DESC, best.id
"""
