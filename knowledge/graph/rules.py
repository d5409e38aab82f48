"""What a passage speaks of, by rule: headings, keywords, names, links and rarest words. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from ai.words import STOP_WORDS, stem, words
from knowledge import clusters
from knowledge.models import Entity
from knowledge.models.graph import LONGEST_NAME
from knowledge.sameness import FILLERS

# Of the rules themselves: another number has everything read anew.
READER = "rules-2"
# Relations by rule; a model says them in words of its own.
PART_OF, LINKS_TO = "part_of", "links_to"
MOST_NAMES, MOST_TERMS = 12, 8
SHORTEST_TERM = 4
# Counting, measuring time, pointing and doing in general: in any text, and the subject of none.
_WEAK = (
    "один одна одно одного два двух три трех четыре четырех пять шесть семь восемь девять десять "
    "первый второй третий несколько много мало больше меньше сколько раз час часа часов минута "
    "минут день дня дней сутки неделя недели месяц год года лет время дата сегодня завтра вчера "
    "каждый любой другой самый новый разный весь обычно сразу сначала потом затем заранее отдельно "
    "дать взять сделать делать узнать написать напишите получить выбрать выберите указать укажите "
    "нажать нажмите прийти приходить сказать идти стать хотеть быть бывает "
    "three four five seven eight nine first second third several many much more less least most "
    "hour hours minute minutes days week weeks month months year years time date today tomorrow "
    "yesterday every each other another same back make take give come goes write choose send "
    "find made done usually always once then later before after during between within about"
)
WEAK = FILLERS | {stem(word) for word in _WEAK.split()}

Kind = Entity.Kind

# Names, in quotes or with capitals.
_QUOTED = re.compile(r"[«“\"]([^«»“”\"\n]{2,60})[»”\"]")
_CAPITAL = r"[A-ZА-ЯЁ][\w’'-]*"
_NAME = re.compile(rf"(?<!\w)({_CAPITAL}(?: (?:of |the |de )?{_CAPITAL}){{0,3}})")
_ACRONYM = re.compile(r"\b[A-ZА-ЯЁ][A-ZА-ЯЁ0-9]{1,7}\b")
_LINK = re.compile(r"\[[^\]\n]{1,200}\]\(([^()\s]{1,500})\)")
_MARKUP = re.compile(r"[*_`#>|]+|\]\([^()\s]*\)|\[|!\[")
_BREAK = re.compile(r"[.!?…:]\s+$|\n\s*$|^\s*$")


@dataclass(frozen=True)
class Text:
    """A passage with what its piece says of it. `is_answer`: the heading is a question."""

    heading: str
    text: str
    is_answer: bool = False
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """Entities as (name, kind), relations as (source, label, target) by names, addresses linked."""

    entities: tuple[tuple[str, str], ...]
    relations: tuple[tuple[str, str, str], ...] = ()
    links: tuple[str, ...] = ()


def key_of(name: str) -> str:
    """What makes two names one entity: their stems, in order; empty when there are none."""
    said = words(name)
    telling = [stem(word) for word in said if word not in STOP_WORDS] or said
    return " ".join(telling)[:LONGEST_NAME]


def read(passage: Text, rarity: Callable[[str], float]) -> Found:
    """Everything that the rules find; `rarity` says how much a word tells, nothing at 0."""
    known = outline(passage)
    entities = list(known.entities)
    plain = _MARKUP.sub(" ", passage.text)
    question = passage.heading if passage.is_answer else ""
    names = list(dict.fromkeys(_names(f"{question}\n{plain}")))[:MOST_NAMES]
    entities += [(name, str(Kind.NAME)) for name in names]
    terms = _terms(f"{passage.heading}\n{plain}", rarity)
    entities += [(word, str(Kind.TERM)) for word in terms]
    return Found(tuple(distinct(entities)), known.relations, known.links)


def outline(passage: Text) -> Found:
    """What is known without reading: headings, keywords, links."""
    headings = [] if passage.is_answer else _headings(passage.heading)
    entities = [(name, str(Kind.TOPIC)) for name in headings]
    entities += [(name, str(Kind.KEYWORD)) for name in passage.keywords]
    inside = [(part, PART_OF, whole) for whole, part in pairwise(headings)]
    return Found(
        entities=tuple(distinct(entities)),
        relations=tuple(dict.fromkeys(inside)),
        links=tuple(dict.fromkeys(_LINK.findall(passage.text))),
    )


def distinct(entities: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Each entity once, as it was named first."""
    seen: set[str] = set()
    for name, kind in entities:
        name = " ".join(name.split())[:LONGEST_NAME]
        key = key_of(name)
        if key and key not in seen:
            seen.add(key)
            yield name, str(kind)


def _headings(trail: str) -> list[str]:
    return [part for part in (part.strip() for part in trail.split("›")) if part]


def _names(text: str) -> Iterator[str]:
    """Names in quotes, in capitals, and those that begin with one inside a sentence."""
    yield from (match.strip() for match in _QUOTED.findall(text))
    text = _QUOTED.sub(" , ", text)
    yield from _ACRONYM.findall(text)
    for match in _NAME.finditer(text):
        before = text[max(0, match.start(1) - 4) : match.start(1)]
        name = _without_article(match[1])
        # The first word of a sentence is a name where another follows.
        if words(name) and (" " in name or not _BREAK.search(before)):
            yield name


def _without_article(name: str) -> str:
    """The name without words at its beginning that belong to none: "The", "Where"."""
    parts = name.split()
    while parts and words(parts[0])[:1] and words(parts[0])[0] in STOP_WORDS:
        del parts[0]
    return " ".join(parts)


def _terms(text: str, rarity: Callable[[str], float]) -> list[str]:
    """The words that tell most, in the form in which they come first."""
    forms = {stem(word): word for word in reversed(candidates(text))}
    told = sorted((-rarity(word), word) for word in forms.values())
    return [word for weight, word in told if weight < 0][:MOST_TERMS]


def candidates(text: str) -> list[str]:
    """The words of a text that may be terms."""
    return [
        word
        for word in words(text)
        if len(word) >= SHORTEST_TERM
        and not word.isdigit()
        and stem(word) not in WEAK
        and clusters.words(word)
    ]
