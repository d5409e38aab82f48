"""Text made into passages, by its headings and paragraphs; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Long enough to answer from, short enough to quote and to embed as one thought.
LONGEST = 1200
# A passage begins with the end of the one before it, whole sentences of at most so many characters:
# what is said across a border is found on one of its sides.
OVERLAP = 200
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")


@dataclass(frozen=True)
class Piece:
    """A passage to be: the headings above it, or the question it answers, and its text."""

    heading: str
    text: str
    is_answer: bool = False
    # All the ways to ask for it, each of which is found by itself, and words that belong to it.
    wordings: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    is_wording: bool = False

    def embedded(self) -> tuple[str, ...]:
        """What is embedded, each text by itself: a question is matched with questions."""
        if self.wordings:
            return self.wordings
        if self.is_answer:
            return (self.heading,)
        return (f"{self.heading}\n{self.text}" if self.heading else self.text,)

    def with_wordings(self) -> list[Piece]:
        """Itself, and one for each of its wordings where there are several."""
        if len(self.wordings) < 2:
            return [self]
        return [self, *(Piece(one, "", True, is_wording=True) for one in self.wordings)]

    def asked(self) -> str:
        """The words by which a visitor may ask for it, but for its text."""
        return " . ".join([*(self.wordings or (self.heading,)), *self.keywords])


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
        for joint, part in _cut(paragraph):
            if current and len(current) + len(joint) + len(part) > LONGEST:
                yield current
                current = _end(current, LONGEST - len(joint) - len(part))
            current = f"{current}{joint}{part}" if current else part
    if current:
        yield current


def _cut(paragraph: str) -> Iterator[tuple[str, str]]:
    """A paragraph, its sentences if it is too long, or their parts; each with what precedes it."""
    if len(paragraph) <= LONGEST:
        if paragraph:
            yield "\n\n", paragraph
        return
    joint = "\n\n"
    for sentence in _SENTENCE.split(paragraph):
        for start in range(0, len(sentence), LONGEST):
            yield joint, sentence[start : start + LONGEST]
            joint = ""
        joint = " "


def _end(text: str, room: int) -> str:
    """The last whole sentences of a text that fit into the overlap, and into the room there is."""
    end = ""
    for sentence in reversed(_SENTENCE.split(text.rsplit("\n\n", 1)[-1])):
        longer = f"{sentence} {end}" if end else sentence
        if len(longer) > min(OVERLAP, room):
            break
        end = longer
    return end
