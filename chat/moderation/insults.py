"""Insults and curses, by their roots at the places where roots stand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from chat.moderation.disguises import TO_CYRILLIC, TO_LATIN, Word, foldings

# Single letters set apart: "f u c k", "х.у.й".
_APART = re.compile(r"(?<![^\W_])(?:[^\W_][\s.\-_*,|/+~]{1,3}){2,}[^\W_](?![^\W_])")
_PARTS = re.compile(r"[.\-'’#_]+")

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


def found_in(text: str, words: Sequence[Word]) -> list[tuple[int, int]]:
    """Where insults begin and end in a text of these words."""
    spans = _curses(text) + _set_apart(text)
    spans += [
        (start, end)
        for start, end, word in words
        if _is_insult(word, start > 0 and text[start - 1] in _QUOTES)
    ]
    return [(start, end) for start, end in spans if not _is_number(text[start:end])]


def _is_number(text: str) -> bool:
    """Whether it is more of a number than of a word: a price or a telephone is no insult."""
    digits = sum(sign.isdigit() for sign in text)
    return digits > 2 * sum(sign.isalpha() for sign in text)


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
        for table in (TO_CYRILLIC, TO_LATIN):
            folded = joined.translate(table)
            if len(folded) == len(places):
                found = _CORES.finditer(folded)
                spans += [(places[one.start()], places[one.end() - 1] + 1) for one in found]
    return spans


def _curses(text: str) -> list[tuple[int, int]]:
    if not _CURSING.search(text):
        return []
    return [match.span() for match in _CURSES.finditer(text)]
