"""An uploaded file as rows of named cells: CSV, XLSX or JSON, told apart by what is in it."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, BinaryIO, TextIO

from knowledge.imports.problems import BadFile
from knowledge.tables import column_of

MAX_BYTES = 30 * 1024 * 1024
MAX_ROWS = 50_000
# A workbook is a zip: a small file may unpack to gigabytes, and its texts are held in memory.
MAX_UNPACKED = 300 * 1024 * 1024
MAX_TEXTS = 60 * 1024 * 1024
MAX_COLUMNS = 64
# A record of CSV, or an object of JSON, in characters.
MAX_RECORD = 1_000_000
CHUNK = 64 * 1024
DELIMITERS = ",;\t"
BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


@dataclass(frozen=True)
class Row:
    """A row by its number in the file: what stands under each column, and what is wrong with it."""

    number: int
    cells: dict[str, Any]
    trouble: str = ""


@dataclass
class Table:
    """A file's rows, and the columns that mean nothing here. It may be read through once."""

    rows: Iterator[Row] = field(default_factory=lambda: iter(()))
    # Texts of JSON stand for themselves; in other files they may be kept from being formulas.
    is_json: bool = False
    ignored: list[str] = field(default_factory=list)

    def ignore(self, name: str) -> None:
        """Note a column that is not read."""
        if name.strip() and name[:60] not in self.ignored and len(self.ignored) < MAX_COLUMNS:
            self.ignored.append(name[:60])


