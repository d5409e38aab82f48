"""What the assistant may not say, taken out of its words while they stream; pure.

A filter takes a text in pieces (`feed`, and `finish` at the end) and gives it back as soon as it is
decided: only an undecided tail is held back, such as a link that is still open. However a text is
cut into pieces, the same comes out; so the offsets of what is shown fit what is saved.

`Addresses` takes out links and images to addresses that are in none of the grounds, so that a model
that was talked into it cannot carry anything away; and keys. `Words` masks insults and the owner's
words, and stops whoever recites the rules.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol
from urllib.parse import urlsplit

from chat import moderation

# What is shown instead of what was taken out.
GAP = "…"
# A label or an address in brackets that is longer is no link.
LONGEST_LABEL = 400
LONGEST_TARGET = 2000
# Nobody writes longer words, or addresses; what is behind is another one.
LONGEST_RUN = 2000


class Filter(Protocol):
    """A text goes in by pieces, and comes out in whatever pieces are decided."""

    def feed(self, text: str) -> str:
        """Take more of the text; give what is decided."""
        ...

    def finish(self) -> str:
        """The text has ended; give the rest."""
        ...


class Chain:
    """Filters one behind the other."""

    def __init__(self, *filters: Filter) -> None:
        self._filters = filters

    def allow(self, *texts: str) -> None:
        """Let the rest name the addresses that these texts name."""
        for one in self._filters:
            if isinstance(one, Addresses):
                one.allow(*texts)

    def feed(self, text: str) -> str:
        """Through each in turn."""
        for one in self._filters:
            text = one.feed(text)
        return text

    def finish(self) -> str:
        """What the first gives at its end goes through those behind it."""
        text = ""
        for one in self._filters:
            text = one.feed(text) + one.finish()
        return text


# --- addresses --------------------------------------------------------------------------------

_TLDS = (
    "com|net|org|info|biz|ru|su|xn--p1ai|xn--[a-z0-9]+|io|ai|app|xyz|top|site|online|shop|store"
    "|club|club|pro|dev|me|co|cc|tv|link|click|space|website|page|live|fun|icu|uk|us|eu|de|fr|ua"
    "|by|kz|cn|in|to|ly|gg|gl|example|test|local|internal|invalid|onion|рф|рус|онлайн|сайт|москва"
)
_BEHIND = r"[^\s<>\"'«»`|\]\[]"
_ADDRESS = re.compile(
    rf"""
    (?<![a-z0-9])[a-z][a-z0-9+.\-]{{1,30}}:[/\\]{{1,9}}{_BEHIND}*       # any scheme
    | [/\\]{{2,9}}(?:[\w\-]+\.|localhost|\d){_BEHIND}*                 # the page's scheme
    | (?<![a-z0-9])(?:javascript|vbscript|data|file|blob|intent|mailto|sms):{_BEHIND}+
    | (?<![\w+\-])[\w.+\-]{{1,64}}@[\w\-]+(?:\.[\w\-]+)+                      # a mailbox
    | (?<![\w\-])(?:[\w\-]{{1,63}}\.){{1,6}}(?:{_TLDS})(?![\w\-])(?:[:/?\#\\]{_BEHIND}*)?
    | (?<![\w.])(?:\d{{1,3}}\.){{3}}\d{{1,3}}[:/?\#]{_BEHIND}*
    """,
    re.IGNORECASE | re.VERBOSE,
)
_KEY = re.compile(
    r"\b(?:sk|pk|rk)[-_](?=[\w\-]*\d)[\w\-]{8,}|\bgAAAA[\w\-=]{12,}|\bAKIA[0-9A-Z]{12,}"
    r"|\bgh[pousr]_\w{20,}|\bxox[abprs]-[\w\-]{8,}|\beyJ[\w\-]{8,}\.[\w\-]{4,}[\w.\-]*"
)
_HINT = re.compile(r"[:/\\.@&%\-_=]|[^\x00-\x7fа-яёА-ЯЁ]|gAAAA|AKIA")
_HIDDEN = re.compile(
    "[\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_LOOKALIKES = str.maketrans("。｡∕⁄", "..//")
_ENDING = ".,;:!?…)]}*_~'\""

_SPACE = re.compile(r"\s")
# What stands without a space, up to the next bracket that may open a link.
_RUN = re.compile(rf"(?:(?!!?\[)\S){{1,{LONGEST_RUN}}}")
_LABEL = re.compile(r"!?\[((?:[^\[\]\n]|!?\[[^\[\]\n]*\])*)\]")
_TARGET = re.compile(r"\(((?:[^()\n]|\([^()\n]*\))*)\)")


@dataclass(frozen=True)
class Allowed:
    """Where the assistant may point: what these texts name, word for word, and whole hosts.

    The texts are read when the first address is met; most answers have none.
    """

    texts: tuple[str, ...] = ()
    hosts: frozenset[str] = frozenset()

    @classmethod
    def by(cls, texts: Iterable[str], hosts: Iterable[str] = ()) -> Allowed:
        """Everything that these texts name, and these hosts with all below them."""
        return cls(tuple(texts), frozenset(host.lower() for host in hosts if host))

    def and_by(self, texts: Iterable[str]) -> Allowed:
        """What more texts name, too; the same where they are known."""
        more = tuple(text for text in texts if text not in self.texts)
        return Allowed((*self.texts, *more), self.hosts) if more else self

    @cached_property
    def addresses(self) -> frozenset[str]:
        """The addresses in the texts, without what makes no difference."""
        found = [one.group() for text in self.texts for one in _ADDRESS.finditer(_undressed(text))]
        found += [text for text in self.texts if not _SPACE.search(text.strip())]
        return frozenset(map(_key, found)) - {""}

    def covers(self, address: str) -> bool:
        """Whether the assistant may name this address."""
        if {_key(address), _key(address.rstrip(_ENDING))} & self.addresses:
            return True
        host = _host(address)
        return any(host == own or host.endswith(f".{own}") for own in self.hosts)


class Addresses:
    """Takes out addresses that nobody has given to the assistant, images, and keys."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._tail = ""
        self._begins_line = True

    def allow(self, *texts: str) -> None:
        """Let the rest name what these texts name, such as what a tool has answered."""
        self._allowed = self._allowed.and_by(texts)

    def feed(self, text: str) -> str:
        """Take more of the text; give what is decided."""
        self._tail += text
        return self._take(is_all=False)

    def finish(self) -> str:
        """The text has ended; give the rest."""
        return self._take(is_all=True)

    def _take(self, is_all: bool) -> str:
        said, at, text = [], 0, self._tail
        while at < len(text):
            part = self._part(text, at, is_all)
            if part is None:
                break
            end, shown = part
            said.append(shown)
            for character in text[at:end]:
                self._begins_line = character == "\n" or (self._begins_line and character.isspace())
            at = end
        self._tail = text[at:]
        return "".join(said)

    def _part(self, text: str, at: int, is_all: bool) -> tuple[int, str] | None:
        """The end of the part that begins here and what is shown of it; None: not decided yet."""
        if text[at].isspace():
            return at + 1, text[at]
        if text[at] == "[" or text.startswith("![", at):
            return self._bracket(text, at, is_all)
        run = _RUN.match(text, at)
        # A lone "!" at the end may be the beginning of an image, and has no run to it.
        if run is None:
            return None if not is_all else (at + 1, text[at])
        if run.end() == len(text) and run.end() - at < LONGEST_RUN and not is_all:
            return None
        return run.end(), self._checked(run.group())

    def _bracket(self, text: str, at: int, is_all: bool) -> tuple[int, str] | None:
        label = _LABEL.match(text, at, at + LONGEST_LABEL)
        if label is None:
            if not is_all and _is_open(text, at, LONGEST_LABEL):
                return None
            return at + 1, text[at]
        end, words = label.end(), label.group(1)
        is_image = text[at] == "!"
        if end == len(text) and not is_all:
            return None
        if text.startswith("(", end):
            target = _TARGET.match(text, end, end + LONGEST_TARGET)
            if target is not None:
                inside = self._whole(words)
                if is_image or not self._leads_to(target.group(1)):
                    return target.end(), inside
                return target.end(), f"[{inside}]({target.group(1).split()[0]})"
            if not is_all and _is_open(text, end, LONGEST_TARGET):
                return None
        if is_image or (text.startswith(":", end) and self._begins_line):
            # Not the name of an address that is given elsewhere.
            return end, self._whole(words)
        return end, f"[{self._whole(words)}]"

    def _whole(self, text: str) -> str:
        inner = Addresses(self._allowed)
        return inner.feed(text) + inner.finish()

    def _leads_to(self, target: str) -> bool:
        """Whether a link may lead there, as Markdown would read it."""
        first = _undressed(target).strip().split(" ")[0].strip("<>").replace("\\", "/")
        if first.startswith(("/", "#")) and not first.startswith("//"):
            return True
        if re.match(r"tel:[+\d().\- ]*$", first, re.IGNORECASE):
            return True
        return bool(first) and self._allowed.covers(first)

    def _checked(self, run: str) -> str:
        if not _HINT.search(run):
            return run
        plain = _undressed(run)
        shown = _ADDRESS.sub(self._address, _KEY.sub(GAP, plain))
        # What was only undressed in vain is said as it was.
        return run if shown == plain and not _ADDRESS.search(plain) else shown

    def _address(self, match: re.Match[str]) -> str:
        address = match.group()
        if self._allowed.covers(address):
            return address
        return GAP + address[len(address.rstrip(_ENDING)) :]


def _is_open(text: str, at: int, most: int) -> bool:
    """Whether more text could still close the bracket that opens here."""
    return len(text) - at < most and "\n" not in text[at:]


@lru_cache(maxsize=4096)
def _undressed(text: str) -> str:
    """The text as a browser would read it: without what is hidden, entities and escapes."""
    if text.isascii() and "&" not in text and "\\" not in text:
        return text
    seen = unicodedata.normalize("NFKC", _HIDDEN.sub("", html.unescape(text)))
    return re.sub(r"\\([^\w\s\\])", r"\1", seen.translate(_LOOKALIKES))


def _key(address: str) -> str:
    """An address without what makes no difference."""
    key = re.sub(r"^(?:https?:)?[/\\]{2}|^mailto:", "", address.strip(), flags=re.IGNORECASE)
    key = re.sub(r"#[\w\-]{0,60}$", "", key).rstrip("/")
    host, slash, path = key.partition("/")
    return host.lower().removeprefix("www.") + slash + path


def _host(address: str) -> str:
    if not re.match(r"(?:https?:)?//", address, re.IGNORECASE):
        if re.match(r"[a-z][a-z0-9+.\-]*:(?!\d)", address, re.IGNORECASE) or "@" in address:
            return address.partition("@")[2].lower() if "@" in address else ""
        address = f"//{address}"
    try:
        parts = urlsplit(address.replace("\\", "/"))
        # A name before the host is there to deceive.
        return "" if "@" in parts.netloc else (parts.hostname or "")
    except ValueError:
        return ""


# --- words ------------------------------------------------------------------------------------

# So many words in a row of the rules are no chance; so many of the instructions no good answer.
RULES_IN_A_ROW = 8
INSTRUCTIONS_IN_A_ROW = 25
# Fewer words than this of what must not be recited hold nothing back.
SUSPICIOUS = 3
_TOKEN = re.compile(r"\s+|\S+")


@dataclass(frozen=True)
class Recital:
    """Words in a row that are not to be said, from `most` of them on."""

    words: tuple[str, ...]
    most: int
    # From so many on they are held back until it is known.
    suspicious: int


@lru_cache(maxsize=256)
def recitals(text: str, most: int) -> tuple[Recital, ...]:
    """A text that is not to be recited; what is filled in (`{name}`) is anybody's."""
    parts = (tuple(_said(part)) for part in re.split(r"\{\w*\}", text))
    return tuple(Recital(part, most, SUSPICIOUS) for part in parts if len(part) >= most)


def phrases(listed: Iterable[str]) -> list[Recital]:
    """The owner's phrases of several words; single ones are masked as words."""
    found = (tuple(_said(name)) for name in listed)
    return [Recital(words, len(words), 1) for words in found if len(words) > 1]


def _said(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold().replace("ё", "е"))


@dataclass
class _Match:
    """A recital that is being followed: where it stands, and the token that began it."""

    recital: Recital
    at: int
    start: int
    count: int = 1


@dataclass
class _Token:
    text: str
    is_dropped: bool = False


class Words:
    """Masks insults and the owner's words, and drops what is recited."""

    def __init__(self, listed: Sequence[str] = (), forbidden: Sequence[Recital] = ()) -> None:
        self._listed = tuple(name for name in listed if len(_said(name)) == 1)
        self._starts: dict[str, list[tuple[Recital, int]]] = defaultdict(list)
        for recital in [*forbidden, *phrases(listed)]:
            for at in range(len(recital.words) - recital.most + 1):
                self._starts[recital.words[at]].append((recital, at))
        self._tail = ""
        self._held: list[_Token] = []
        self._first = 0
        self._following: list[_Match] = []
        self._was_dropped = False

    def feed(self, text: str) -> str:
        """Take more of the text; give what is decided."""
        self._tail += text
        tokens = _TOKEN.findall(self._tail)
        # More of the last word may come, and more of the last space changes nothing.
        self._tail = tokens.pop() if tokens and not tokens[-1].isspace() else ""
        # Word by word, so that what is held back does not depend on how many came at once.
        return "".join([self._take(token) for token in tokens])

    def finish(self) -> str:
        """The text has ended; give the rest."""
        text = self._take(self._tail) if self._tail else ""
        self._tail, self._following = "", []
        return text + self._decided()

    def _take(self, token: str) -> str:
        if token.isspace():
            self._held.append(_Token(token))
        else:
            number = self._first + len(self._held)
            self._held.append(_Token(moderation.mask(token, self._listed)))
            for word in _said(token):
                self._follow(word, number)
        return self._decided()

    def _follow(self, word: str, number: int) -> None:
        going = []
        for match in self._following:
            if match.at + 1 < len(match.recital.words) and (
                match.recital.words[match.at + 1] == word
            ):
                match.at, match.count = match.at + 1, match.count + 1
                going.append(match)
        going += [_Match(recital, at, number) for recital, at in self._starts.get(word, ())]
        self._following = going
        for match in going:
            if match.count >= match.recital.most:
                for token in self._held[max(0, match.start - self._first) :]:
                    token.is_dropped = True

    def _decided(self) -> str:
        """What nobody waits for any more."""
        end = self._first + len(self._held)
        waited = [
            match.start
            for match in self._following
            if match.recital.suspicious <= match.count < match.recital.most
        ]
        count = max(0, min([*waited, end]) - self._first)
        said = []
        for token in self._held[:count]:
            if not token.is_dropped:
                said.append(token.text)
            elif not self._was_dropped:
                said.append(GAP)
            self._was_dropped = token.is_dropped
        self._held = self._held[count:]
        self._first += count
        return "".join(said)
