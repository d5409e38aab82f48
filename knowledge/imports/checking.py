"""A row of a file looked through: what it says of an entry, and what of that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from knowledge import tables
from knowledge.imports.reading import Row
from knowledge.models import Category, FAQEntry
from knowledge.models.pieces import MAX_KEYWORDS, MAX_PHRASINGS
from knowledge.written import Values, fold, tidy, tidy_text
from organizations.models import Language

Problem = dict[str, Any]


def _length(model: type[Any], name: str) -> int:
    return int(model._meta.get_field(name).max_length)


def _item_length(name: str) -> int:
    field: Any = FAQEntry._meta.get_field(name)
    return int(field.base_field.max_length)


LIMITS = {
    "id": _length(FAQEntry, "key"),
    "question": _length(FAQEntry, "question"),
    "answer": _length(FAQEntry, "answer"),
}
ITEMS = {
    "phrasings": (MAX_PHRASINGS, _item_length("phrasings")),
    "keywords": (MAX_KEYWORDS, _item_length("keywords")),
}
CATEGORY_LENGTH = _length(Category, "name")
YES = {"true", "1", "yes", "y", "on", "да", "истина", "вкл", "+", "активен", "active", "✓"}
NO = {"false", "0", "no", "n", "off", "нет", "ложь", "выкл", "-", "неактивен", "inactive"}
LANGUAGES = {
    Language.RUSSIAN: {"ru", "rus", "ru-ru", "ru_ru", "russian", "русский", "рус", "ру"},
    Language.ENGLISH: {"en", "eng", "en-us", "en-gb", "en_us", "english", "английский", "англ"},
}
ARROW = " › "
PATH = re.compile(r"\s*[›>]\s*|\s+/\s+")
# An empty cell under these says nothing; under the others it says that there is nothing.
QUIET = ("id", "language", "priority", "is_active")


class Wrong(Exception):
    """A cell cannot be used."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


def values_of(row: Row, is_json: bool) -> tuple[Values, list[Problem]]:
    """What the row says, by column, and what is wrong with its cells."""
    values: Values = {}
    problems: list[Problem] = []
    if row.trouble:
        problems.append({"column": "", "code": row.trouble})
    for column, cell in row.cells.items():
        text = cell if is_json or not isinstance(cell, str) else tables.unharmed(cell.strip())
        is_empty = text is None or (isinstance(text, str) and not text.strip())
        if is_empty and column in QUIET:
            continue
        try:
            values[column] = _READ[column](column, "" if text is None else text)
        except Wrong as wrong:
            problems.append({"column": column, "code": wrong.code, **wrong.params})
    return values, problems


def whole(values: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with all fields of an entry together, as it would be saved."""
    problems = [
        {"column": column, "code": "missing"}
        for column in ("question", "answer")
        if not values[column]
    ]
    begins, ends = values["valid_from"], values["valid_until"]
    if begins and ends and ends < begins:
        problems.append({"column": "valid_until", "code": "valid_until"})
    return problems


def language_of(values: Mapping[str, Any]) -> str:
    """The language that the row names, else that of its letters."""
    text = f"{values.get('question', '')} {values.get('answer', '')}"
    is_russian = re.search("[а-яё]", text, re.IGNORECASE)
    by_letters = Language.RUSSIAN if is_russian else Language.ENGLISH
    return str(values.get("language") or by_letters)


def defaults(values: Mapping[str, Any]) -> Values:
    """A new entry where the file says nothing."""
    entry = FAQEntry()
    return {
        "question": "",
        "phrasings": [],
        "answer": "",
        "category": "",
        "keywords": [],
        "language": language_of(values),
        "priority": entry.priority,
        "is_active": entry.is_active,
        "valid_from": "",
        "valid_until": "",
    }


# --- one cell -------------------------------------------------------------------------------------


def _text(column: str, cell: Any) -> str:
    if isinstance(cell, bool | list | dict):
        raise Wrong("not_a_text")
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = tidy_text(str(cell))
    limit = LIMITS.get(column)
    if limit and len(text) > limit:
        raise Wrong("max_length", length=len(text), limit=limit)
    return text


def _list(column: str, cell: Any) -> list[str]:
    items = cell if isinstance(cell, list) else tables.list_of(column, _text("", cell))
    if not all(isinstance(item, str) for item in items):
        raise Wrong("not_a_list")
    items = tidy({column: items})[column]
    most, length = ITEMS[column]
    if len(items) > most:
        raise Wrong(column, limit=most)
    if any(len(item) > length for item in items):
        raise Wrong("item_too_long", limit=length)
    return list(items)


def _category(column: str, cell: Any) -> str:
    path = _text(column, cell)
    if len(path) > 2 * CATEGORY_LENGTH + len(ARROW):
        raise Wrong("max_length", length=len(path), limit=CATEGORY_LENGTH)
    return path


def parts_of(path: str) -> list[str]:
    """The names in the path of a category, from the outer one; raises Wrong."""
    parts = [part for part in PATH.split(path) if part]
    if len(parts) > 2:
        raise Wrong("category_depth")
    for part in parts:
        if len(part) > CATEGORY_LENGTH:
            raise Wrong("max_length", length=len(part), limit=CATEGORY_LENGTH)
    return parts


def _language(column: str, cell: Any) -> str:
    word = fold(_text(column, cell))
    for language, words in LANGUAGES.items():
        if word in words:
            return str(language)
    raise Wrong("language")


def _priority(column: str, cell: Any) -> int:
    text = _text(column, cell)
    if not re.fullmatch(r"0*(10|[1-9])", text, re.ASCII):
        raise Wrong("priority")
    return int(text)


def _is_active(column: str, cell: Any) -> bool:
    if isinstance(cell, bool):
        return cell
    word = fold(_text(column, cell))
    if word in YES or word in NO:
        return word in YES
    raise Wrong("is_active")


def _date(column: str, cell: Any) -> str:
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    text = _text(column, cell)
    if not text:
        return ""
    # A program of tables adds midnight to a day.
    day = re.sub(r"[T ]00:00(:00(\.0+)?)?Z?$", "", text)
    for pattern in ("%Y-%m-%d", "%d.%m.%Y"):
        try:
            return datetime.strptime(day, pattern).date().isoformat()  # noqa: DTZ007
        except ValueError:
            continue
    raise Wrong("date")


_READ: dict[str, Callable[[str, Any], Any]] = {
    "id": _text,
    "question": _text,
    "answer": _text,
    "phrasings": _list,
    "keywords": _list,
    "category": _category,
    "language": _language,
    "priority": _priority,
    "is_active": _is_active,
    "valid_from": _date,
    "valid_until": _date,
}
