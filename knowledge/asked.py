"""What a question asks for: its words as the organization knows them, and how much each tells.

A word that nobody here uses is taken for a slip where that makes a known word of it; its weight is
its rarity among the organization's passages, as in BM25 (Robertson and Zaragoza, 2009).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ai.concepts import alike
from ai.words import stem, words
from knowledge.sameness import FILLERS
from knowledge.slips import SHORTEST, from_latin_letters, meant, nearest, other_layout
from organizations.statements import row_of

# Only the beginning of a long question is looked at word by word.
MOST_WORDS = 60
# A word that the organization never uses says something of what is asked, but less.
UNKNOWN_WORD = 0.7
# Words around a question, and those of quantity, tell less than their rarity says.
AROUND = FILLERS | {stem(word) for word in ("сколько", "much", "many")}
AROUND_WEIGHT = 0.4
# An organization counts as if so many passages more spoke of other things: where there is one
# entry, its words are no commoner than those it lacks.
BACKGROUND = 30
# Passages are looked for by the rarest words until there are this many of them.
ENOUGH = 100
# A word that tells less than this share of the whole is in nearly every passage.
LEAST_WEIGHT = 0.01


@dataclass(frozen=True)
class Term:
    """A word of the question: its stems, other words for it, and how much it tells."""

    word: str
    lexemes: tuple[str, ...]
    others: tuple[str, ...]
    weight: float
    is_known: bool


@dataclass(frozen=True)
class Index:
    """How an organization's passages are searched; see `knowledge.upkeep`."""

    embedder: str
    floor: float
    has_graph: bool
    # Those that the agent may use, with those inside them; none for all.
    categories: list[int]


@dataclass(frozen=True)
class Asked:
    """A question as understood: its text with slips mended, and its terms.

    `mended` are the words that were taken for others, each with what it was taken for.
    """

    text: str
    terms: tuple[Term, ...]
    rare: tuple[str, ...]
    total: float
    index: Index
    mended: tuple[tuple[str, str], ...] = ()


class Known:
    """The stems of words, and in how many of the organization's passages each is."""

    index: Index

    def __init__(
        self, organization_id: int, agent_id: int | None = None, shelves: list[int] | None = None
    ) -> None:
        self.stems: dict[str, tuple[str, ...]] = {}
        self.passages: dict[str, int] = {}
        self.slips: dict[str, str] = {}
        self._organization = organization_id
        self._agent, self._shelves = agent_id, shelves
        self._total = 0

    def begin(self, texts: Iterable[str]) -> None:
        """Look up the first words, and how the organization is searched, at once."""
        said = list(dict.fromkeys(texts))
        agent = {"agent": self._agent, "shelves": self._shelves}
        *index, self._total, known = row_of(FIRST_WORDS, self._words(said) | agent)
        self.index = Index(*index)
        self._read(said, known)

    def learn(self, texts: Iterable[str], near: Iterable[str] = ()) -> None:
        """Look up the words that are not known yet, and stems that begin like `near` do."""
        missing = [text for text in dict.fromkeys(texts) if text not in self.stems]
        lexemes = list(near)
        if not missing and not lexemes:
            return
        beginnings: dict[str, Any] = {
            "beginnings": [_beginning(one) for one in lexemes],
            "least": min(map(len, lexemes), default=1) - 1,
            "most": max(map(len, lexemes), default=0) + 1,
        }
        known, there = row_of(MORE_WORDS, self._words(missing) | beginnings)
        self._read(missing, known)
        self._mend(lexemes, there)

    def _words(self, texts: list[str]) -> dict[str, Any]:
        all_ = f"@{self._organization}"
        return {"organization": self._organization, "all": all_, "words": texts}

    def _read(self, texts: Iterable[str], known: Iterable[tuple[list[str], list[int]]]) -> None:
        for text, (stems, passages) in zip(texts, known, strict=True):
            self.stems[text] = tuple(stems)
            self.passages.update(zip(stems, passages, strict=True))

    def _mend(self, lexemes: Iterable[str], known: Sequence[tuple[str, int]]) -> None:
        """Find the stems that are one slip away from stems that nobody uses."""
        for lexeme in lexemes:
            found = nearest(lexeme, known)
            if found:
                self.slips[lexeme] = found
        self.passages |= dict(known)

    def mend(self, text: str) -> None:
        """Take a word for what it is one slip away from."""
        self.stems[text] = tuple(self.slips.get(one, one) for one in self.stems[text])

    def says_something(self, text: str) -> bool:
        """Whether the word is no stop word."""
        return bool(self.stems[text])

    def is_used(self, text: str) -> bool:
        """Whether the organization uses the word; one that says nothing counts as used."""
        return all(self.passages[lexeme] for lexeme in self.stems[text])

    def weight(self, lexeme: str) -> float:
        """How rare the stem is."""
        passages, total = self.passages[lexeme], self._total + BACKGROUND
        rarity = math.log(1 + max(total - passages + 0.5, 0.5) / (passages + 0.5))
        return rarity if passages else UNKNOWN_WORD * rarity


