"""Insults, spam and the owner's words in a text, seen through disguises; pure and quick.

A disguised word is undressed before it is looked at: letters of one alphabet that stand for those
of the other, digits and signs that look like letters, letters drawn out or set apart, and what
nobody sees. Words are matched by their roots at the places where roots stand, so that harmless ones
that contain the same letters ("застрахуй", "Scunthorpe") stay what they are. Every pattern is
linear, and a word is looked at once and then known, so that an ordinary message costs next to
nothing.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

# What looks like a letter of the Cyrillic alphabet, and of the Latin one.
_TO_CYRILLIC = str.maketrans(
    "abcehikmnoprtuxyz013469@$υοαε", "авсеникмнорртухузоизчбяасуоае", "'`´’!"
)
_TO_LATIN = str.maketrans("авсенкмортухіѕјυοαε0134578@$!", "abcehkmoptyxisjuoaeoieastbasi")
# What nobody sees: soft hyphens, joiners, marks of direction, and marks laid over letters.
_UNSEEN = "\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
_MARKS = "\u0300-\u036f\u0483-\u0489\u20d0-\u20ff"
_HIDDEN = re.compile(f"[{_UNSEEN}]")
# Letters, and between them signs that may stand for letters or set them apart.
_WORD = re.compile(rf"[^\W_](?:[\w@$!*#.\-'’{_UNSEEN}{_MARKS}]*[\w*@${_MARKS}])?")
# Single letters set apart: "f u c k", "х.у.й".
_APART = re.compile(r"(?<![^\W_])(?:[^\W_][\s.\-_*,|/+~]{1,3}){2,}[^\W_](?![^\W_])")
_PLAIN = re.compile(r"[а-я]+|[a-z]+")
_PARTS = re.compile(r"[.\-'’#_]+")
_SEPARATORS = re.compile(r"[\s.\-_,|/#+~'’]")

_PREFIX = (
    "(?:(?:(?:вз|вы|до|за|из|ис|на|не|ни|о|об|от|пере|по|под|при|про|раз|рас){1,2}|[су])ъ?|въ)?"
)
_RUSSIAN = re.compile(
    f"{_PREFIX}(?:"
    + "|".join(
        [
            r"ху[йеяию]\w*",
            r"пизд\w*",
            r"еба(?:л|т|н|ш|ч|к|й|$)\w*",
            r"еб(?:у$|ет$|ете$|ут$|ись$|нут|ло$|лан|ыр|уч|ок|ищ|и$|$)\w*",
            r"бля(?:$|д[ьиеяюсск]\w*|док$|т[ьс]?$)",
            r"дроч(?!е?н)\w*",
        ]
    )
    + r")|"
    + "|".join(
        [
            r"(?:долбо|ухо|мозго|дура?ко|далба|долба)е[бп]\w*",
            r"мудак\w*|мудил\w*|мудозвон\w*",
            r"(?:г[ао]ндон|пид[ао]р|пидр|педр?ил|залуп|манд[ау]вошк)\w*",
            r"сук(?:а|и|у|ой|е)|сучар\w*|суч(?:ка|кой|ий)",
            r"(?:бого|распро)?(?:шлюх|шалав|потаскух)\w*",
            r"выбляд\w*|недоебок\w*|ублюд\w*",
        ]
    )
)
# The star of a censored word is a letter: "х*й", "п**дец". What we have masked ends in stars.
_STARRED = re.compile(
    r"\w?х\*+[йяюе]\w*|п\*+[зд]\w*|б\*+[яьт]\w*|f\*+c?k\w*|sh?\*+t\w*|c\*nt|b\*+tch"
)
# An insult when said to somebody; a title of a book, in quotation marks, when not.
_RUSSIAN_MILD = re.compile(
    "|".join(
        [
            r"дебил\w*|тварь|твари|мраз(?:ь|и|ью|ота)|чмо|чмошни\w*|урод(?:ы|ов|ина|ец)?",
            r"идиот\w*|кретин\w*|придур(?:ок|к)\w*|дегенерат\w*|туп(?:ица|иц[аы]|орыл\w*)",
            r"жоп[аыуео]\w*|г[ао]вн[оаеюя]\w*|засран\w*|сволоч[ьиею]\w*|скотин\w*",
        ]
    )
)
_ENGLISH = re.compile(
    "|".join(
        [
            r"(?:mother|mutha|cluster|bum)?f+u+c+k(?:e[rd]s?|ing?|in|s|off|up|face|wit|tard|you|u)*",
            r"fuk(?:e[rd]|ing?)?|fck(?:ing?|er|u)?|wtf|stfu|gtfo",
            r"(?:bull|horse|dip|chicken)?sh[iy]t(?:s|ty|ter|head|face|hole)?",
            r"(?:dumb|jack|smart|lard)ass(?:es)?|ass?h(?:ole|at)s?|asswipes?",
            r"b[iy]tch(?:es|y|ing|ass)?|cunts?|twats?|wank(?:er|ers|ing)?",
            r"dick(?:head|wad|face)s?|douche(?:bag)?s?|scumbags?|whores?|sluts?|cocksuckers?",
            r"nigg(?:er|ers|a|as)|fag(?:got|gots|s)?|kikes?|kys",
            r"s?pizd\w*|blya(?:t|d)?\w{0,2}|(?:na|po)h[ux][iy]j?|ohuel\w*|zaebal\w*|xu[iy]|suka",
        ]
    )
)
_ENGLISH_MILD = re.compile(
    r"bastards?|retard(?:s|ed)?|morons?|idiots?|imbeciles?|dumbfucks?|asses|jerks?|dumbass"
)
_CORES = re.compile(
    r"ху[йея]|пизд|[её]бан|[её]бат|бляд|блят|суку?а|мудак|пид[ао]р|гандон|шлюх|долбоеб|говно|жопа"
    r"|дебил|идиот|мразь|fuck|shit|bitch|cunt|asshole|nigger|faggot|whore|idiot|moron"
)
_CURSES = re.compile(
    r"\bпош[её]л(?:а|и)?\s+(?:ты|вы|он[аи]?)\b|\bиди\s+(?:ты\s+)?(?:в|на)\s+[жхп]|\bзаткнись\b"
    r"|\bshut\s+up\b|\bscrew\s+you\b|\bgo\s+to\s+hell\b|\bsuck\s+my\b|\bdrop\s+dead\b",
    re.IGNORECASE,
)
_CURSING = re.compile("[Пп]ош|[Ии]д|[Зз]атк|[Ss]hut|[Ss]crew|hell|[Ss]uck|dead|[А-ЯA-Z]{3}")
_QUOTES = frozenset("«»\"“”„'")

_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_ADVERTISED = re.compile(
    r"\b(?:казино|casino|viagra|виагр\w*|porn\w*|порно\w*|заработ\w+\s+(?:без\s+вложений|в\s+сети)"
    r"|лёгк\w+\s+деньг\w*|easy\s+money|free\s+(?:crypto|bitcoins?))",
    re.IGNORECASE,
)
MAX_LINKS = 3
# A text with more words about its links than this asks something about them.
WORDS_A_LINK = 4
# A line that is longer and has so few different words, or letters, repeats itself.
LONG_LINE = 30
FEWEST_KINDS = 0.2
LONG_RUN = 60
FEWEST_LETTERS = 4
# What is shown of it.
SHOWN = 40

# A piece of SQL: an organization's settings as `rules_of` takes them; %s is its id.
SETTINGS = "(SELECT to_json(m)::text FROM organizations_moderation m WHERE m.organization_id = %s)"

# Nobody reads longer words; what is cut off begins none.
LONGEST_WORD = 60


@dataclass(frozen=True)
class Rules:
    """An organization's settings, as its row has them; without a row these."""

    is_on: bool = True
    warnings: int = 2
    mute_minutes: int = 15
    blocked: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()


