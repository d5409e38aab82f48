"""An FAQ entry as a row of a table: the columns, their names in files, and what stands in cells.

Exports write cells, imports read them. What is written here is read back as it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from knowledge.models import FAQEntry
from knowledge.written import fold, tidy, tidy_text, written

COLUMNS = (
    "id",
    "question",
    "phrasings",
    "answer",
    "category",
    "keywords",
    "language",
    "priority",
    "is_active",
    "valid_from",
    "valid_until",
)
LISTS = ("phrasings", "keywords")
# What people call the columns, folded (see `fold`), beside the names above.
NAMES = {
    "id": ("ид", "код", "key", "external id", "№", "номер"),
    "question": ("вопрос", "вопросы", "questions", "q", "заголовок", "title"),
    "phrasings": (
        *("варианты", "варианты вопроса", "другие формулировки", "формулировки", "синонимы"),
        *("phrasing", "alternatives", "alternative phrasings", "variants", "other ways to ask it"),
    ),
    "answer": ("ответ", "ответы", "answers", "a", "текст", "text"),
    "category": ("категория", "категории", "раздел", "рубрика", "categories", "section", "topic"),
    "keywords": ("ключевые слова", "ключи", "теги", "метки", "keyword", "tags"),
    "language": ("язык", "lang", "locale"),
    "priority": ("приоритет", "важность"),
    "is_active": ("активен", "активна", "активно", "активный", "включен", "включено", "active"),
    "valid_from": ("действует с", "с", "начало", "дата начала", "valid from", "from"),
    "valid_until": (
        *("действует до", "действует по", "до", "по", "конец", "окончание", "дата окончания"),
        *("valid until", "until"),
    ),
}
_BY_NAME = {fold(name): column for column in COLUMNS for name in (column, *NAMES[column])}

# A program of tables takes a cell that begins so for a formula.
_FORMULA = "=+-@＝＋－＠"
# Some look past what is blank.
_RISKY = re.compile(rf"\s*[{re.escape(_FORMULA)}]|'\s*['{re.escape(_FORMULA)}]")
_QUOTED = re.compile(rf"^'(?=\s*['{re.escape(_FORMULA)}])")


def column_of(name: str) -> str | None:
    """The column that a file calls so, in Russian or English."""
    plain = fold(name).strip("*: ")
    return _BY_NAME.get(plain) or _BY_NAME.get(plain.replace("_", " "))


def row_of(entry: FAQEntry) -> dict[str, Any]:
    """The entry's row, by column, with lists as lists."""
    values = tidy(written(entry))
    return {
        column: tidy_text(entry.key) if column == "id" else values[column] for column in COLUMNS
    }


def cells_of(row: Mapping[str, Any]) -> list[Any]:
    """The row's cells: no list, and no text that would be taken for a formula."""
    return [_cell(column, row[column]) for column in COLUMNS]


def _cell(column: str, value: Any) -> Any:
    if column in LISTS:
        value = _joined(value, "\n" if column == "phrasings" else ", ", _SEPARATORS[column])
    return harmless(value) if isinstance(value, str) else value


_SEPARATORS = {"phrasings": re.compile(r"[\n|]"), "keywords": re.compile(r"[\n,;]")}


def _joined(items: list[str], glue: str, separators: re.Pattern[str]) -> str:
    """A list in a cell, as a person would write it; in JSON where that would not come back."""
    if any(separators.search(item) for item in items) or (items and items[0].startswith("[")):
        return json.dumps(items, ensure_ascii=False)
    return glue.join(items)


def list_of(column: str, cell: str) -> list[str]:
    """The list that stands in a cell."""
    if cell.startswith("["):
        try:
            items = json.loads(cell)
        except (ValueError, RecursionError):
            items = None
        if isinstance(items, list) and all(isinstance(item, str) for item in items):
            return items
    return [item.strip() for item in _SEPARATORS[column].split(cell) if item.strip()]


def harmless(text: str) -> str:
    """The text behind an apostrophe, where a program of tables would run it as a formula."""
    return f"'{text}" if _RISKY.match(text) else text


def unharmed(cell: str) -> str:
    """The text that `harmless` was given."""
    return _QUOTED.sub("", cell)
