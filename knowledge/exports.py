"""FAQ entries as a file: CSV, XLSX or JSON, made piece by piece; an import reads it back."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font

from knowledge import tables
from knowledge.models import FAQEntry
from organizations.models import Language

CHUNK = 500
BLOCK = 64 * 1024
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
WIDTHS = {"question": 40, "phrasings": 40, "answer": 70, "category": 24, "keywords": 24}
# What a workbook would take for one of its own codes of characters.
_CODE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def make(kind: str, entries: Iterable[FAQEntry], delimiter: str = ",") -> Iterator[bytes]:
    """The file's bytes, a piece at a time."""
    rows = map(tables.row_of, entries)
    if kind == "csv":
        return _csv(rows, delimiter)
    return {"xlsx": _xlsx, "json": _json}[kind](rows)


def by_ids(ids: Sequence[int]) -> Iterator[FAQEntry]:
    """The entries in this order; only some of them are in memory at once."""
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        found = FAQEntry.unscoped.select_related("category__parent").in_bulk(some)
        yield from (found[pk] for pk in some if pk in found)


def template(kind: str, delimiter: str = ",") -> Iterator[bytes]:
    """A file to begin with: the columns, and two rows that say what may stand in them."""
    language = Language.RUSSIAN if get_language() == "ru" else Language.ENGLISH
    rows: list[dict[str, Any]] = [
        {
            "id": "",
            "question": _("How can I pay?"),
            "phrasings": [_("Which cards do you take?"), _("Can I pay in cash?")],
            "answer": _("By card on the site, or in cash at the office."),
            "category": _("Orders › Payment"),
            "keywords": [_("card"), _("cash")],
            "language": language,
            "priority": 5,
            "is_active": True,
            "valid_from": "",
            "valid_until": "",
        },
        {
            "id": "",
            "question": _("Are there discounts at New Year?"),
            "phrasings": [],
            "answer": _("Ten per cent off everything in the last week of December."),
            "category": _("Orders"),
            "keywords": [],
            "language": language,
            "priority": 8,
            "is_active": True,
            "valid_from": "2026-12-24",
            "valid_until": "2026-12-31",
        },
    ]
    if kind == "csv":
        return _csv(iter(rows), delimiter)
    return {"xlsx": _xlsx, "json": _json}[kind](iter(rows))


Rows = Iterable[dict[str, Any]]


def _csv(rows: Rows, delimiter: str) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter)
    # Without the mark Excel reads UTF-8 as the letters of old Windows.
    buffer.write("\ufeff")
    writer.writerow(tables.COLUMNS)
    for row in rows:
        writer.writerow(
            str(cell).lower() if isinstance(cell, bool) else cell for cell in tables.cells_of(row)
        )
        if buffer.tell() > BLOCK:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode()


def _json(rows: Rows) -> Iterator[bytes]:
    glue = "[\n"
    for row in rows:
        yield f"{glue}{json.dumps(row, ensure_ascii=False, indent=1)}".encode()
        glue = ",\n"
    yield b"[]\n" if glue == "[\n" else b"\n]\n"


def _xlsx(rows: Rows) -> Iterator[bytes]:
    """A workbook; it is written to a temporary file, for its parts refer to each other."""
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet("FAQ")
    sheet.freeze_panes = "A2"
    for number, column in enumerate(tables.COLUMNS):
        sheet.column_dimensions[chr(ord("A") + number)].width = WIDTHS.get(column, 14)
    cell_of = _cells(sheet)
    head = [cell_of(column) for column in tables.COLUMNS]
    for cell in head:
        cell.font = Font(bold=True)
    sheet.append(head)
    for row in rows:
        cells = zip(tables.COLUMNS, tables.cells_of(row), strict=True)
        sheet.append([cell_of(_native(column, value)) for column, value in cells])
    with tempfile.TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while block := file.read(BLOCK):
            yield block


def _cells(sheet: Any) -> Callable[[Any], Any]:
    top = Alignment(vertical="top", wrap_text=True)

    def cell_of(value: Any) -> Any:
        cell = WriteOnlyCell(sheet, value)
        cell.alignment = top
        return cell

    return cell_of


def _native(column: str, value: Any) -> Any:
    """A day as a day, and texts so that a workbook takes them as they are."""
    if column in ("valid_from", "valid_until") and value:
        return date.fromisoformat(value)
    return _CODE.sub("_x005F_", value) if isinstance(value, str) else value