@lru_cache(maxsize=500)
def rules_of(row: str | None) -> Rules:
    """The settings in a row's JSON (see SETTINGS)."""
    if row is None:
        return Rules()
    kept = json.loads(row)
    return Rules(
        is_on=kept["is_on"],
        warnings=kept["warnings"],
        mute_minutes=kept["mute_minutes"],
        blocked=tuple(kept["blocked_words"]),
        hidden=tuple(kept["masked_words"]),
        topics=tuple(kept["topics"]),
        sites=tuple(kept["linked_sites"]),
    )


@dataclass(frozen=True)
class Verdict:
    """What a text is, and how it may be shown: `masked` keeps the first letter of each bad word."""

    masked: str
    insults: int = 0
    is_spam: bool = False
    # The owner's words that were met, in the owner's spelling.
    listed: tuple[str, ...] = ()

    @property
    def is_offence(self) -> bool:
        """Whether it is one to be warned of."""
        return bool(self.insults or self.is_spam)

    @property
    def is_fine(self) -> bool:
        """Whether nothing at all was found."""
        return not self.is_offence and not self.listed


def judge(text: str, listed: Sequence[str] = ()) -> Verdict:
    """Look through a visitor's or the assistant's text, for insults, spam and the owner's words.

    `listed` are words and phrases; one with a star at its end stands for all that begin so.
    """
    masked, insults, met = _looked_through(text, listed)
    is_spam = _is_spam(text)
    return Verdict(_cut(masked) if is_spam else masked, insults, is_spam, met)


