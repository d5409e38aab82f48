"""What a question asks for: its words as the organization knows them, and how much each tells.

A word that nobody here uses is taken for a slip where that makes a known word of it; its weight is
its rarity among the organization's passages, as in BM25 (Robertson and Zaragoza, 2009).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from ai.concepts import alike
from ai.words import stem, words
from knowledge.slips import SHORTEST, meant, nearest

# Only the beginning of a long question is looked at word by word.
MOST_WORDS = 60
# A word that the organization never uses says something of what is asked, but less.
UNKNOWN_WORD = 0.7
# Passages are looked for by the rarest words until there are this many of them.
ENOUGH = 200
# A word that tells less than this share of the whole is in nearly every passage.
LEAST_WEIGHT = 0.01


@dataclass(frozen=True)
class Term:
    """A word of the question: its stems, other words for it, and how much it tells."""

    lexemes: tuple[str, ...]
    others: tuple[str, ...]
    weight: float


@dataclass(frozen=True)
class Asked:
    """A question as understood: its text with slips mended, and its terms."""

    text: str
    terms: tuple[Term, ...]
    rare: tuple[str, ...]
    total: float


# What PostgreSQL makes of a word depends on the word alone; asked once a process.
_stems: dict[str, tuple[str, ...]] = {}
MOST_STEMS = 50_000


def stems_of(texts: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The stems of words; a word that says nothing has none."""
    wanted = list(dict.fromkeys(texts))
    missing = [text for text in wanted if text not in _stems]
    if missing:
        with connection.cursor() as cursor:
            cursor.execute(STEMS, {"words": missing})
            found = {missing[number - 1]: tuple(stems) for number, stems in cursor.fetchall()}
        if len(_stems) + len(found) > MOST_STEMS:
            _stems.clear()
        _stems.update(found)
        return {text: found[text] if text in found else _stems[text] for text in wanted}
    return {text: _stems[text] for text in wanted}


class Known:
    """The stems of words, and in how many of the organization's passages each is."""

    def __init__(self, organization_id: int) -> None:
        self.stems: dict[str, tuple[str, ...]] = {}
        self.passages: dict[str, int] = {}
        self._organization = organization_id
        self._all = f"@{organization_id}"

    def learn(self, texts: Iterable[str]) -> None:
        """Look up the words that are not known yet."""
        found = stems_of(text for text in texts if text not in self.stems)
        self.stems |= found
        lexemes = {one for stems in found.values() for one in stems} - self.passages.keys()
        self.passages |= dict.fromkeys(lexemes, 0)
        with connection.cursor() as cursor:
            cursor.execute(
                PASSAGES,
                {"organization": self._organization, "words": [*lexemes, self._all]},
            )
            self.passages.update(cursor.fetchall())

    def mend(self, text: str) -> None:
        """Take a word that nobody uses for a stem of the organization that is one slip away."""
        lexeme = self.stems[text][0]
        with connection.cursor() as cursor:
            cursor.execute(
                NEAR,
                {
                    "organization": self._organization,
                    "beginning": re.sub(r"([%_\\])", r"\\\1", lexeme[:2]) + "%",
                    "least": len(lexeme) - 1,
                    "most": len(lexeme) + 1,
                },
            )
            known = cursor.fetchall()
        found = nearest(lexeme, known)
        if found:
            self.stems[text] = (found,)
            self.passages |= dict(known)

    def says_something(self, text: str) -> bool:
        """Whether the word is no stop word."""
        return bool(self.stems[text])

    def is_used(self, text: str) -> bool:
        """Whether the organization uses the word; one that says nothing counts as used."""
        return all(self.passages[lexeme] for lexeme in self.stems[text])

    def weight(self, lexeme: str) -> float:
        """How rare the stem is."""
        passages, total = self.passages[lexeme], self.passages.get(self._all, 0)
        rarity = math.log(1 + max(total - passages + 0.5, 0.5) / (passages + 0.5))
        return rarity if passages else UNKNOWN_WORD * rarity


def understand(organization_id: int, question: str) -> Asked:
    """The question's terms, by what the organization's passages say."""
    tokens = question.split()[:MOST_WORDS]
    own = {word for token in tokens for word in words(token)}
    known = Known(organization_id)
    known.learn([*own, *(mate for word in own for mate in alike(stem(word)))])
    mended = _mended(tokens, known)
    terms: dict[tuple[str, ...], Term] = {}
    for word in (word for token in mended for word in words(token)):
        if not known.says_something(word):
            continue
        if not known.is_used(word) and len(word) >= SHORTEST:
            known.mend(word)
        term = _term(word, known)
        terms[term.lexemes] = term
    total = sum(term.weight for term in terms.values())
    telling = tuple(term for term in terms.values() if term.weight > LEAST_WEIGHT * total)
    return Asked(" ".join(mended), telling, _rare(telling, known), total)


def _term(word: str, known: Known) -> Term:
    stems = known.stems[word]
    others = {
        lexeme
        for mate in alike(stem(word))
        for lexeme in known.stems.get(mate, ())
        if known.passages[lexeme] and lexeme not in stems
    }
    weight = sum(map(known.weight, stems)) / len(stems)
    return Term(stems, tuple(sorted(others)), weight)


def _mended(tokens: Sequence[str], known: Known) -> list[str]:
    """The tokens; one that nobody here uses as the first other writing that somebody uses."""
    writings = {
        token: meant(token.lower().strip("?!.…"))
        for token in tokens
        if not all(map(known.is_used, words(token)))
    }
    if not writings:
        return list(tokens)
    known.learn(word for others in writings.values() for one in others for word in words(one))
    mended = []
    for token in tokens:
        right = (one for one in writings.get(token, ()) if _is_known(words(one), known))
        mended.append(next(right, token))
    known.learn(word for token in mended for word in alike_words(token))
    return mended


def alike_words(token: str) -> list[str]:
    """Other words for the words of a token."""
    return [mate for word in words(token) for mate in alike(stem(word))]


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


# The configuration `russian` stems both alphabets.
STEMS = """
SELECT token.number, tsvector_to_array(to_tsvector('russian'::regconfig, token.word))
FROM unnest(%(words)s::text[]) WITH ORDINALITY AS token(word, number)
"""
PASSAGES = """
SELECT word, passages FROM knowledge_word
WHERE organization_id = %(organization)s AND word = ANY(%(words)s)
"""
NEAR = """
SELECT word, passages FROM knowledge_word
WHERE organization_id = %(organization)s AND word LIKE %(beginning)s
  AND passages > 0 AND length(word) BETWEEN %(least)s AND %(most)s
"""
