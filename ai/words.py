"""Words of a text and their stems, Russian and English, without a dictionary."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
# English contractions are one word: "didn't" is not "didn" and "t".
_APOSTROPHE = re.compile(r"(?<=\w)['’`](?=\w)")
# A stem keeps at least so many letters.
SHORTEST = 3

_STOP_WORDS = (
    "а без бы был была были в вам вас ваш ваша ваши вы где да для до его ее если есть еще же за и "
    "из или их к как какая какие какой когда кто ли мне мой моя мы на над нам нас наш не нет ни но "
    "ну о об он она они от по под при с со так там то тут ты у уже что чтобы это этот я можно "
    "нужно a an and any are as at be by can could do does for from have how i if in is it its me "
    "my no not of on or our so that the their there this to was we were what when where which who "
    "will with you your would should please"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())

_ENDINGS = (
    "иями ями ами ием иям иях ев ов ие ье еи ии и ией ей ой ий й ям ем ам ом о у ах ях ы ь ию ью ю "
    "ия ья я а е ее ые ое ими ыми ый им ым его ого ему ому их ых ую юю ая яя ою ею ать ять еть ить "
    "уть ыть ала яла ела ила ыла али яли ели или ыли ал ял ел ил ыл ает яет еет ит ут ют ат ят ают "
    "яют еют уют ует уете ете ите ешь ишь аешь аю яю ана ено ена ены ан ян ен аны ян ывать ивать "
    "овать евать ывает ивает овал ться тся лся лась лось лись ение ения ению ением ении ание ания "
    "анию анием ании"
)
_RUSSIAN_ENDINGS = tuple(sorted(dict.fromkeys(_ENDINGS.split()), key=len, reverse=True))

# The vowel that stands in one form only: "ребенок" and "ребенком", "скидок" and "скидка".
_FLEETING = re.compile(r"..[^аеиоуыэюяьй](?:[ое]к|ец)$")


def words(text: str) -> list[str]:
    """The words of a text, folded: compatibility forms, case, ё, apostrophes."""
    folded = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    return _WORD.findall(_APOSTROPHE.sub("", folded))


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """The word without its ending, roughly: two forms of a word should give the same."""
    if len(word) <= SHORTEST:
        return word
    return _russian(word) if word[0] >= "а" else _english(word)


def _russian(word: str) -> str:
    for reflexive in ("ся", "сь"):
        if word.endswith(reflexive) and len(word) > SHORTEST + 2:
            word = word[:-2]
            break
    for ending in _RUSSIAN_ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST:
            word = word[: -len(ending)]
            break
    if _FLEETING.search(word):
        word = word[:-2] + word[-1]
    return word[:-1] if word.endswith("нн") else word


def _english(word: str) -> str:
    for ending, instead in (
        ("ations", "at"), ("ation", "at"), ("ingly", ""), ("edly", ""), ("ments", ""), ("ment", ""),
        ("ing", ""), ("ies", "y"), ("ied", "y"), ("ed", ""), ("ers", ""), ("er", ""), ("ly", ""),
        ("sses", "ss"), ("es", ""), ("ss", "ss"), ("s", ""), ("e", ""),
    ):  # fmt: skip
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST:
            word = word[: -len(ending)] + instead
            break
    if word.endswith("e") and len(word) > SHORTEST:
        word = word[:-1]
    # "Planned" and "cancelled" lose a letter, "call" and "pass" do not.
    if (
        len(word) > SHORTEST
        and word[-1] == word[-2]
        and word[-1] not in ("sz" if len(word) > 5 else "lsz")
    ):
        word = word[:-1]
    return word[:-1] + "i" if word.endswith("y") and len(word) > SHORTEST else word