def read(file: BinaryIO) -> Table:
    """The table in a file; reading it, and its rows, raises BadFile."""
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size > MAX_BYTES:
        raise BadFile("file_too_large", megabytes=MAX_BYTES // 1024 // 1024)
    head = file.read(4096)
    file.seek(0)
    if not head:
        raise BadFile("file_empty")
    table = Table()
    if head.startswith(b"PK\x03\x04"):
        table.rows = _named(_xlsx(file), table)
    elif head.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadFile("old_excel")
    else:
        text = io.TextIOWrapper(file, encoding=_encoding(file, head), newline="")
        start = 0 if _more(text, 1) != "\ufeff" else text.tell()
        text.seek(start)
        table.is_json = _more(text).lstrip()[:1] in ("[", "{")
        text.seek(start)
        table.rows = _json(text, table) if table.is_json else _named(_csv(text), table)
    return table


# --- letters --------------------------------------------------------------------------------------


def _encoding(file: BinaryIO, head: bytes) -> str:
    """By the mark at the beginning; else UTF-8 if the whole is; else what old Windows wrote."""
    for bom, encoding in BOMS.items():
        if head.startswith(bom):
            return encoding
    if head.startswith((b"%PDF", b"\x89PNG", b"GIF8", b"\xff\xd8\xff", b"{\\rtf", b"\x1f\x8b")):
        raise BadFile("not_a_table")
    if b"\0" in head:
        # Every second byte of such a text is the same for all letters of an alphabet.
        even, odd = head[::2], head[1::2]
        if b"\0" in odd and len(set(odd)) < len(set(even)):
            return "utf-16-le"
        if b"\0" in even and len(set(even)) < len(set(odd)):
            return "utf-16-be"
        raise BadFile("not_a_table")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1251"
    finally:
        file.seek(0)
    return "utf-8"


# --- CSV ------------------------------------------------------------------------------------------


class _Lines:
    """The lines of a text, none of which is boundless; counts what one record has taken."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.number = 0
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = self._text.readline(MAX_RECORD)
        except UnicodeDecodeError:
            raise BadFile("encoding") from None
        self.number += 1
        self.taken += len(line)
        if not line:
            raise StopIteration
        if self.taken >= MAX_RECORD:
            raise BadFile("cell_too_large", line=self.number)
        if "\0" in line:
            raise BadFile("not_a_table")
        return line


def _csv(text: TextIO) -> Iterator[tuple[int, Sequence[Any]]]:
    """The records with the row in which a program of tables shows each."""
    place = text.tell()
    lines = _Lines(text)
    first = next((line for line in lines if line.strip()), "")
    delimiter = _delimiter(first)
    text.seek(place)
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    for number in count(1):
        begins = lines.number + 1
        lines.taken = 0
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            code = "cell_too_large" if "larger than" in str(error) else "quotes"
            raise BadFile(code, line=begins) from None
        yield number, record


def _delimiter(line: str) -> str:
    """The one that gives the most columns that are known, else the most columns."""

    def worth(delimiter: str) -> tuple[int, int]:
        try:
            names = next(csv.reader([line], delimiter=delimiter), [])
        except csv.Error:
            names = []
        return sum(column_of(name) is not None for name in names), len(names)

    return max(DELIMITERS, key=worth)


# --- XLSX -----------------------------------------------------------------------------------------


def _xlsx(file: BinaryIO) -> Iterator[tuple[int, Sequence[Any]]]:
    """The rows of the first sheet that is shown."""
    # Its 175 modules are 5 MB of each process, most of which never see a workbook.
    import openpyxl

    try:
        _guard(file)
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except BadFile:
        raise
    except Exception as error:
        # A damaged or hostile workbook trips the parsers up in a hundred ways (zipfile's errors,
        # the XML parser's, KeyError…); whichever it is, the file is at fault.
        raise BadFile("corrupt") from error
    try:
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        if not sheets:
            raise BadFile("no_sheet")
        sheet: Any = sheets[0]
        merged = _merged_rows(file, sheet._worksheet_path)
        # It may claim a size that it has not.
        sheet.reset_dimensions()
        rows = sheet.iter_rows(values_only=True, max_col=MAX_COLUMNS)
        number = 0
        while True:
            try:
                row = next(rows, None)
            except Exception as error:
                raise BadFile("corrupt") from error
            if row is None:
                return
            number += 1
            cells = tuple(_CODE.sub("_", c) if isinstance(c, str) else c for c in row)
            yield number, _Merged(cells) if number in merged else cells
    finally:
        book.close()


# An underscore that a workbook would else take for the beginning of a character's code.
_CODE = re.compile(r"_x005F_(?=x[0-9A-Fa-f]{4}_)")


class _Merged(tuple[Any, ...]):
    """A row with cells that are merged with others, so that only one of them has the text."""


_REFERENCE = re.compile(rb'<(?:\w+:)?mergeCell [^>]*?ref="[A-Z]+(\d+):[A-Z]+(\d+)"')


def _guard(file: BinaryIO) -> None:
    """Refuse a bomb, and a zip that is no workbook."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    texts = sum(e.file_size for e in entries if e.filename.lower().endswith("strings.xml"))
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED or texts > MAX_TEXTS:
        raise BadFile("unpacked_too_large")
    if "xl/workbook.xml" not in {entry.filename for entry in entries}:
        raise BadFile("not_a_table")
    file.seek(0)


def _merged_rows(file: BinaryIO, path: str) -> set[int]:
    """The rows of a sheet that have merged cells, which reading row by row does not tell."""
    merged: set[int] = set()
    with zipfile.ZipFile(file) as archive, archive.open(path) as sheet:
        tail = b""
        while chunk := sheet.read(CHUNK):
            tail = tail[-200:] + chunk
            for top, bottom in _REFERENCE.findall(tail):
                merged.update(range(int(top), min(int(bottom), MAX_ROWS) + 1))
    return merged


# --- names of columns -----------------------------------------------------------------------------


def _named(records: Iterator[tuple[int, Sequence[Any]]], table: Table) -> Iterator[Row]:
    """Rows by the names that the first of them gives."""
    columns: list[str | None] | None = None
    for number, record in records:
        if not any(cell not in (None, "") and str(cell).strip() for cell in record):
            continue
        if columns is None:
            columns = _columns(record, table)
            if columns is not None:
                continue
            # No names, but a question and its answer.
            columns = ["question", "answer"]
        trouble = "merged_cells" if isinstance(record, _Merged) else ""
        if any(cell not in (None, "") for cell in record[len(columns) :]):
            trouble = "more_cells"
        cells = {name: cell for name, cell in zip(columns, record, strict=False) if name}
        yield Row(number, cells, trouble)
    if columns is None:
        raise BadFile("no_rows")


def _columns(record: Sequence[Any], table: Table) -> list[str | None] | None:
    """What each cell of the first row names; None where it is a question and an answer itself."""
    names = ["" if cell is None else str(cell) for cell in record]
    while names and not names[-1].strip():
        names.pop()
    columns = [column_of(name) for name in names]
    known = [column for column in columns if column]
    if not {"id", "question"} & set(known):
        if not known and len(names) == 2 and names[0].strip().endswith("?"):
            return None
        raise BadFile("no_columns")
    for twice in known:
        if known.count(twice) > 1:
            raise BadFile("column_twice", column=twice)
    for name, column in zip(names, columns, strict=True):
        if column is None:
            table.ignore(name)
    return columns


# --- JSON -----------------------------------------------------------------------------------------


def _json(text: TextIO, table: Table) -> Iterator[Row]:
    """The objects of a list, one after the other: the whole is never in memory."""
    number = 0
    for number, found in enumerate(_objects(text), 1):
        cells: dict[str, Any] = {}
        for name, value in found.items():
            column = column_of(name)
            if column is None:
                table.ignore(name)
            elif column in cells:
                raise BadFile("column_twice", column=column)
            else:
                cells[column] = value
        yield Row(number, cells)
    if not number:
        raise BadFile("no_rows")


def _objects(text: TextIO) -> Iterator[dict[str, Any]]:
    buffer = _more(text).lstrip()
    if buffer[:1] != "[":
        raise BadFile("json_shape")
    buffer, count, needs_comma = buffer[1:], 0, False
    while True:
        buffer = buffer.lstrip() or _more(text).lstrip()
        if not buffer:
            raise BadFile("json_broken", row=count + 1)
        if buffer[0] == "]":
            if buffer[1:].strip() or _more(text).strip():
                raise BadFile("json_broken", row=count + 1)
            return
        if needs_comma and buffer[0] != ",":
            raise BadFile("json_broken", row=count + 1)
        if needs_comma:
            buffer, needs_comma = buffer[1:], False
            continue
        if buffer[0] != "{":
            raise BadFile("json_shape")
        found, buffer = _object(text, buffer, count + 1)
        count, needs_comma = count + 1, True
        yield found


def _object(text: TextIO, buffer: str, number: int) -> tuple[dict[str, Any], str]:
    """The object that the buffer begins with, as much more being read as it needs."""
    while True:
        try:
            found, end = _DECODER.raw_decode(buffer)
        except RecursionError:
            raise BadFile("json_broken", row=number) from None
        except ValueError:
            more = _more(text) if len(buffer) <= MAX_RECORD else ""
            if not more:
                raise BadFile("json_broken", row=number) from None
            buffer += more
        else:
            return found, buffer[end:]


def _more(text: TextIO, size: int = CHUNK) -> str:
    try:
        return text.read(size)
    except UnicodeDecodeError:
        raise BadFile("encoding") from None


_DECODER = json.JSONDecoder()
