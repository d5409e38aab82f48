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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from typing import Protocol
from urllib.parse import urlsplit

from chat import moderation
from chat.answering import recitals
from chat.answering.recitals import Group, Reader, Recital, Token

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
        if not text.isprintable():
            text = _STEERING.sub("", text)
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
# What stands before a slash and ends so is a file or a framework, and no host.
_FILES = "js|ts|py|md|txt|csv|pdf|docx?|xlsx?|html?|css|json|ya?ml|toml|ini|xml|sql|php|net"
# Names that end like hosts, with nothing behind them that would make them one.
_NAMES = r"(?:(?:asp|ado|vb|ml)\.net|socket\.io)(?![\w\-:/?\#\\]|\.\w)"
_BEHIND = r"[^\s<>\"'«»`|\]\[]"
_ADDRESS = re.compile(
    rf"""
    (?<![a-z0-9])[a-z][a-z0-9+.\-]{{1,30}}:[/\\]{{1,9}}{_BEHIND}*       # any scheme
    | [/\\]{{2,9}}(?:[\w\-]+\.|localhost|\d){_BEHIND}*                 # the page's scheme
    | (?<![a-z0-9])(?:javascript|vbscript|data|file|blob|intent|mailto|sms):{_BEHIND}+
    | (?<![\w+\-])[\w.+\-]{{1,64}}@[\w\-]+(?:\.[\w\-]+)+                      # a mailbox
    | (?<![\w\-])(?!{_NAMES})(?:[\w\-]{{1,63}}\.){{1,6}}(?:{_TLDS})(?![\w\-])
      (?:[:/?\#\\]{_BEHIND}*)?
    | (?<![\w\-])(?:[\w\-]{{1,63}}\.){{1,6}}(?!(?:{_FILES})\b)[^\W\d_]{{2,24}}
      (?::\d{{2,5}}(?!\d)|/[\w%]|\?[\w%\-]+=){_BEHIND}*               # any other, with more behind
    | (?<![\w.])(?:\d{{1,3}}\.){{3}}\d{{1,3}}[:/?\#]{_BEHIND}*
    """,
    re.IGNORECASE | re.VERBOSE,
)
_KEY = re.compile(
    r"\b(?:sk|pk|rk)[-_](?=[\w\-]*\d)[\w\-]{8,}|\bgAAAA[\w\-=]{12,}|\bAKIA[0-9A-Z]{12,}"
    r"|\bgh[pousr]_\w{20,}|\bxox[abprs]-[\w\-]{8,}|\beyJ[\w\-]{8,}\.[\w\-]{4,}[\w.\-]*"
)
_HINT = re.compile(r"[:/\\.@&%\-_=]|[^\x00-\x7fа-яёА-ЯЁ]|gAAAA|AKIA")
# What steers a terminal or the order of letters, or is seen by machines alone.
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
_HIDDEN = re.compile(
    "[\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_LOOKALIKES = str.maketrans("。｡∕⁄", "..//")
_ENDING = ".,;:!?…)]}*_~'\""

_SPACE = re.compile(r"\s")
# What stands without a space, up to the next bracket that may open a link.
_RUN = re.compile(rf"(?:(?!!?\[)\S){{1,{LONGEST_RUN}}}")
# Words that can be neither an address nor a bracket, with the space behind them.
_EASY = re.compile(r"(?:[a-zA-Zа-яА-ЯёЁ0-9,;()\"*?]{0,15}\s+)+")
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
        if not self._tail and _EASY.fullmatch(text):
            # By far the most pieces.
            self._pass(text)
            return text
        self._tail += text
        return self._take(is_all=False)

    def finish(self) -> str:
        """The text has ended; give the rest."""
        return self._take(is_all=True)

    def _take(self, is_all: bool) -> str:
        said, at, text = [], 0, self._tail
        while at < len(text):
            if easy := _EASY.match(text, at):
                part: tuple[int, str] | None = (easy.end(), easy.group())
            else:
                part = self._part(text, at, is_all)
            if part is None:
                break
            end, shown = part
            said.append(shown)
            self._pass(text[at:end])
            at = end
        self._tail = text[at:]
        return "".join(said)

    def _pass(self, part: str) -> None:
        if self._begins_line or "\n" in part:
            behind = part.rpartition("\n")
            self._begins_line = not behind[2].strip()

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

_TOKEN = re.compile(r"\s+|\S+")


# So many words are known at a time.
MOST_WORDS = 4096
_WORD = re.compile(r"\S+\s")


class _Known(dict[str, tuple[Token, str]]):
    """Words with the space behind them: each as it is compared, and as it may be shown.

    Most are said again and again. The oldest is not looked for, all are forgotten at once: hundreds
    of answers take turns word by word, so what counts is how little memory a known word touches.
    """

    def __init__(self, listed: tuple[str, ...]) -> None:
        super().__init__()
        self._listed = listed

    def learned(self, said: str) -> tuple[Token, str]:
        """Look at a new word."""
        if len(self) >= MOST_WORDS:
            self.clear()
        known = self[said] = Token.of(said[:-1]), moderation.mask(said, self._listed)
        return known


# Most owners list no words.
_known = lru_cache(maxsize=64)(_Known)


@dataclass
class _Token:
    text: str
    is_dropped: bool = False


class Words:
    """Masks insults and the owner's words, and drops what is recited.

    `forbidden` are texts of which no long part may be said, `codes` what may not be said whole.
    """

    def __init__(
        self,
        listed: Sequence[str] = (),
        forbidden: Sequence[tuple[Recital, ...]] = (),
        codes: tuple[Recital, ...] = (),
    ) -> None:
        self._known = _known(tuple(name for name in listed if not recitals.phrases((name,))))
        short = (*codes, *recitals.phrases(tuple(listed)))
        self._reader = Reader(
            [
                Group(tuple(chain.from_iterable(forbidden))),
                Group(short, recitals.SUSPICIOUS_OF_CODES, has_digits=True),
            ]
        )
        self._tail = ""
        self._held: list[_Token] = []
        self._first = 0
        self._was_dropped = False

    def feed(self, text: str) -> str:
        """Take more of the text; give what is decided."""
        if not (self._tail or self._held or self._was_dropped):
            known = self._known.get(text)
            if known is None and _WORD.fullmatch(text):
                known = self._known.learned(text)
            if known is not None:
                # By far the most pieces: a word with a space, and nothing held back before it.
                token, shown = known
                start = self._reader.take(token, self._first)
                if start is None and self._reader.waits_from is None:
                    self._first += 2
                    return shown
                return self._hold(shown[:-1], start) + self._take(shown[-1])
        self._tail += text
        if not _SPACE.search(text):
            return ""
        tokens = _TOKEN.findall(self._tail)
        # More of the last word may come, and more of the last space changes nothing.
        self._tail = tokens.pop() if tokens and not tokens[-1].isspace() else ""
        # Word by word, so that what is held back does not depend on how many came at once.
        return "".join([self._take(token) for token in tokens])

    def finish(self) -> str:
        """The text has ended; give the rest."""
        text = self._take(self._tail) if self._tail else ""
        self._tail = ""
        return text + self._decided(is_all=True)

    def _take(self, token: str) -> str:
        is_clear = not self._held and not self._was_dropped
        if token.isspace():
            if is_clear:
                self._first += 1
                return token
            if self._held and self._held[-1].text.isspace():
                # It came in two pieces, and is one space.
                self._held[-1].text += token
                return ""
            self._held.append(_Token(token))
            return self._decided()
        said = f"{token} "
        read, shown = self._known.get(said) or self._known.learned(said)
        start = self._reader.take(read, self._first + len(self._held))
        if is_clear and start is None and self._reader.waits_from is None:
            self._first += 1
            return shown[:-1]
        return self._hold(shown[:-1], start)

    def _hold(self, text: str, start: int | None) -> str:
        self._held.append(_Token(text))
        if start is not None:
            for one in self._held[max(0, start - self._first) :]:
                one.is_dropped = True
        return self._decided()

    def _decided(self, is_all: bool = False) -> str:
        """What nobody waits for any more."""
        count, waits = len(self._held), self._reader.waits_from
        if not is_all:
            if waits is not None:
                count = max(0, waits - self._first)
            # A space behind what was dropped is dropped with what comes, or is said before it.
            was_dropped = self._held[count - 2].is_dropped if count > 1 else self._was_dropped
            if count and was_dropped and self._held[count - 1].text.isspace():
                count -= 1
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
