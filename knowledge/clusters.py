"""Which questions ask the same thing: likeness, the cluster a new one joins, the one that names it.

Pure. A question that was placed stays where it is, so that an owner's list does not shuffle; a new
one joins the cluster it is most like, or begins one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# What two wordings of one question reach and neighbouring questions do not; calibrated on
# tests/data/wordings.json with the built-in embedder.
ALIKE = 0.36
# A question is compared with this many of a cluster's that are nearest to it.
NEAREST = 3
VECTOR, WORDS = 0.5, 0.5
STEM = 5

# Three letters at least are left of a word.
_ENDING = re.compile(r"(?<=\w{3})(?:[аеиоуыэюяйьмх]{1,3}|e?s)$")
_WORD = re.compile(r"[^\W_]+")
_EMPTY_WORDS = (
    "а без бы был была были было быть в вам вами вас ваш ваша ваше ваши весь вот все всё вы "
    "где да для до его ее если есть еще же за и из или им их к как какая какие какое какой "
    "каким когда кто куда ли меня мне мной мои мой мочь можно может могу можете моя мы на "
    "над надо нам нас наш не нее нет ни нибудь но ну нужно нужен нужна о об он она они от "
    "откуда очень по под подскажите пожалуйста потом почему при про с сам свой себя скажите "
    "со так такая такие такое такой там те тебя то того тоже только том тот тут ты у уже "
    "хотел хочу хотела чего чем что чтобы чтоб эта эти это этого этой этом этот этим "
    "здравствуйте привет добрый день интересно узнать a about after all also am an and any "
    "are as at be been but by can could did do does doing for from get give had has have "
    "hello hi how i if in into is it its just know let like may me my need no not of off on "
    "one or our out please shall should so some tell than thanks that the their them then "
    "there these they this those to too up us want was we were what when where which who why "
    "will with would yes you your"
)
_EMPTY = frozenset(_EMPTY_WORDS.split())


@dataclass(frozen=True)
class Asked:
    """A question with its embedding, of unit length."""

    text: str
    vector: Sequence[float]


def words(text: str) -> frozenset[str]:
    """The beginnings of the words that say what is asked, so that endings do not matter."""
    return frozenset(
        word if word.isdigit() else (_ENDING.sub("", word) or word)[:STEM]
        for word in _WORD.findall(text.casefold().replace("ё", "е"))
        if word not in _EMPTY
    )


def folded(text: str) -> str:
    """A question without what does not matter for being the same: case, ё, signs, spaces."""
    return " ".join(_WORD.findall(text.casefold().replace("ё", "е")))


def likeness(one: Asked, other: Asked) -> float:
    """How much two questions ask the same, from 0 to 1: by meaning and by shared words."""
    cosine = math.fsum(a * b for a, b in zip(one.vector, other.vector, strict=True))
    ours, theirs = words(one.text), words(other.text)
    shared = 2 * len(ours & theirs) / (len(ours) + len(theirs)) if ours and theirs else 0.0
    return VECTOR * max(0.0, cosine) + WORDS * shared


def place(asked: Asked, clusters: Mapping[int, Sequence[Asked]]) -> int | None:
    """The cluster a question joins; None when it is like none of them."""
    best, found = ALIKE, None
    for key, members in clusters.items():
        nearest = sorted((likeness(asked, member) for member in members), reverse=True)[:NEAREST]
        mean = sum(nearest) / len(nearest) if nearest else 0.0
        if mean >= best:
            best, found = mean, key
    return found


def central(asked: Sequence[Asked]) -> int:
    """Which question says best what all of them ask; the earlier one of two equal ones."""
    sums = [math.fsum(likeness(one, other) for other in asked) for one in asked]
    return max(range(len(asked)), key=lambda index: (round(sums[index], 9), -index))
