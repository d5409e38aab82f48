"""What a visitor may have meant by a word that nobody here uses; pure.

The wrong keyboard layout ("ljcnfdrf" is "доставка", "руддщ" is "hello"), Russian in Latin letters
("dostavka"), and one slip of the finger.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_LATIN_KEYS = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"
_CYRILLIC_KEYS = "йцукенгшщзхъфывапролджэячсмитьбюё"
_TO_CYRILLIC = str.maketrans(_LATIN_KEYS, _CYRILLIC_KEYS)
_TO_LATIN = str.maketrans(_CYRILLIC_KEYS, _LATIN_KEYS)

# Longer ones first: "shch" is one letter.
_SOUNDS = [
    ("shch", "щ"), ("sch", "щ"), ("yo", "ё"), ("jo", "ё"), ("zh", "ж"), ("kh", "х"), ("ts", "ц"),
    ("ch", "ч"), ("sh", "ш"), ("yu", "ю"), ("ju", "ю"), ("ya", "я"), ("ja", "я"), ("iy", "ий"),
    ("yy", "ый"), ("ay", "ай"), ("ey", "ей"), ("oy", "ой"), ("uy", "уй"), ("ck", "к"), ("ph", "ф"),
    ("a", "а"), ("b", "б"), ("c", "ц"), ("d", "д"), ("e", "е"), ("f", "ф"), ("g", "г"), ("h", "х"),
    ("i", "и"), ("j", "й"), ("k", "к"), ("l", "л"), ("m", "м"), ("n", "н"), ("o", "о"), ("p", "п"),
    ("q", "к"), ("r", "р"), ("s", "с"), ("t", "т"), ("u", "у"), ("v", "в"), ("w", "в"),
    ("x", "кс"), ("y", "ы"), ("z", "з"), ("'", "ь"),
]  # fmt: skip
_LETTERS = dict(_SOUNDS)
# Before a vowel the y is the vowel's: "garantiya".
_CLOSED = {"iy", "yy", "ay", "ey", "oy", "uy"}
_SOUND = re.compile(
    "|".join(re.escape(one) + ("(?![aou])" if one in _CLOSED else "") for one in _LETTERS)
)
_SOFT = re.compile("л(?=[бвгдзкмнпстфхцчшщ])")
# A shorter word is one slip away from too many others.
SHORTEST = 5


def other_layout(word: str) -> str:
    """The word as it would be with the other keyboard layout."""
    return word.translate(_TO_CYRILLIC if word.isascii() else _TO_LATIN)


def from_latin_letters(word: str) -> str:
    """A Russian word that was written in Latin letters."""
    return _SOUND.sub(lambda sound: _LETTERS[sound[0]], word)


def meant(word: str) -> list[str]:
    """Other writings of an unknown word, the likelier first."""
    if not any(letter.isalpha() for letter in word):
        return []
    found = [other_layout(word)]
    if word.isascii():
        # "и" stands for "й" and "ы" too, and the soft sign is left out; the common ones are tried.
        cyrillic = from_latin_letters(word)
        found += [cyrillic, cyrillic.replace("ы", "й"), _SOFT.sub("ль", cyrillic)]
    return [one for one in dict.fromkeys(found) if one != word]


def nearest(word: str, known: Iterable[tuple[str, int]]) -> str | None:
    """The most used of the known words that are one slip away, if there is one."""
    if len(word) < SHORTEST:
        return None
    # English stems end in "i" where the words end in "y".
    ways = {word, re.sub("y$", "i", word)}
    near = [(count, one) for one, count in known if any(is_one_slip(way, one) for way in ways)]
    return max(near)[1] if near else None


def is_one_slip(word: str, other: str) -> bool:
    """Whether one letter is wrong, missing, too many, or two neighbours changed places."""
    if abs(len(word) - len(other)) > 1 or word == other:
        return False
    start = 0
    while start < min(len(word), len(other)) and word[start] == other[start]:
        start += 1
    rest, other_rest = word[start:], other[start:]
    if len(word) == len(other):
        return rest[1:] == other_rest[1:] or (
            rest[2:] == other_rest[2:] and rest[:2] == other_rest[1::-1]
        )
    return rest == other_rest[1:] or rest[1:] == other_rest
