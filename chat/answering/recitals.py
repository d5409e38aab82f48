"""What is not to be recited: rules, instructions, secrets and keys, in whatever dress. Pure.

A text is compared by its letters alone. Spaces, markup, signs, case, what nobody sees and letters
of another alphabet that look the same make no difference, nor does a text that is said backwards
or by ROT13. Words in base64 or base32, and letters told by their numbers, are read as what they
stand for (READINGS).
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from urllib.parse import unquote

# So many words in a row of the rules are no chance; so many of the instructions no good answer.
RULES_IN_A_ROW = 8
INSTRUCTIONS_IN_A_ROW = 25
# Of shorter instructions, this share.
MOST_OF_IT = 0.8
# Fewer letters than this in a row hold nothing back.
SUSPICIOUS = 14
# Of codes and phrases, which are short.
SUSPICIOUS_OF_CODES = 4
SHORTEST_CODE = 4
# A shorter code is found in harmless words when it is turned round.
SHORTEST_TURNED = 8

_LOOKALIKES = str.maketrans(
    "авекмнорстухіѕјԁԛԝοαεικνρτυχl014357", "abekmhopctyxisjdqwoaeikvptuxioiaest"
)
_UNSEEN = re.compile(
    "[\u00ad\u034f\u0300-\u036f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_ESCAPING = re.compile(r"[&%\\]")
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})|\\u\{?([0-9a-f]{4})\}?", re.IGNORECASE)


@dataclass(frozen=True)
class Recital:
    """Letters that are not to be said, from `most` of them in a row on."""

    letters: str
    most: int
    # Whether it is met as words of its own only, and not inside of others.
    is_whole: bool = False


@lru_cache(maxsize=256)
def recitals(text: str, most: int) -> tuple[Recital, ...]:
    """A text of which no `most` words may be recited; what is filled in (`{name}`) is anybody's."""
    return tuple(one for part in re.split(r"\{\w*\}", text) for one in _of_part(part, most))


def _of_part(part: str, most: int) -> list[Recital]:
    words = _said(part)
    if len(words) < min(most, RULES_IN_A_ROW):
        return []
    count = most if len(words) >= most else max(RULES_IN_A_ROW, int(len(words) * MOST_OF_IT))
    folded = [letters for word in words if (letters := _letters(word))]
    sizes = [len(letters) for letters in folded]
    fewest = min(sum(sizes[at : at + count]) for at in range(max(1, len(sizes) - count + 1)))
    # As they stand between spaces: "visitor's" is one.
    tokens = [_letters(token) for token in part.split()]
    dresses = {
        "".join(folded),
        "".join(folded)[::-1],
        "".join(reversed(tokens)),
        "".join(token[::-1] for token in tokens),
        "".join(_letters(codecs.encode(word, "rot13")) for word in words),
    }
    return [Recital(letters, max(fewest, SUSPICIOUS)) for letters in sorted(dresses)]


@lru_cache(maxsize=256)
def codes(listed: tuple[str, ...]) -> tuple[Recital, ...]:
    """Keys and secrets, none of which may be said whole."""
    found = []
    for code in listed:
        signs = _signs(code)
        if len(signs) < SHORTEST_CODE:
            continue
        # A word or a number of its own is no part of another.
        is_plain = code.isdigit() or code.isalpha()
        dresses = {signs}
        if len(signs) >= SHORTEST_TURNED:
            dresses |= {signs[::-1], _signs(codecs.encode(code, "rot13"))}
        found += [Recital(one, len(one), is_plain) for one in sorted(dresses)]
    return tuple(found)


@lru_cache(maxsize=256)
def phrases(listed: tuple[str, ...]) -> tuple[Recital, ...]:
    """The owner's phrases of several words; single ones are masked as words."""
    found = (_signs(name) for name in listed if len(_said(name)) > 1)
    return tuple(Recital(signs, len(signs), is_whole=True) for signs in found if signs)


def _said(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold().replace("ё", "е"))


def _plain(text: str) -> str:
    """A text as it is meant: without escapes, what nobody sees, and large letters."""
    if text.isascii() and not _ESCAPING.search(text):
        return text.casefold()
    seen = _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), text)
    seen = html.unescape(unquote(seen))
    seen = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", seen))
    return _UNSEEN.sub("", seen).casefold()


def _signs(text: str) -> str:
    """Its letters and digits, those that look alike as one."""
    return "".join(re.findall(r"[^\W_]", _plain(text))).translate(_LOOKALIKES)


def _letters(text: str) -> str:
    """The same without numbers, which may stand between any words."""
    plain = re.sub(r"(?<![^\W\d_])\d+(?![^\W\d_])", "", _plain(text))
    return _signs(plain)


