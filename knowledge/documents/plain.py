"""Plain text, Markdown, and tables of questions, of any size, line by line."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

from knowledge.documents.blocks import Block, Unreadable, clean, packed

CHUNK = 1024 * 1024
# A longer line is cut at a space.
LONGEST_LINE = 8000
LONGEST_CELL = 100_000
LONGEST_ROW = 1_000_000
QUESTION = {"question", "questions", "q", "вопрос", "вопросы"}
ANSWER = {"answer", "answers", "a", "ответ", "ответы"}
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?\s*([A-Za-z0-9_-]{2,20})", re.I)


# --- letters --------------------------------------------------------------------------------------


def opened(file: BinaryIO, *, newline: str | None = None) -> io.TextIOWrapper:
    """The file as text, in the encoding that fits all of it."""
    encoding, errors = _encoding(file)
    file.seek(0)
    return io.TextIOWrapper(file, encoding=encoding, errors=errors, newline=newline)


def _encoding(file: BinaryIO) -> tuple[str, str]:
    file.seek(0)
    head = file.read(4096)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", "replace"
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        ranks = head[first::2]
        if ranks and sum(rank in (0, 4) for rank in ranks) > 0.9 * len(ranks):
            return name, "replace"
    if _fits(file, "utf-8", "strict") or _fits(file, "utf-8", "surrogatepass"):
        # Half a letter that some programs write is passed here and dropped by `clean`.
        return "utf-8-sig", "surrogatepass"
    if _is_mostly_utf8(file):
        return "utf-8-sig", "replace"
    declared = _CHARSET.search(head)
    for name in (declared[1].decode().lower() if declared else "", "cp1251"):
        with suppress(LookupError):
            if name and not name.startswith(("utf", "unicode")) and _fits(file, name, "strict"):
                return name, "strict"
    raise Unreadable("unknown_letters")


def _fits(file: BinaryIO, encoding: str, errors: str) -> bool:
    try:
        for _text in _decoded(file, encoding, errors):
            pass
    except UnicodeDecodeError:
        return False
    return True


def _is_mostly_utf8(file: BinaryIO) -> bool:
    good = bad = 0
    for text in _decoded(file, "utf-8", "replace"):
        wrong = text.count("\N{REPLACEMENT CHARACTER}")
        bad += wrong
        good += len(text) - len(text.encode("ascii", "ignore")) - wrong
    return good > 10 * bad


def _decoded(file: BinaryIO, encoding: str, errors: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    file.seek(0)
    while chunk := file.read(CHUNK):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


# --- text -----------------------------------------------------------------------------------------


def read_text(file: BinaryIO) -> Iterator[Block]:
    """Text or Markdown; a table of questions is one by its first line, whatever its name."""
    text = opened(file, newline="")
    first = text.readline(LONGEST_LINE)
    # The file is read again from its beginning, so it must stay open.
    text.detach()
    if _columns(_cells(first)) is not None:
        return read_table(file)
    return packed(_lines(file))


def _lines(file: BinaryIO) -> Iterator[tuple[str, float]]:
    size = _size(file)
    with opened(file) as text:
        rest = ""
        while piece := text.readline(LONGEST_LINE):
            line = rest + piece
            rest = ""
            if not line.endswith("\n") and len(line) >= LONGEST_LINE:
                place = line.rfind(" ") + 1
                if place:
                    line, rest = line[:place], line[place:]
            yield line.rstrip("\n"), file.tell() / size
        if rest:
            yield rest, 1.0


# --- tables ---------------------------------------------------------------------------------------


def read_table(file: BinaryIO) -> Iterator[Block]:
    """A table: a row of question and answer each, or any rows, told with the columns' names."""
    csv.field_size_limit(LONGEST_CELL)
    size = _size(file)
    with opened(file, newline="") as text:
        first = text.readline(LONGEST_ROW)
        header = _cells(first)
        rows = _rows(text, _delimiter(first))
        columns = _columns(header)
        if columns is None:
            yield from packed(_told(rows, header, file, size))
            return
        question, answer = columns
        for row in rows:
            share = file.tell() / size
            if len(row) > max(columns) and row[question].strip() and row[answer].strip():
                asked = " ".join(row[question].split())
                yield Block(share, clean(row[answer].strip()), clean(asked))


def _told(
    rows: Iterator[list[str]], header: list[str], file: BinaryIO, size: int
) -> Iterator[tuple[str, float]]:
    for row in rows:
        named = zip(header, row, strict=False)
        line = "; ".join(f"{name}: {cell}" for name, cell in named if cell.strip())
        yield " ".join(line.split()), file.tell() / size
        yield "", file.tell() / size


def _rows(text: io.TextIOWrapper, delimiter: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(_row_lines(text), delimiter=delimiter)
    except csv.Error as error:
        code = "cell_too_long" if "field limit" in str(error) else "corrupt"
        raise Unreadable(code) from error


def _row_lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(LONGEST_ROW):
        if len(line) == LONGEST_ROW and not line.endswith("\n"):
            raise Unreadable("cell_too_long")
        yield line.replace("\0", "")


def _cells(line: str) -> list[str]:
    try:
        rows = list(csv.reader([line.replace("\0", "")], delimiter=_delimiter(line)))
    except csv.Error:
        return []
    return [cell.strip().lstrip("\ufeff") for cell in rows[0]] if rows else []


def _delimiter(line: str) -> str:
    return max(",;\t|", key=line.count)


def _columns(header: list[str]) -> tuple[int, int] | None:
    """Where the question and the answer stand."""
    names = [name.casefold() for name in header]
    questions = [place for place, name in enumerate(names) if name in QUESTION]
    answers = [place for place, name in enumerate(names) if name in ANSWER]
    return (questions[0], answers[0]) if questions and answers else None


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size or 1
