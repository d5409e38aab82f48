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
# Kept of a text in which nothing is recited; more than SUSPICIOUS, so that few are dropped singly.
MOST_TOKENS = 64
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
        self._all = list(self._plain)

    def take(self, token: str, number: int) -> int | None:
        """The token from which on to drop, with this one; None: nothing is recited."""
        # No helper and no `min` of a list: this is asked for each word of each answer.
        first: int | None = None
        for follower in self._plain:
            start = follower.take(token, number)
            if start is not None and (first is None or start < first):
                first = start
        if self._plain:
            for read, meant in _meant(token):
                if read not in self._coded:
                    self._coded[read] = self._followers()
                    self._all += self._coded[read]
                for follower in self._coded[read]:
                    start = follower.take(meant, number)
                    if start is not None and (first is None or start < first):
                        first = start
        return first

    def waits_from(self) -> int | None:
        """The first token that may turn out to be recited; None: all is decided."""
        first: int | None = None
        for follower in self._all:
            waits = follower.waits_from
            if waits is not None and (first is None or waits < first):
                first = waits
        return first

    def _followers(self) -> list[_Follower]:
        return [_Follower(group) for group in self._groups]


@lru_cache(maxsize=20_000)
def _meant(token: str) -> tuple[tuple[Callable[[str], str], str], ...]:
    """What a token may stand for beside itself, by the readings that find something in it."""
    if not _CODED.search(token):
        return ()
    return tuple((read, meant) for read in READINGS if (meant := read(token)))


Folded = tuple[str, list[bool], list[bool]]


class _Follower:
    """Follows one reading of a text through the recitals of a group."""

    def __init__(self, group: Group) -> None:
        self._index = _index(group.recitals, group.suspicious)
        self._fold = _fold_signs if group.has_digits else _fold_letters
        # The longest end of the text that is recited; where nothing is, the last letters.
        self._run = ""
        # Its tokens (and maybe some before it), each with which of its letters begin a word.
        self._tokens: list[tuple[int, list[bool]]] = []
        self.waits_from: int | None = None

    def take(self, text: str, number: int) -> int | None:
        """The token from which on to drop, with this one; None: nothing is recited."""
        letters, firsts, lasts = self._fold(text)
        index, run = self._index, self._run + letters
        size = index.suspicious
        windows = len(run) - size + 1
        if windows > 0 and not index.beginnings.isdisjoint(
            [run[at : at + size] for at in range(windows)]
        ):
            return self._step_by_step(letters, firsts, lasts, number)
        # By far the most tokens.
        self._run = run[windows:] if windows > 0 else run
        if letters:
            self._tokens.append((number, firsts))
            if len(self._tokens) > MOST_TOKENS:
                # Each has a letter at least.
                del self._tokens[:-size]
        self.waits_from = None
        return None

    def _step_by_step(
        self, letters: str, firsts: list[bool], lasts: list[bool], number: int
    ) -> int | None:
        # Of each letter of the run: its token, and whether it begins a word.
        places = [(token, is_first) for token, own in self._tokens for is_first in own]
        del places[: len(places) - len(self._run)]
        dropped: int | None = None
        start: int | None = None
        for letter, is_first, is_last in zip(letters, firsts, lasts, strict=True):
            places.append((number, is_first))
            start = self._step(letter, is_last, places)
            if start is not None:
                dropped = start if dropped is None else min(dropped, start)
        self._tokens = [(token, [is_first]) for token, is_first in places]
        is_run = len(self._run) >= self._index.suspicious and self._run in self._index.whole
        self.waits_from = places[0][0] if is_run and start is None else None
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


@lru_cache(maxsize=20_000)
def _fold_letters(text: str) -> Folded:
    return _folded(text, _letters)


@lru_cache(maxsize=20_000)
def _fold_signs(text: str) -> Folded:
    return _folded(text, _signs)


# By far the most tokens: one word of plain letters with signs around it. They need no more than
# large letters made small and those that look alike made one.
_SIGNS = r"[!-$'-/:-@\[\]^_`{-~«»—–…“”„]*"
_ONE_WORD = re.compile(f"{_SIGNS}([a-zA-Zа-яА-ЯёЁ]+){_SIGNS}")
_IN_ONE = {ord("й"): "и", ord("ё"): "e"} | _LOOKALIKES


def _folded(text: str, fold: Callable[[str], str]) -> Folded:
    """A token's letters, and which of them begin and end a word."""
    if word := _ONE_WORD.fullmatch(text):
        letters = word[1].casefold().translate(_IN_ONE)
        others = [False] * (len(letters) - 1)
        return letters, [True, *others], [*others, True]
    return _folded_with_care(text, fold)


def _folded_with_care(text: str, fold: Callable[[str], str]) -> Folded:
    words = [fold(word) for word in re.findall(r"[^\W_]+", _plain(text))]
    firsts = [at == 0 for word in words for at in range(len(word))]
    lasts = [at == len(word) for word in words for at in range(1, len(word) + 1)]
    return "".join(words), firsts, lasts


@dataclass(frozen=True)
class _Index:
    recitals: tuple[Recital, ...]
    whole: str
    beginnings: frozenset[str]
    suspicious: int
    fewest: int


@lru_cache(maxsize=64)
def _index(recitals: tuple[Recital, ...], suspicious: int) -> _Index:
    texts = [one.letters for one in recitals]
    fewest = min((one.most for one in recitals), default=0)
    suspicious = min(suspicious, fewest)
    grams = {
        text[at : at + suspicious] for text in texts for at in range(len(text) - suspicious + 1)
    }
    return _Index(recitals, "\n".join(texts), frozenset(grams), suspicious, fewest)