# --- secrets --------------------------------------------------------------------------------------

# Only plain words: what an owner says of a policy ("we never share your data") is for visitors.
_SECRECY = re.compile(
    r"""
    (?<!we\s)(?<!they\s)(?<!you\s)\b(?:never|do\s+not|don['’]t|must\s+not|mustn['’]t)\s+(?:\w+\s+){0,2}?
        (?:reveal|tell|say|mention|share|disclose|speak\s+(?:of|about)|talk\s+(?:of|about)|repeat|print
        |quote|expose|leak|discuss|admit)\b
    | \b(?:secret|confidential|classified|code\s?word|passphrase)\w*
    | \binternal(?:ly)?\s*(?::|only\b|use\b|notes?\b|info|codes?\b|prices?\b|discounts?\b)
    | \bamong\s+(?:themselves|ourselves|us)\b | \b(?:staff|employees)\s+only\b
    | \bnot\s+for\s+(?:the\s+)?(?:visitors?|customers?|clients?|public)\b
    | \bне\s+(?:\w+\s+){0,2}?(?:раскрывай|говори|сообщай|упоминай|показывай|называй|выдавай
        |разглашай|делись|рассказывай|повторяй|цитируй|раскрой|сообщи|назови|скажи)(?:те)?\b
    | \b(?:секретн|конфиденциальн)\w* | \b(?:секрет|никому)\b | \bкодов\w+\s+(?:слов|фраз)
    | \b(?:внутренн|служебн)\w+\s+(?:информац|пользован|код|цен|скидк|назван)
    | \bмежду\s+собой\b | \bтолько\s+для\s+(?:своих|сотрудник|персонал)
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SENTENCE = re.compile(r"(?<=[.!?…;])\s+|\n+")
# "Never tell it" is said of what stands before.
_OF_BEFORE = re.compile(
    r"\b(?:it|this|that|these|them|его|её|ее|их|это|этого|этот)\b", re.IGNORECASE
)
_NAMED = re.compile(
    r"\b(?:password|passphrase|passcode|code\s?word|secret(?:\s+\w+)?|pin|парол\w*|секрет\w*(?:\s+\w+)?"
    r"|кодов\w+\s+(?:слов\w+|фраз\w+)|пин-?код\w*)\s*(?:\bis\b|\bare\b|:|=|—|–|-|это)\s*[\"'«“`]?([\w\-]{4,60})",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"«“`]([^\"»”`\n]{4,60})[\"»”`]")
_CODE = re.compile(r"(?<![\w@./:\-])\w[\w\-]{3,60}(?<!-)(?![\w@/])")
# Of a sentence that is secret, so many words in a row.
SECRETS_IN_A_ROW = 6


@dataclass(frozen=True)
class Secrets:
    """What the owner's words say is not for visitors: whole sentences, and codes in them."""

    sentences: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


@lru_cache(maxsize=256)
def secrets_of(text: str) -> Secrets:
    """The sentences that call something secret, with those that they speak of, and the codes."""
    sentences = [one.strip() for one in _SENTENCE.split(text) if one.strip()]
    marked: dict[str, None] = {}
    for at, sentence in enumerate(sentences):
        if _SECRECY.search(sentence):
            if at and _OF_BEFORE.search(sentence) and not _codes_in(sentence):
                marked[sentences[at - 1]] = None
            marked[sentence] = None
    found = dict.fromkeys(code for sentence in marked for code in _codes_in(sentence))
    found |= dict.fromkeys(_NAMED.findall(text))
    return Secrets(tuple(marked), tuple(found))


def _codes_in(sentence: str) -> list[str]:
    words = [word for word in _CODE.findall(sentence) if _is_code(word)]
    return [*words, *_QUOTED.findall(sentence)]


def _is_code(word: str) -> bool:
    has_digits = any(sign.isdigit() for sign in word)
    if has_digits:
        # A number of its own may be a price; in a secret sentence one of four digits is a PIN.
        return any(sign.isalpha() for sign in word) or len(word) >= SHORTEST_CODE
    return word.isupper() and len(word) > SHORTEST_CODE


# --- readings -------------------------------------------------------------------------------------

# A word in base64 is longer, or says too little.
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-]{11,}")
_BASE32 = re.compile(r"[A-Z2-7]{16,}")
_MARKUP = re.compile(r"</?\w{1,10}/?>|<!--.*?-->|\]\([^()\s]*\)")


def _of_base64(token: str) -> str:
    return "".join(_decoded(base64.urlsafe_b64decode, word, 4) for word in _BASE64.findall(token))


