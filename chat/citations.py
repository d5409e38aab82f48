"""Citations: the numbers of sources in an answer, checked as it is being written. Pure.

What a visitor has seen of an answer is its beginning, whatever comes after: what might become a
number is held back until it is one, so nothing is shown that is taken away again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

# A number that is longer is no citation, and no more than this is held back.
LONGEST = 32
MOST_SENTENCES, SENTENCE = 10, 200

_NAMED = r"(?:\^|#|№|sources?|источник[а-яё]{0,3}|см\.)?"
_LIST = r"\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*"
# What may stand inside of one; anything else shows that it is none.
_SIGNS = r"\d\s,;–^#№A-Za-zА-Яа-яЁё.†:_-"
# As models write them: [1], [1, 2], [1-3], [source 1], 【1†source】. Words of links are none.
_CITED = re.compile(
    rf"[ \t]{{0,3}}[\[【]\s*{_NAMED}\s*({_LIST})(?::\d+)?\s*(?:†[{_SIGNS}]*)?[\]】](?!\()",
    re.IGNORECASE,
)
_BEGINNING = re.compile(rf"[ \t]*[\[【][{_SIGNS}]*[\]】]?")
# As they are kept: a space at the most, and one number in square brackets.
_KEPT = re.compile(r"(?<!\])[ \t]?((?:\[\d{1,3}\])+)(?!\()")
_NUMBER = re.compile(r"\[(\d{1,3})\](?!\()")


@dataclass
class Checker:
    """The numbers of an answer that is being written; `count` sources were given.

    `must_cite`: nothing is let out before the first number that is known, and without one nothing
    at all.
    """

    count: int
    must_cite: bool = False
    cited: list[int] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)
    refused: str = ""
    _held: str = ""
    _marks: int = 0

    def feed(self, text: str) -> str:
        """What of the answer can be shown after one more piece of it."""
        said = self._held + text
        if "[" not in said and "【" not in said:
            # By far the most pieces: only the spaces at its end may come to stand before a number.
            ready = max(len(said.rstrip(" \t")), len(said) - 3)
            self._held, said = said[ready:], said[:ready]
            self._marks += said.count("`")
            return self._let_out(said) if self.must_cite else said
        ready = len(said) - _held_back(said)
        self._held = said[ready:]
        return self._let_out(self._checked(said[:ready]))

    def excuse(self) -> str:
        """No number is needed any more; what was kept back for want of one."""
        text, self.must_cite, self.refused = self.refused, False, ""
        return text

    def flush(self) -> str:
        """What was held back, at the end."""
        said, self._held = self._held, ""
        return self._let_out(self._checked(said))

    def _let_out(self, text: str) -> str:
        if not self.must_cite:
            return text
        if not self.cited:
            self.refused += text
            return ""
        text, self.refused = self.refused + text, ""
        return text

    def _checked(self, text: str) -> str:
        """A text that ends in no half citation, with the known numbers only."""
        parts: list[str] = []
        end = 0
        for match in _CITED.finditer(text):
            before = text[end : match.start()]
            self._marks += before.count("`")
            parts.append(before)
            # Between backticks it is code, `list[0]`.
            is_text = self._marks % 2 or len(match.group().lstrip()) > LONGEST
            parts.append(match.group() if is_text else self._mark(match))
            end = match.end()
        self._marks += text[end:].count("`")
        return "".join([*parts, text[end:]])

    def _mark(self, match: re.Match[str]) -> str:
        """The citation as it is kept; nothing where none of its numbers is known."""
        known: list[int] = []
        for number in _numbers(match.group(1)):
            if 1 <= number <= self.count:
                known += [number] if number not in known else []
            elif number not in self.unknown:
                self.unknown.append(number)
        self.cited += [number for number in known if number not in self.cited]
        space = " " if match.group()[0] in " \t" else ""
        return space + "".join(f"[{number}]" for number in known) if known else ""


def _held_back(text: str) -> int:
    """How many signs at the end might still become a citation, or the space before one."""
    at = max(text.rfind("["), text.rfind("【"))
    if at >= 0 and len(text) - at <= LONGEST:
        start = at - len(_spaces_before(text, at))
        if _BEGINNING.fullmatch(text, start):
            return len(text) - start
    return len(_spaces_before(text, len(text)))


def _spaces_before(text: str, at: int) -> str:
    before = text[max(0, at - 3) : at]
    return before[len(before.rstrip(" \t")) :]


def _numbers(listed: str) -> Iterator[int]:
    for part in re.split(r"\s*[,;]\s*", listed):
        ends = [int(number) for number in re.findall(r"\d+", part)]
        if len(ends) == 2 and 0 < ends[1] - ends[0] <= 20:
            yield from range(ends[0], ends[1] + 1)
        else:
            yield from ends


def cited_in(text: str) -> list[int]:
    """The numbers in a checked text, in the order in which they are first cited."""
    return list(dict.fromkeys(int(match.group(1)) for match in _outside_code(_NUMBER, text)))


def without(text: str) -> str:
    """A text without its citations."""
    parts, end = [], 0
    for match in _outside_code(_KEPT, text):
        parts.append(text[end : match.start()])
        end = match.end()
    return "".join([*parts, text[end:]])


def _outside_code(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    marks = end = 0
    for match in pattern.finditer(text):
        marks += text[end : match.start()].count("`")
        end = match.end()
        if not marks % 2:
            yield match


# --- what is shown -------------------------------------------------------------------------------


def linked(html: str, seq: int, numbers: Collection[int]) -> str:
    """Sanitised HTML whose citations lead to the sources of the line `seq`.

    `numbers` are those of the sources in the order in which they stand below the answer; readers
    are shown their places there, 1, 2, 3.
    """
    places = {number: place for place, number in enumerate(numbers, start=1)}

    def link(match: re.Match[str]) -> str:
        place = places.get(int(match.group(1)))
        if place is None:
            return match.group()
        return f'<a class="citation" href="#source-{seq}-{place}">{place}</a>'

    parts, depth = [], 0
    for part in re.split(r"(<[^>]*>)", html):
        if re.match(r"<(?:code|pre|a)\b", part):
            depth += 1
        elif re.match(r"</(?:code|pre|a)>", part):
            depth -= 1
        elif not part.startswith("<") and not depth:
            part = _NUMBER.sub(link, part)
        parts.append(part)
    return "".join(parts)


def of_receipt(
    text: str, sources: Sequence[dict[str, Any]], facts: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The sources that a text cites, out of a turn's receipt, as a message keeps them."""
    told = [{**source} for source in sources]
    told += [
        {**fact, "quote": "\n".join(f"{key}: {value}" for key, value in fact["lines"].items())}
        for fact in facts
    ]
    by_number = {one["number"]: one for one in told if one.get("number")}
    kept = ("title", "url", "quote", "number", "kind", "item")
    return [
        {key: by_number[number][key] for key in kept if key in by_number[number]}
        for number in cited_in(text)
        if number in by_number
    ]


