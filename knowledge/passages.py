"""Text made into passages, by its headings and paragraphs; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Long enough to answer from, short enough to quote and to embed as one thought.
LONGEST = 1200
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")


@dataclass(frozen=True)
class Piece:
    """A passage to be: the headings above it, or the question it answers, and its text."""

    heading: str
    text: str
    is_answer: bool = False

    def embedded(self) -> str:
        """What is embedded: a question is matched with questions, whatever the answer says."""
        if self.is_answer:
            return self.heading
        return f"{self.heading}\n{self.text}" if self.heading else self.text


def split(title: str, text: str) -> list[Piece]:
    """Pieces of a Markdown or plain text, each under its path of headings."""
    pieces: list[Piece] = []
    path: list[tuple[int, str]] = []
    for heading, body in _sections(text):
        if heading:
            level, words = heading
            path = [entry for entry in path if entry[0] < level] + [(level, words)]
        trail = " › ".join([title, *(words for _level, words in path)])[:300]
        pieces += [Piece(trail, part) for part in _parts(body)]
    return pieces


def _sections(text: str) -> Iterator[tuple[tuple[int, str] | None, str]]:
    heading: tuple[int, str] | None = None
    lines: list[str] = []
    in_code = False
    for line in text.splitlines():
        in_code ^= line.lstrip().startswith("```")
        match = None if in_code else _HEADING.match(line)
        if match:
            yield heading, "\n".join(lines)
            heading, lines = (len(match[1]), match[2]), []
        else:
            lines.append(line)
    yield heading, "\n".join(lines)


def _parts(body: str) -> Iterator[str]:
    """Paragraphs packed together up to the longest allowed; longer ones are cut at sentences."""
    current = ""
    for paragraph in (p.strip() for p in re.split(r"\n\s*\n", body)):
        for part in _cut(paragraph):
            if current and len(current) + len(part) + 2 > LONGEST:
                yield current
                current = ""
            current = f"{current}\n\n{part}" if current else part
    if current:
        yield current


def _cut(paragraph: str) -> Iterator[str]:
    if len(paragraph) <= LONGEST:
        if paragraph:
            yield paragraph
        return
    current = ""
    for sentence in _SENTENCE.split(paragraph):
        while len(sentence) > LONGEST:
            head, sentence = sentence[:LONGEST], sentence[LONGEST:]
            yield from filter(None, (current, head))
            current = ""
        if current and len(current) + len(sentence) + 1 > LONGEST:
            yield current
            current = ""
        current = f"{current} {sentence}" if current else sentence
    if current:
        yield current
