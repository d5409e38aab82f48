"""The search: which passages answer a question, how surely, and when to say "I don't know".

Hybrid. The words: how much of what is asked a passage covers, each word weighted by its rarity in
the organization. The vectors: how near the question is to the nearest wording of an entry and to
all its wordings together. Candidates come from both (the vectors exactly, or by a graph in a large
organization; the words by the rarest of them) and only these are scored.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from knowledge import sameness, upkeep
from knowledge.asked import Asked, Index, understand
from organizations.models import Agent, Language, Organization
from organizations.statements import rows_of

# Calibrated on the development half of tests/data/shop.json; see docs/knowledge-finding.md for what
# they are worth on the other half and elsewhere.
CUT_OFF = 0.25
# A sentence model finds something rather near to everything: the more the vectors decide, the
# more is asked of a match.
CUT_OFF_BY_TRUST = 0.15
# A sure answer's question says what one of the entry's wordings does (`knowledge.sameness`), and is
# ahead of the next that says so, too.
SURE, LEAD = 0.4, 0.05
# Of what the vectors decide, how much is the nearest wording's; the rest is all wordings'.
NEAREST = 0.5
# What one of a question's words is worth in the text below a heading, of what it is in the heading.
IN_ANSWER, IN_TEXT = 0.3, 0.8
# What another word for it is worth.
OTHER_WORD = 0.6
PRIORITY = 0.01
# A question like several entries is less surely one of theirs than a question like one. What the
# scores have above the cut-off counts for less by this share of what so many rivals have there.
RIVALS, RIVALRY = 2, 0.7
OTHER_LANGUAGE = 0.85
LONGEST_QUESTION = 1000
# So many passages are taken by their vectors, and so many by their words.
NEAR, WORDED = 100, 300
# How many neighbours a graph is asked to look at: enough to miss next to none of those taken.
LOOK_AT = 200


class Doubt(StrEnum):
    """Why what was found is not given word for word; see `sameness.Difference`, too."""

    NOTHING = "nothing"
    NO_ENTRY = "no_entry"
    LOW = "low"
    RIVAL = "rival"


@dataclass(frozen=True)
class Found:
    """A passage that answers, with scores from 0 to 1; `answer` is what to say word for word.

    `trust` is how much of its score the vectors decided, `lost` what it lost to its rivals.
    """

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
    # The ways to ask for it, and the words that belong to it; of an entry only.
    wordings: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    trust: float = 0.0
    lost: float = 0.0


@dataclass(frozen=True)
class Trace:
    """How a search went, for `knowledge.explanations`; `doubt` is why the first is not sure."""

    asked: Asked
    vector: str
    language: str
    cut_off: float
    doubt: Doubt | sameness.Difference | None


@dataclass(frozen=True)
class Result:
    """What was found, the best first; nothing when nothing is good enough.

    `is_sure`: the first one is the answer, so that a curated one may be given word for word.
    `best` tells how surely anything was found, comparable between questions; `below` are those
    that are not good enough, or of a language that is not wanted.
    """

    sources: tuple[Found, ...]
    is_sure: bool
    best: float
    below: tuple[Found, ...] = ()
    trace: Trace | None = None


def search(
    organization: Organization,
    question: str,
    *,
    agent: Agent | None = None,
    language: str | None = None,
    limit: int = 5,
    trust: float | None = None,
) -> Result:
    """The organization's passages that answer the question, in its language where there are any.

    `agent` limits the search to the categories it may use; `language` is the chat's, used when
    the question's own alphabet does not tell; `trust` is how much the vectors decide (0 to 1), and
    is the embedder's own unless somebody measures the halves.
    """
    # Written out first: one sign may stand for eighteen.
    question = unicodedata.normalize("NFKC", question[:LONGEST_QUESTION])[:LONGEST_QUESTION]
    question = question.replace("\x00", " ")
    shelves = agent.other_categories if agent else None
    asked = understand(organization.pk, question, agent.pk if agent else None, shelves)
    index = asked.index
    wanted = language_of(asked.text, language)
    embedder = upkeep.serving(index.embedder)
    vector = _text_of(embedder.embed([asked.text])[0])
    parameters: dict[str, Any] = {
        "embedder": embedder.name,
        "vector": vector,
        "floor": index.floor,
        "trust": embedder.trust if trust is None else trust,
        "alone": embedder.alone if trust is None else 1.0,
        "nearest": NEAREST,
        "priority": PRIORITY,
        "other_word": OTHER_WORD,
        "language": wanted,
        "categories": index.categories,
        **_of_words(organization, asked),
    }
    rows = rows_of(_statement(organization, index, limit), parameters)
    found = [_found(*row) for row in rows]
    cut_off = cut_off_of(embedder.trust)
    hits = [one for one in found if one.language == wanted and one.score >= cut_off]
    if not hits:
        # What is only written in the other language is still better than nothing.
        others = [one for one in found if one.language != wanted]
        hits = [one for one in others if one.score * OTHER_LANGUAGE >= cut_off]
    doubt = doubt_of(asked.text, hits)
    share = rivalry(hits, cut_off)
    below = [one for one in found if one not in hits]
    sources, others = ([_lowered(one, cut_off, share) for one in some] for some in (hits, below))
    return Result(
        sources=tuple(sources),
        is_sure=doubt is None,
        best=max((one.score for one in (*sources, *others)), default=0.0),
        below=tuple(others),
        trace=Trace(asked, vector, wanted, cut_off, doubt),
    )


def rivalry(hits: Sequence[Found], cut_off: float) -> float:
    """The share of what scores have above the cut-off that is lost to those as good as the first.

    Less than all of it, so that whatever is found stays found, and in its order. Passages of one
    text, and entries with one answer, are no rivals.
    """
    if not hits or hits[0].score <= cut_off:
        return 0.0
    seen, owners = {hits[0].answer}, {(hits[0].kind, hits[0].item_id)}
    rivals: list[float] = []
    for one in hits[1:]:
        if one.answer not in seen and (one.kind, one.item_id) not in owners:
            rivals.append(max(0.0, one.score - cut_off))
        seen.add(one.answer)
        owners.add((one.kind, one.item_id))
    return RIVALRY * sum(rivals[:RIVALS]) / RIVALS / (hits[0].score - cut_off)


def _lowered(one: Found, cut_off: float, share: float) -> Found:
    lost = share * max(0.0, one.score - cut_off)
    return replace(one, score=one.score - lost, lost=lost) if lost else one


def cut_off_of(trust: float) -> float:
    """The score that an answer needs at least, by how much the vectors decide."""
    return CUT_OFF + CUT_OFF_BY_TRUST * max(0.0, trust - 0.6)


def doubt_of(question: str, hits: Sequence[Found]) -> Doubt | sameness.Difference | None:
    """Why the first one may not be given word for word; None where it may."""
    if not hits:
        return Doubt.NOTHING
    if hits[0].kind != "faq":
        return Doubt.NO_ENTRY
    differs = difference(question, hits[0])
    if differs:
        return differs
    if hits[0].score < SURE:
        return Doubt.LOW
    rivals = [one for one in hits[1:] if one.kind == "faq" and not difference(question, one)]
    return Doubt.RIVAL if rivals and hits[0].score - rivals[0].score < LEAD else None


def difference(question: str, one: Found) -> sameness.Difference | None:
    """How the question differs from all wordings of an entry; None when one asks the same."""
    differs = [sameness.difference(question, said, also=one.keywords) for said in one.wordings]
    return None if None in differs else next(iter(differs), sameness.Difference.MORE)


def _statement(organization: Organization, index: Index, limit: int) -> str:
    """The search inside one organization.

    Its number and the limits stand in the text, not among the values: so a kept plan is made for
    this organization, by its size and with its graph.
    """
    visible = VISIBLE + (IN_CATEGORIES if index.categories else "")
    own = f"organization_id = {int(organization.pk)}"
    return SEARCH.format(
        look_at=LOOK_AT_MORE if index.has_graph else "",
        visible=f"{own} AND {visible}",
        # Added to nothing, the organization leads to no reading of all its passages: the words do.
        visible_by_words=f"{own.replace(' ', ' + 0 ', 1)} AND {visible}",
        near=NEAR,
        worded=WORDED,
        limit=int(limit),
    )


def _text_of(vector: Sequence[float]) -> str:
    """The vector as the database reads it, with no more digits than it keeps."""
    return f"[{','.join(f'{number:.5g}' if number else '0' for number in vector)}]"


def _of_words(organization: Organization, asked: Asked) -> dict[str, Any]:
    """The terms of a question as the statement takes them."""
    return {
        "rare": rare_words(organization, asked),
        "own": [any_of(term.lexemes) for term in asked.terms],
        "others": [any_of(term.others, "A") for term in asked.terms],
        "weights": [term.weight for term in asked.terms],
        "total": asked.total or 1.0,
        "in_answer": f"{{0,0,{IN_ANSWER},1}}",
        "in_text": f"{{0,0,{IN_TEXT},1}}",
    }


def rare_words(organization: Organization, asked: Asked) -> str:
    """The words by which passages of the organization are looked for, as a tsquery."""
    return f"({any_of(asked.rare or ['-'])}) & '@{organization.pk}'"


def any_of(lexemes: Iterable[str], weight: str = "") -> str:
    """The stems as a tsquery which finds any of them, only with this weight if there is one."""
    ending = f":{weight}" if weight else ""
    return " | ".join(f"{_quoted(one)}{ending}" for one in lexemes)


def _quoted(lexeme: str) -> str:
    """A stem as a word of a tsquery."""
    escaped = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


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
    wordings: list[str],
    keywords: list[str],
    trust: float,
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
        wordings=tuple(wordings or ()),
        keywords=tuple(keywords or ()),
        trust=float(trust),
    )


def language_of(question: str, default: str | None = None) -> str:
    """The question's language by its alphabet: Cyrillic or Latin, whichever has more letters."""
    cyrillic = len(re.findall(r"[а-яё]", question, re.IGNORECASE))
    latin = len(re.findall(r"[a-z]", question, re.IGNORECASE))
    if cyrillic == latin:
        return default or Language.RUSSIAN
    return Language.RUSSIAN if cyrillic > latin else Language.ENGLISH