def _beginning(lexeme: str) -> str:
    return re.sub(r"([%_\\])", r"\\\1", lexeme[:2]) + "%"


def understand(
    organization_id: int,
    question: str,
    agent_id: int | None = None,
    shelves: list[int] | None = None,
) -> Asked:
    """The question's terms, by what the organization's passages say.

    `shelves` are the categories to look in, in place of those that the agent is given. One
    statement, and one more where a word is said that the organization does not use.
    """
    tokens = question.split()[:MOST_WORDS]
    known = Known(organization_id, agent_id, shelves)
    known.begin(_with_mates(tokens))
    understood = _mended(tokens, known)
    terms: dict[tuple[str, ...], Term] = {}
    slips: list[tuple[str, str]] = []
    for word in (word for token in understood for word in words(token)):
        if not known.says_something(word):
            continue
        if not known.is_used(word):
            before = known.stems[word]
            known.mend(word)
            if known.stems[word] != before:
                slips.append((word, " ".join(known.stems[word])))
        term = _term(word, known)
        terms[term.lexemes] = term
    total = sum(term.weight for term in terms.values())
    telling = tuple(term for term in terms.values() if term.weight > LEAST_WEIGHT * total)
    changed = [(one, other) for one, other in zip(tokens, understood, strict=True) if one != other]
    return Asked(
        " ".join(understood), telling, _rare(telling, known), total, known.index, (*changed, *slips)
    )


def _with_mates(tokens: Iterable[str]) -> list[str]:
    """The words of tokens, and other words for each."""
    said = [word for token in tokens for word in words(token)]
    return [*said, *(mate for word in said for mate in alike(stem(word)))]


def _term(word: str, known: Known) -> Term:
    stems = known.stems[word]
    others = {
        lexeme
        for mate in alike(stem(word))
        for lexeme in known.stems.get(mate, ())
        if known.passages[lexeme] and lexeme not in stems
    }
    weight = sum(map(known.weight, stems)) / len(stems)
    if stem(word) in AROUND:
        weight *= AROUND_WEIGHT
    return Term(word, stems, tuple(sorted(others)), weight, known.is_used(word))


def _mended(tokens: Sequence[str], known: Known) -> list[str]:
    """The tokens; one that nobody here uses as the first other writing that somebody uses."""
    unknown = [word for token in tokens for word in words(token) if not known.is_used(word)]
    if not unknown:
        return list(tokens)
    writings = {
        token: meant(_bare(token))
        for token in tokens
        if any(word in unknown for word in words(token))
    }
    known.learn(
        _with_mates(one for others in writings.values() for one in others),
        [one for word in unknown for one in known.stems[word] if len(one) >= SHORTEST],
    )
    mended = list(tokens)
    for place, token in enumerate(tokens):
        if any(word in unknown for word in words(token)):
            right = (one for one in writings[token] if _is_known(words(one), known))
            mended[place] = next(right, token)
    return _in_one_layout(tokens, mended, known)