def mask(text: str, listed: Sequence[str] = ()) -> str:
    """A text without its insults and the owner's words, each of which keeps its first letter."""
    return _looked_through(text, listed)[0]


def _looked_through(text: str, listed: Sequence[str]) -> tuple[str, int, tuple[str, ...]]:
    spans = _curses(text) + _set_apart(text)
    words = _words(text)
    spans += [
        (start, end)
        for start, end, word in words
        if _is_insult(word, start > 0 and text[start - 1] in _QUOTES)
    ]
    spans = [(start, end) for start, end in spans if not _is_number(text[start:end])]
    insults = len(spans)
    met = _met(words, _index(tuple(listed))) if listed else []
    spans += [(start, end) for start, end, _name in met]
    names = tuple(dict.fromkeys(name for _start, _end, name in met))
    return _masked(text, spans) if spans else text, insults, names


def _is_number(text: str) -> bool:
    """Whether it is more of a number than of a word: a price or a telephone is no insult."""
    digits = sum(sign.isdigit() for sign in text)
    return digits > 2 * sum(sign.isalpha() for sign in text)


def meets(text: str, listed: Sequence[str]) -> str:
    """The first of the owner's words that a text has, in the owner's spelling; empty: none."""
    if not listed:
        return ""
    met = _met(_words(text), _index(tuple(listed)))
    return min(met)[2] if met else ""


# --- words ------------------------------------------------------------------------------------


def _words(text: str) -> list[tuple[int, int, str]]:
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
        forms[bare.translate(_TO_CYRILLIC)] = None
        # A three is a "з", and an "е" turned round.
        forms[bare.replace("3", "e").translate(_TO_CYRILLIC)] = None
        forms[bare.translate(_TO_LATIN)] = None
    for form in list(forms):
        # Drawn out: "хууууй", "fuuuck".
        runs = [(letter, len(list(run))) for letter, run in groupby(form)]
        if len(runs) < len(form):
            forms["".join(letter for letter, _count in runs)] = None
        if any(count > 2 for _letter, count in runs):
            forms["".join(letter * min(count, 2) for letter, count in runs)] = None
    return tuple(forms)


def _is_accent(character: str) -> bool:
    # The breve of й is a letter's part, not an accent on one.
    return unicodedata.category(character) == "Mn" and character != "\u0306"


def _is_insult(word: str, is_quoted: bool) -> bool:
    badness = _badness(word)
    return badness == 2 or (badness == 1 and not is_quoted)


@lru_cache(maxsize=20_000)
def _badness(word: str) -> int:
    """0 for a harmless word, 1 for a mild insult, 2 for one anywhere."""
    found = _badness_of(foldings(word))
    parts = _PARTS.split(word)
    if len(parts) > 1:
        found = max(found, *(_badness_of(foldings(part)) for part in parts if part))
    return found


def _badness_of(forms: Sequence[str]) -> int:
    if any(
        _RUSSIAN.fullmatch(form) or _ENGLISH.fullmatch(form) or _STARRED.fullmatch(form)
        for form in forms
    ):
        return 2
    return int(
        any(_RUSSIAN_MILD.fullmatch(form) or _ENGLISH_MILD.fullmatch(form) for form in forms)
    )