VISIBLE = """is_active AND embedder = %(embedder)s
      AND (valid_from IS NULL OR valid_from <= current_date)
      AND (valid_until IS NULL OR valid_until >= current_date)"""
IN_CATEGORIES = """
      AND (category_id IS NULL OR category_id = ANY(%(categories)s::bigint[]))"""
# Said before the graph is asked, and for this statement only.
LOOK_AT_MORE = f", set_config('hnsw.ef_search', '{LOOK_AT}', true)"

# ts_rank of one word grows with how often it is there: 0.608 for once, 1 for very often; divided by
# what it is when every wording has the word.
# What differs from question to question stands in sub-selects, where the planner does not look: a
# plan for any question is then as good as one for this one, and is kept.
SEARCH = """
WITH asked AS MATERIALIZED (
    SELECT %(vector)s::halfvec AS vector{look_at}
), near AS MATERIALIZED (
    SELECT id, faq_id, is_wording, 1 - (embedding <=> (SELECT vector FROM asked)) AS cosine
    FROM knowledge_passage
    WHERE {visible}
    ORDER BY embedding <=> (SELECT vector FROM asked) LIMIT {near}
), worded AS MATERIALIZED (
    SELECT id FROM knowledge_passage
    WHERE search @@ (SELECT %(rare)s::tsquery) AND {visible_by_words} LIMIT {worded}
), candidates AS MATERIALIZED (
    SELECT id, max(cosine) AS nearest
    FROM (
        SELECT coalesce(entry.id, near.id) AS id, near.cosine
        FROM near
        LEFT JOIN knowledge_passage entry
          ON near.is_wording AND entry.faq_id = near.faq_id AND NOT entry.is_wording
         AND entry.embedder = %(embedder)s
        UNION ALL
        SELECT id, NULL FROM worded
    ) AS taken
    GROUP BY id
), terms AS MATERIALIZED (
    SELECT own::tsquery AS own, nullif(others, '')::tsquery AS others, weight
    FROM unnest(
        (SELECT %(own)s::text[]), (SELECT %(others)s::text[]), (SELECT %(weights)s::float8[])
    ) AS term(own, others, weight)
), measured AS MATERIALIZED (
    SELECT p.id, p.language, p.priority, c.nearest,
           1 - (p.embedding <=> (SELECT vector FROM asked)) AS all_,
           (
               SELECT coalesce(sum(weight * greatest(
                   least(1, ts_rank(
                       CASE WHEN p.faq_id IS NULL THEN %(in_text)s::real[]
                            ELSE %(in_answer)s::real[] END,
                       p.search, terms.own
                   ) / (1 - 0.608 / (p.wordings + 0.5))),
                   CASE WHEN p.search @@ terms.others THEN %(other_word)s ELSE 0 END
               )), 0) FROM terms
           ) / %(total)s AS words,
           %(trust)s * (1 - (1 - %(alone)s) / p.wordings) AS trust
    FROM candidates c
    CROSS JOIN LATERAL (
        -- Joined to nothing, the words are unpacked once, and not for every term.
        SELECT id, language, priority, faq_id, wordings, embedding, search || ''::tsvector AS search
        FROM knowledge_passage WHERE id = c.id OFFSET 0
    ) AS p
), scored AS (
    SELECT id, language = %(language)s AS is_wanted, words, trust,
           greatest(nearest, all_) AS cosine,
           (1 - trust) * words + trust * (
               %(nearest)s * greatest(0, greatest(nearest, all_) - %(floor)s)
               + (1 - %(nearest)s) * greatest(0, all_ - %(floor)s)
           ) / (1 - %(floor)s) + %(priority)s * (priority - 5) / 5.0 AS score
    FROM measured
), best AS (
    (SELECT * FROM scored WHERE is_wanted ORDER BY score DESC, id LIMIT {limit})
    UNION ALL
    (SELECT * FROM scored WHERE NOT is_wanted ORDER BY score DESC, id LIMIT {limit})
)
SELECT best.id, p.language, least(1, greatest(0, best.score)), best.cosine, best.words,
       p.faq_id, p.article_id, p.document_id, p.page_id, p.heading, p.text,
       coalesce(article.url, page.url, ''), faq.question || faq.phrasings, faq.keywords,
       best.trust
FROM best
JOIN knowledge_passage p ON p.id = best.id
LEFT JOIN knowledge_faqentry faq ON faq.id = p.faq_id
LEFT JOIN knowledge_article article ON article.id = p.article_id
LEFT JOIN knowledge_webpage page ON page.id = p.page_id
ORDER BY best.score DESC, best.id
"""
