"""Tables to import, and what tests do with them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

import openpyxl
from django.core.files.base import ContentFile

from knowledge import imports
from knowledge.models import FAQEntry, Import
from tests.conftest import House


def table(*rows: Iterable[object], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    """A CSV file."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode(encoding)


def workbook(*rows: Iterable[object], merge: str = "") -> bytes:
    """An XLSX file, perhaps with merged cells."""
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row in rows:
        sheet.append(list(row))
    if merge:
        sheet.merge_cells(merge)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def checked(house: House, data: bytes, name: str = "faq.csv") -> Import:
    """An import whose file was looked through."""
    batch = imports.upload(house.organization, ContentFile(data, name), house.owner)
    imports.check(batch.pk)
    batch.refresh_from_db()
    return batch


def brought_in(house: House, data: bytes, name: str = "faq.csv") -> Import:
    """An import that is done."""
    batch = checked(house, data, name)
    assert batch.status == Import.Status.CHECKED, batch.error
    assert imports.bring_in(batch)
    imports.apply(batch.pk)
    batch.refresh_from_db()
    assert batch.status == Import.Status.DONE
    return batch


def actions(batch: Import) -> list[str]:
    """What each row would do."""
    return [row.action for row in batch.rows.order_by("number")]


def codes(batch: Import) -> list[list[tuple[str, str]]]:
    """What is wrong with each row."""
    return [
        [(problem["column"], problem["code"]) for problem in row.problems]
        for row in batch.rows.order_by("number")
    ]


def saved(house: House) -> list[FAQEntry]:
    return list(FAQEntry.objects.of(house.organization).order_by("pk"))