def _set_apart(text: str) -> list[tuple[int, int]]:
    """Insults whose letters stand apart, among whatever other single letters."""
    spans = []
    for match in _APART.finditer(text):
        places = [at for at in range(*match.span()) if text[at].isalnum()]
        joined = "".join(text[at] for at in places).lower()
        for table in (_TO_CYRILLIC, _TO_LATIN):
            folded = joined.translate(table)
            if len(folded) == len(places):
                found = _CORES.finditer(folded)
                spans += [(places[one.start()], places[one.end() - 1] + 1) for one in found]
    return spans


def _curses(text: str) -> list[tuple[int, int]]:
    if not _CURSING.search(text):
        return []
    return [match.span() for match in _CURSES.finditer(text)]


# --- the owner's words ------------------------------------------------------------------------


@dataclass(frozen=True)
class _Listed:
    """One of the owner's words or phrases: each word in its forms, the last perhaps begun only."""

    name: str
    words: tuple[frozenset[str], ...]
    is_begun: bool

    def ends_at(self, said: Sequence[tuple[str, ...]], start: int) -> int | None:
        """The index behind its last word, where it stands at `start`."""
        end = start + len(self.words)
        if end > len(said):
            return None
        for number, (own, forms) in enumerate(zip(self.words, said[start:end], strict=True), 1):
            if self.is_begun and number == len(self.words):
                if not any(form.startswith(tuple(own)) for form in forms):
                    return None
            elif own.isdisjoint(forms):
                return None
        return end


@dataclass(frozen=True)
class _Index:
    """The owner's words by what they begin with."""

    by_first: dict[str, list[_Listed]]
    begun: tuple[_Listed, ...]
    beginnings: tuple[str, ...]

    def at(self, forms: Sequence[str]) -> list[_Listed]:
        """What may stand where a word of these forms stands."""
        near = [one for form in forms if form in self.by_first for one in self.by_first[form]]
        if self.beginnings and any(form.startswith(self.beginnings) for form in forms):
            near += self.begun
        return near


@lru_cache(maxsize=500)
def _index(listed: tuple[str, ...]) -> _Index:
    by_first: dict[str, list[_Listed]] = defaultdict(list)
    begun = []
    for name in listed:
        said = [word for _start, _end, word in _words(name.strip().rstrip("*"))]
        if not said:
            continue
        words = tuple(frozenset(_forms(word)) - {""} for word in said)
        one = _Listed(name, words, name.strip().endswith("*"))
        if one.is_begun and len(words) == 1:
            begun.append(one)
            continue
        for form in words[0]:
            by_first[form].append(one)
    beginnings = {form for one in begun for form in one.words[0]}
    return _Index(dict(by_first), tuple(begun), tuple(beginnings))


@lru_cache(maxsize=20_000)
def _forms(word: str) -> tuple[str, ...]:
    return foldings(word)


def _met(words: Sequence[tuple[int, int, str]], index: _Index) -> list[tuple[int, int, str]]:
    """Where the owner's words stand in the text, and which."""
    said = [_forms(word) for _start, _end, word in words]
    found = []
    for at, forms in enumerate(said):
        for one in index.at(forms):
            end = one.ends_at(said, at)
            if end is not None:
                found.append((words[at][0], words[end - 1][1], one.name))
    return found


# --- masks and spam ---------------------------------------------------------------------------


def _masked(text: str, spans: Sequence[tuple[int, int]]) -> str:
    letters = list(text)
    for start, end in spans:
        # A piece of a word that was set apart keeps its spaces.
        for at in range(start + 1, end):
            if not letters[at].isspace():
                letters[at] = "*"
    return "".join(letters)


def _is_spam(text: str) -> bool:
    """Links with next to no words, advertisements, or the same again and again."""
    links = _links(text)
    if links and _ADVERTISED.search(text):
        return True
    words = text.casefold().split()
    if links > MAX_LINKS and len(words) - links < WORDS_A_LINK * links:
        return True
    if len(words) >= LONG_LINE and len(set(words)) < len(words) * FEWEST_KINDS:
        return True
    letters = [letter for letter in text if letter.isalpha()] if len(text) >= LONG_RUN else []
    return len(letters) >= LONG_RUN and len(set(letters)) < FEWEST_LETTERS


def _links(text: str) -> int:
    return sum(1 for _link in _LINK.finditer(text)) if "/" in text or "www" in text else 0


def _cut(text: str) -> str:
    """The beginning of spam, without its links."""
    words = [] if not text else _LINK.sub("…", text).split()
    shown = " ".join(words)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"