def _in_one_layout(tokens: Sequence[str], mended: Sequence[str], known: Known) -> list[str]:
    """The unknown tokens in the other layout where one was, in Latin letters where most were."""
    changed = [(old, new) for old, new in zip(tokens, mended, strict=True) if old != new]
    left = [
        place
        for place, (old, new) in enumerate(zip(tokens, mended, strict=True))
        if old == new and not all(map(known.is_used, words(old)))
    ]
    if any(new == other_layout(_bare(old)) for old, new in changed):
        way = other_layout
    elif len(changed) > 1 and len(changed) >= len(left):
        way = from_latin_letters
    else:
        return list(mended)
    whole = list(mended)
    for place in left:
        if way is other_layout or tokens[place].isascii():
            whole[place] = way(_bare(tokens[place]))
    known.learn(_with_mates(whole))
    return whole


def _bare(token: str) -> str:
    """The token without what ends a sentence, which is no letter of the other layout."""
    return token.lower().strip("?!.…")


def _is_known(said: Sequence[str], known: Known) -> bool:
    telling = [word for word in said if known.says_something(word)]
    return bool(telling) and all(map(known.is_used, telling))


def _rare(terms: Iterable[Term], known: Known) -> tuple[str, ...]:
    """The stems to look for passages by: the rarest ones that any passage has."""
    lexemes = {one for term in terms for one in (*term.lexemes, *term.others)}
    by_rarity = sorted((known.passages[one], one) for one in lexemes if known.passages[one])
    taken: list[str] = []
    passages = 0
    for count, lexeme in by_rarity:
        if taken and passages + count > ENOUGH:
            break
        taken.append(lexeme)
        passages += count
    return tuple(taken)


# The configuration `russian` stems both alphabets. In the order of the words, each with its stems
# and in how many passages each of these is.
WORDS = """
SELECT coalesce(json_agg(json_build_array(token.stems, ARRAY(
    SELECT coalesce(known.passages, 0)
    FROM unnest(token.stems) WITH ORDINALITY AS stem(word, place)
    LEFT JOIN knowledge_word known
      ON known.organization_id = %(organization)s AND known.word = stem.word
    ORDER BY stem.place
)) ORDER BY token.number), '[]')
FROM (
    SELECT number, tsvector_to_array(to_tsvector('russian'::regconfig, word)) AS stems
    FROM unnest(%(words)s::text[]) WITH ORDINALITY AS said(word, number)
    OFFSET 0
) AS token
"""
FIRST_WORDS = """
SELECT coalesce(embedder, ''), coalesce(floor, 0), coalesce(has_graph, false), ARRAY(
    SELECT category.id FROM knowledge_category category
    WHERE category.organization_id = %(organization)s
      AND ARRAY[category.id, category.parent_id] && coalesce(%(shelves)s::bigint[], ARRAY(
          SELECT category_id FROM knowledge_category_agents WHERE agent_id = %(agent)s
      ))
), coalesce((
    SELECT passages FROM knowledge_word
    WHERE organization_id = %(organization)s AND word = %(all)s
), 0), ({words})
FROM (SELECT) AS always
LEFT JOIN knowledge_searchindex ON organization_id = %(organization)s
""".replace("{words}", WORDS)
MORE_WORDS = """
SELECT ({words}), (
    SELECT coalesce(json_agg(json_build_array(word, passages)), '[]') FROM knowledge_word
    WHERE organization_id = %(organization)s AND word LIKE ANY (%(beginnings)s::text[])
      AND passages > 0 AND length(word) BETWEEN %(least)s AND %(most)s
)""".replace("{words}", WORDS)