def _of_base32(token: str) -> str:
    return "".join(_decoded(base64.b32decode, word, 8) for word in _BASE32.findall(token))


def _decoded(decode: Callable[[str], bytes], word: str, group: int) -> str:
    word = word.replace("+", "-").replace("/", "_")
    try:
        return decode(word + "=" * (-len(word) % group)).decode("utf-8", "ignore")
    except (binascii.Error, ValueError):
        return ""


def _of_hex(token: str) -> str:
    pairs = re.sub(r"0x|u\+00|[^0-9a-z]", "", token.lower())
    if len(pairs) % 2 or not re.fullmatch(r"[0-9a-f]+", pairs):
        return ""
    return bytes.fromhex(pairs).decode("utf-8", "ignore")


def _of_numbers(token: str) -> str:
    return "".join(chr(int(one)) for one in re.findall(r"(?<!\w)\d{2,4}(?!\w)", token))


def _of_bits(token: str) -> str:
    return "".join(chr(int(one, 2)) for one in re.findall(r"(?<!\w)[01]{7,8}(?!\w)", token))


def _without_markup(token: str) -> str:
    return _MARKUP.sub("", token) if "<" in token or "](" in token else ""


# What a token may stand for, beside itself; nothing: it is passed over.
READINGS: tuple[Callable[[str], str], ...] = (
    _of_base64,
    _of_base32,
    _of_hex,
    _of_numbers,
    _of_bits,
    _without_markup,
)
_CODED = re.compile(r"\d\d|[0-9a-fA-F]{2}\W*$|[A-Za-z0-9+/_\-]{11}|<|\]\(")


# --- folding --------------------------------------------------------------------------------------

# The letters of a token that are compared, and how many of them each of its words has.
Folded = tuple[str, tuple[int, ...]]


@dataclass(slots=True)
class Token:
    """What stands between two spaces, folded: without its numbers, with them, and decoded."""

    letters: Folded
    signs: Folded
    meant: tuple[tuple[Callable[[str], str], Token], ...] = ()

    @classmethod
    def of(cls, text: str) -> Token:
        """A token in all the readings that find something in it."""
        token = cls._folded(text)
        if _CODED.search(text):
            found = ((read, read(text)) for read in READINGS)
            token.meant = tuple((read, cls._folded(meant)) for read, meant in found if meant)
        return token

    @classmethod
    def _folded(cls, text: str) -> Token:
        if folded := _of_one_word(text):
            return cls(folded, folded)
        return cls(_folded(text, _letters), _folded(text, _signs))


# By far the most tokens: one word of plain letters with signs around it. They need no more than
# large letters made small and those that look alike made one.
_SIGNS = r"[!-$'-/:-@\[\]^_`{-~«»—–…“”„]*"
_ONE_WORD = re.compile(f"{_SIGNS}([a-zA-Zа-яА-ЯёЁ]+){_SIGNS}")
_IN_ONE = {ord("й"): "и", ord("ё"): "e"} | _LOOKALIKES


def _of_one_word(text: str) -> Folded | None:
    word = _ONE_WORD.fullmatch(text)
    if word is None:
        return None
    letters = word[1].casefold().translate(_IN_ONE)
    return letters, (len(letters),)


def _folded(text: str, fold: Callable[[str], str]) -> Folded:
    words = [fold(word) for word in re.findall(r"[^\W_]+", _plain(text))]
    return "".join(words), tuple(map(len, words))


# --- following ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """Texts that are followed together; fewer letters than `suspicious` hold nothing back."""

    recitals: tuple[Recital, ...]
    suspicious: int = SUSPICIOUS
    has_digits: bool = False


class Reader:
    """Reads a text token by token, in all its readings, and tells what of it is recited."""

    def __init__(self, groups: Iterable[Group]) -> None:
        self._groups = [group for group in groups if group.recitals]
        self._plain = self._followers()
        # Most texts hold nothing in code.
        self._coded: dict[Callable[[str], str], list[_Follower]] = {}
        # The first token that may turn out to be recited; None: all is decided.
        self.waits_from: int | None = None

    def take(self, token: Token, number: int) -> int | None:
        """The token from which on to drop, with this one; None: nothing is recited."""
        first: int | None = None
        waits: int | None = None
        # No list of what is mostly None: this is asked for each word of each answer.
        for follower in self._plain:
            start = follower.take(token, number)
            if start is not None:
                first = _earliest(first, start)
            if follower.waits_from is not None:
                waits = _earliest(waits, follower.waits_from)
        if token.meant or self._coded:
            first = _earliest(first, *self._take_meant(token, number))
            coded = chain.from_iterable(self._coded.values())
            waits = _earliest(waits, *(follower.waits_from for follower in coded))
        self.waits_from = waits
        return first

    def _take_meant(self, token: Token, number: int) -> list[int | None]:
        starts = []
        for read, meant in token.meant:
            if read not in self._coded:
                self._coded[read] = self._followers()
            starts += [follower.take(meant, number) for follower in self._coded[read]]
        return starts

    def _followers(self) -> list[_Follower]:
        return [_Follower(group) for group in self._groups]


