"""HTML made into Markdown: its words and headings; no script, no style, nothing hidden."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import BinaryIO

from lxml import etree

from knowledge.documents.blocks import Block, packed
from knowledge.documents.plain import LONGEST_LINE, opened

CHUNK = 64 * 1024
SKIPPED = {
    *("head", "script", "style", "noscript", "template", "svg", "math", "iframe", "object"),
    *("select", "textarea", "button", "canvas", "audio", "video"),
}
INLINE = {
    *("a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "dfn", "em", "font", "i", "kbd"),
    *("label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "u"),
    *("var", "wbr", "img", "input", "ins", "del"),
}
_HIDDEN = re.compile(r"(display\s*:\s*none|visibility\s*:\s*hidden)", re.I)


class Lines:
    """Gathers the text of a page as lxml meets it; no tree is built."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._words: list[str] = []
        self._length = 0
        self._prefix = ""
        # How deep we are in something that is not shown.
        self._depth = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """A tag opens."""
        if self._depth or tag in SKIPPED or _is_hidden(attributes):
            self._depth += 1
        elif tag in ("td", "th"):
            self._words.append(" | " if self._words else "")
        elif tag == "br":
            self._words.append(" ")
        elif tag not in INLINE:
            self._end_line()
            if len(tag) == 2 and tag[0] == "h" and tag[1] in "123456":
                self._prefix = f"{'#' * int(tag[1])} "
            elif tag == "li":
                self._prefix = "- "

    def end(self, tag: str) -> None:
        """A tag closes."""
        if self._depth:
            self._depth -= 1
        elif tag not in INLINE and tag not in ("td", "th", "br"):
            self._end_line()

    def data(self, text: str) -> None:
        """Words between tags."""
        if self._depth:
            return
        self._words.append(text)
        self._length += len(text)
        if self._length > LONGEST_LINE:
            self._end_line()

    def close(self) -> None:
        """The end of the page."""
        self._end_line()

    def _end_line(self) -> None:
        line = " ".join("".join(self._words).split())
        if line.strip("| "):
            # An empty line after a list's point would take the list apart.
            self.lines += [f"{self._prefix}{line}", *([] if self._prefix == "- " else [""])]
        self._words, self._length, self._prefix = [], 0, ""


def _is_hidden(attributes: Mapping[str, str]) -> bool:
    return "hidden" in attributes or bool(_HIDDEN.search(attributes.get("style", "")))


def read_page(file: BinaryIO) -> Iterator[Block]:
    """The text of a page."""
    return packed(_lines(file))


def _lines(file: BinaryIO) -> Iterator[tuple[str, float]]:
    size = os.fstat(file.fileno()).st_size or 1
    gathered = Lines()
    parser = etree.HTMLParser(target=gathered, no_network=True)
    with opened(file) as text:
        while chunk := text.read(CHUNK):
            parser.feed(chunk.encode("utf-8", "ignore").decode().replace("\0", ""))
            share = file.tell() / size
            yield from ((line, share) for line in gathered.lines)
            gathered.lines.clear()
    parser.close()
    yield from ((line, 1.0) for line in gathered.lines)
