"""Words as they may be meant: without disguise, in each alphabet."""

from __future__ import annotations

import re
import unicodedata

# What looks like a letter of the Cyrillic alphabet, and of the Latin one.
TO_CYRILLIC = str.maketrans(
    "abcehikmnoprtuxyz013469@$υοαε", "авсеникмнорртухузоизчбяасуоае", "'`´’!"
)
TO_LATIN = str.maketrans("авсенкмортухіѕјυοαε0134578@$!", "abcehkmoptyxisjuoaeoieastbasi")
# What nobody sees: soft hyphens, joiners, marks of direction, and marks laid over letters.
_UNSEEN = "\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
_MARKS = "\u0300-\u036f\u0483-\u0489\u20d0-\u20ff"
_HIDDEN = re.compile(f"[{_UNSEEN}]")
# Letters, and between them signs that may stand for letters or set them apart.
_WORD = re.compile(rf"[^\W_](?:[\w@$!*#.\-'’{_UNSEEN}{_MARKS}]*[\w*@${_MARKS}])?")
_PLAIN = re.compile(r"[а-я]+|[a-z]+")
_DOUBLE, _LONG = re.compile(r"(.)\1+", re.DOTALL), re.compile(r"(.)\1{2,}", re.DOTALL)
_SEPARATORS = re.compile(r"[\s.\-_,|/#+~'’]")

# Nobody reads longer words; what is cut off begins none.
LONGEST_WORD = 60

# Where it begins and ends in the text, and its letters.
Word = tuple[int, int, str]


def words_of(text: str) -> list[Word]:
    """The words of a text, each with whatever may stand for its letters."""
    return [(*match.span(), match.group()[:LONGEST_WORD]) for match in _WORD.finditer(text)]


def foldings(word: str) -> tuple[str, ...]:
    """The word as it may be meant: without disguise, in each alphabet."""
    lowered = word.lower()
    if _PLAIN.fullmatch(lowered):
        letters = lowered
    else:
        plain = unicodedata.normalize("NFKC", _HIDDEN.sub("", word)).casefold()
        plain = "".join(c for c in unicodedata.normalize("NFD", plain) if not _is_accent(c))
        letters = _SEPARATORS.sub("", unicodedata.normalize("NFC", plain))
    forms = dict.fromkeys([letters])
    if not _PLAIN.fullmatch(letters):
        bare = letters.replace("*", "")
        forms[bare.translate(TO_CYRILLIC)] = None
        # A three is a "з", and an "е" turned round.
        forms[bare.replace("3", "e").translate(TO_CYRILLIC)] = None
        forms[bare.translate(TO_LATIN)] = None
    for form in list(forms):
        if _DOUBLE.search(form):
            # Drawn out: "хууууй", "fuuuck". By functions, as a template takes four times as long.
            forms[_DOUBLE.sub(lambda found: found[1], form)] = None
            forms[_LONG.sub(lambda found: 2 * found[1], form)] = None
    return tuple(forms)


def _is_accent(character: str) -> bool:
    # The breve of й is a letter's part, not an accent on one.
    return unicodedata.category(character) == "Mn" and character != "\u0306"
