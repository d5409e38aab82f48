"""What a file is read into: blocks of Markdown that each make sense alone, one after another."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

# A block is cut at the next empty line after so many characters, and anywhere after more.
LONG = 16_000
LONGEST = 4 * LONG
_HEADING = re.compile(r"^(#{1,6})\s+\S")
# A path of headings is repeated with every block, so a heading is no novel.
_LONGEST_HEADING = 300


class Unreadable(Exception):
    """The file gives no text; `code` names the reason (see `knowledge.reasons`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Block:
    """A part of the text, and how far the reading has come with it (0 to 1).

    A row of a table of questions has a heading: what is asked. A block without text only tells
    how far the reading has come.
    """

    share: float
    text: str = ""
    heading: str = ""


def packed(lines: Iterable[tuple[str, float]]) -> Iterator[Block]:
    """Lines of Markdown in blocks; each begins with the headings that it stands under."""
    opening: list[str] = []
    path: list[tuple[int, str]] = []
    gathered: list[str] = []
    size, share, in_code = 0, 0.0, False
    for line, share in lines:
        if line.lstrip().startswith("```"):
            in_code = not in_code
        heading = None if in_code else _HEADING.match(line)
        may_cut = not in_code and (heading is not None or not line.strip())
        if size >= LONGEST or (size >= LONG and may_cut):
            yield Block(share, clean("\n".join([*opening, *gathered])))
            opening = [words for _level, words in path]
            gathered, size = [], 0
        if heading:
            level = len(heading[1])
            path = [step for step in path if step[0] < level]
            path.append((level, line[:_LONGEST_HEADING]))
        gathered.append(line)
        size += len(line) + 1
    if any(line.strip() for line in gathered):
        yield Block(share, clean("\n".join([*opening, *gathered])))


def clean(text: str) -> str:
    """Compatibility forms made plain (a PDF's ligatures), and nothing that no column can keep."""
    text = unicodedata.normalize("NFKC", text).replace("\x00", "").replace("\u00ad", "")
    return text.encode("utf-8", "ignore").decode()