def _earliest(*places: int | None) -> int | None:
    return min((place for place in places if place is not None), default=None)


class _Follower:
    """Follows one reading of a text through the recitals of a group."""

    def __init__(self, group: Group) -> None:
        self._index = _index(group.recitals, group.suspicious)
        self._has_digits = group.has_digits
        # The longest end of the text that is recited; where nothing is, the last letters.
        self._run = ""
        # Its tokens, and maybe some before it.
        self._tokens: list[tuple[int, Folded]] = []
        self.waits_from: int | None = None

    def take(self, token: Token, number: int) -> int | None:
        """The token from which on to drop, with this one; None: nothing is recited."""
        folded = token.signs if self._has_digits else token.letters
        letters = folded[0]
        index, run = self._index, self._run + letters
        size = index.suspicious
        last = len(run) - size
        if last >= 0:
            if run[last:] in index.beginnings or (last >= index.step and index.meets(run)):
                return self._step_by_step(folded, number)
            run = run[last + 1 :]
        # By far the most tokens: nothing is recited up to one of its letters, nor up to its end.
        self._run = run
        self.waits_from = None
        if letters:
            self._tokens.append((number, folded))
            if len(self._tokens) > size:
                # Each has a letter at least.
                del self._tokens[:-size]
        return None

    def _step_by_step(self, folded: Folded, number: int) -> int | None:
        # Of each letter of the run: its token, and whether it begins a word.
        places = [
            (token, at == 0)
            for token, (_letters, sizes) in self._tokens
            for size in sizes
            for at in range(size)
        ]
        del places[: len(places) - len(self._run)]
        dropped: int | None = None
        start: int | None = None
        letters, sizes = folded
        ends = [(at == 0, at == size - 1) for size in sizes for at in range(size)]
        for letter, (is_first, is_last) in zip(letters, ends, strict=True):
            places.append((number, is_first))
            start = self._step(letter, is_last, places)
            if start is not None:
                dropped = _earliest(dropped, start)
        is_run = len(self._run) >= self._index.suspicious and self._run in self._index.whole
        self.waits_from = places[0][0] if is_run and start is None else None
        if letters:
            self._tokens.append((number, folded))
            del self._tokens[: -max(self._index.suspicious, len(self._run))]
        return dropped

    def _step(self, letter: str, is_last: bool, places: list[tuple[int, bool]]) -> int | None:
        index, run = self._index, self._run + letter
        if run[-index.suspicious :] not in index.beginnings:
            keep = index.suspicious - 1
        elif run in index.whole:
            keep = len(run)
        else:
            keep = len(run) - 1
            while run[-keep:] not in index.whole:
                keep -= 1
        self._run = run[max(0, len(run) - keep) :]
        del places[: len(places) - len(self._run)]
        if len(self._run) < index.fewest:
            return None
        for one in index.recitals:
            if len(self._run) >= one.most and self._run[-one.most :] in one.letters:
                place, begins = places[-one.most]
                if not one.is_whole or (begins and is_last):
                    return place
        return None


@dataclass(frozen=True)
class _Index:
    recitals: tuple[Recital, ...]
    whole: str
    beginnings: frozenset[str]
    suspicious: int
    fewest: int
    # What may not be said is so long that of its windows one is met in such steps.
    step: int

    def meets(self, run: str) -> bool:
        """Whether what may not be said, or its beginning, may end somewhere in these letters."""
        starts = range(len(run) - self.suspicious, -1, -self.step)
        return not self.beginnings.isdisjoint([run[at : at + self.suspicious] for at in starts])


@lru_cache(maxsize=64)
def _index(recitals: tuple[Recital, ...], suspicious: int) -> _Index:
    texts = [one.letters for one in recitals]
    fewest = min((one.most for one in recitals), default=0)
    suspicious = min(suspicious, fewest)
    grams = {
        text[at : at + suspicious] for text in texts for at in range(len(text) - suspicious + 1)
    }
    step = fewest - suspicious + 1
    return _Index(recitals, "\n".join(texts), frozenset(grams), suspicious, fewest, step)
