"""FAQ entries as a workbook of Excel."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font

from knowledge import tables

BLOCK = 64 * 1024
WIDTHS = {"question": 40, "phrasings": 40, "answer": 70, "category": 24, "keywords": 24}
# What a workbook would take for one of its own codes of characters.
_CODE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


def make(rows: Iterable[dict[str, Any]]) -> Iterator[bytes]:
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