# --- what is flagged -----------------------------------------------------------------------------


_SENTENCE = re.compile(r"(?<=[.!?…])(?:\s*\[\d{1,3}\])*\s+|\n+")
_BULLET = re.compile(r"^\s*(?:[-*+>#]+|\d+[.)])\s+")
# The end of a paragraph whose last word is a citation.
_CLOSED = re.compile(r"\[\d{1,3}\][.!?…)\s]*$")
# "I do not know", in the languages the product speaks.
_IGNORANT = re.compile(
    r"\b(?:не\s+зна[юе]\w*|не\s+(?:могу|смог\w*)\s+(?:найти|ответить|подсказать)"
    r"|нет\s+(?:такой\s+|этой\s+|точной\s+)?информации|не\s+указан\w*|не\s+наш(?:ла|ел|лось|лась)\b"
    r"|(?:do\s+not|don['’]t)\s+(?:know|have)\b|(?:cannot|can['’]t|could\s+not|couldn['’]t)\s+find"
    r"|no\s+information|not\s+(?:mentioned|specified)|am\s+not\s+sure|[’']m\s+not\s+sure)",
    re.IGNORECASE,
)


def admits_ignorance(text: str) -> bool:
    """Whether an answer says that it does not know."""
    return bool(_IGNORANT.search(text.replace("ё", "е")))


def uncited(text: str) -> list[str]:
    """The sentences that state something and cite nothing, nor does the end of their paragraph."""
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n", re.sub(r"```.*?(?:```|$)", "", text, flags=re.DOTALL)):
        for block in _blocks(paragraph):
            if _CLOSED.search(block):
                continue
            # The number stands behind the full stop, or before it.
            pieces = [piece for piece in _SENTENCE.split(block) if piece and piece.strip()]
            found += [piece.strip()[:SENTENCE] for piece in pieces if _states(piece, block)]
    return found[:MOST_SENTENCES]


def _blocks(paragraph: str) -> list[str]:
    """A list's items each stand alone; other lines belong together."""
    lines = paragraph.splitlines()
    if any(_BULLET.match(line) for line in lines):
        return [_BULLET.sub("", line) for line in lines]
    return [paragraph]


def _states(sentence: str, block: str) -> bool:
    after = block[block.find(sentence) + len(sentence) :].lstrip()
    return (
        len(re.findall(r"\w+", sentence)) > 3
        and not sentence.rstrip().endswith(("?", ":"))
        and not cited_in(sentence)
        and not re.match(r"\[\d{1,3}\]", after)
        and not admits_ignorance(sentence)
    )


def flags(text: str, checker: Checker) -> list[dict[str, Any]]:
    """What an owner should know of an answer to which sources were given, for its receipt."""
    found: list[dict[str, Any]] = []
    if checker.refused:
        return [{"code": "refused", "sentences": [checker.refused.strip()[:SENTENCE]]}]
    if checker.unknown:
        found.append({"code": "unknown_source", "numbers": checker.unknown[:20]})
    if not checker.count:
        return [*found, {"code": "no_source"}]
    sentences = uncited(text)
    if not checker.cited:
        found.append({"code": "uncited", "sentences": sentences})
    elif sentences:
        found.append({"code": "partly_cited", "sentences": sentences})
    return found
