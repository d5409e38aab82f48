"""FAQ entries as a file: CSV, XLSX or JSON, made piece by piece; an import reads it back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

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
    # The library's 175 modules are 5 MB of each process, most of which never see a workbook.
    from knowledge import workbooks

    return workbooks.make(rows)
