"""Cases of test sets as CSV: written, looked through without a change, and brought in."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chat.models import TestCase, TestSet
from chat.models.trials import LONGEST_QUESTION
from chat.trials.cases import PIECES, dialogue, touch, written
from chat.trials.runs import MOST_CASES
from knowledge.tables import harmless, unharmed
from organizations.models import Language

MAX_BYTES = 1024 * 1024
COLUMNS = (
    *("question", "language", "before", "expected", "reason"),
    *("all_of", "any_of", "none_of", "source"),
)
# What else the columns may be called.
_NAMES = {
    **{column: column for column in COLUMNS},
    "вопрос": "question",
    "язык": "language",
    "сказано до": "before",
    "ожидается": "expected",
    "причина": "reason",
    "все": "all_of",
    "любая": "any_of",
    "нельзя": "none_of",
    "источник": "source",
    "sources": "source",
}
# Where a field of a case stands in a table; what is wrong with the whole row stands nowhere.
_COLUMN_OF = {
    "outcome": "expected",
    "handoff_reason": "reason",
    "history": "before",
    "__all__": "",
    **dict.fromkeys(PIECES, "source"),
}
PHRASES = ("all_of", "any_of", "none_of")


def export(test_set: TestSet, delimiter: str = ",") -> str:
    """The set as CSV, which `look` reads back."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(COLUMNS)
    for case in TestCase.objects.of(test_set.organization).filter(test_set=test_set).order_by("pk"):
        row = [
            case.question,
            case.language,
            written(case.history),
            case.outcome,
            case.handoff_reason,
            *("\n".join(getattr(case, name)) for name in PHRASES),
            "\n".join(f"{kind}:{pk}" for kind, pk in case.sources()),
        ]
        writer.writerow(map(harmless, row))
    return out.getvalue()


@dataclass
class Row:
    """A row of a file: the case it makes, or why it makes none. `action`: new, changed, same."""

    number: int
    question: str
    case: TestCase | None = None
    action: str = ""
    problems: list[tuple[str, str]] = field(default_factory=list)


class BadFile(Exception):
    """A file that is no table of cases; `code` is for programs, `sentence` for people."""

    SENTENCES: dict[str, Promise] = {
        "empty": gettext_lazy("The file is empty."),
        "too_large": gettext_lazy("The file is larger than a megabyte."),
        "too_many": gettext_lazy("A test set has at most 500 cases."),
        "not_text": gettext_lazy("This is no text: save the table as CSV (UTF-8)."),
        "no_columns": gettext_lazy("The first line must name the columns, “question” among them."),
        "column_twice": gettext_lazy("A column is there twice."),
        "broken": gettext_lazy("The file is no CSV: a quoted cell never ends, or is far too long."),
    }

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code, self.sentence = code, self.SENTENCES[code]


def text_of(content: bytes) -> str:
    """The text of an uploaded file; raises BadFile."""
    if len(content) > MAX_BYTES:
        raise BadFile("too_large")
    if b"\0" in content:
        raise BadFile("not_text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # What spreadsheets of old Windows write.
        return content.decode("cp1251", "replace")


def look(test_set: TestSet, text: str) -> list[Row]:
    """What a file would bring in, row by row; raises BadFile. Nothing is written."""
    there = {
        _identity(case): case
        for case in TestCase.objects.of(test_set.organization).filter(test_set=test_set)
    }
    rows: list[Row] = []
    seen: set[tuple[str, str, str]] = set()
    for number, cells in _records(text):
        row = _row(test_set, number, cells)
        if row.case is not None:
            identity = _identity(row.case)
            if identity in seen:
                row.case, row.problems = None, [("question", _("This case is in the file twice."))]
            else:
                seen.add(identity)
                row.action, row.case = _against(there.get(identity), row.case)
        rows.append(row)
    if len(rows) > MOST_CASES or len(there.keys() | seen) > MOST_CASES:
        raise BadFile("too_many")
    return rows


def bring_in(test_set: TestSet, rows: Iterable[Row]) -> int:
    """Write the rows that are right and new or changed; how many."""
    written_rows = [row.case for row in rows if row.case and row.action in ("new", "changed")]
    with transaction.atomic():
        for case in written_rows:
            case.save()
        if written_rows:
            touch(test_set)
    return len(written_rows)


def _identity(case: TestCase) -> tuple[str, str, str]:
    return case.question.casefold(), case.language, written(case.history)


def _against(old: TestCase | None, new: TestCase) -> tuple[str, TestCase]:
    """What a row does to the case that is there, and the case as it will be."""
    if old is None:
        return "new", new
    names = ("outcome", "handoff_reason", *PHRASES, *(f"{kind}_id" for kind in PIECES))
    if all(getattr(old, name) == getattr(new, name) for name in names):
        return "same", old
    for name in names:
        setattr(old, name, getattr(new, name))
    return "changed", old


def _records(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    if not text.strip():
        raise BadFile("empty")
    if "\0" in text:
        raise BadFile("not_text")
    first = text.lstrip().splitlines()[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str | None] = []
    try:
        for number, record in enumerate(reader, start=1):
            if not any(cell.strip() for cell in record):
                continue
            if not columns:
                columns = _columns(record)
                continue
            cells = zip(columns, record, strict=False)
            yield number, {name: unharmed(cell.strip()) for name, cell in cells if name}
    except csv.Error:
        raise BadFile("broken") from None


def _columns(record: list[str]) -> list[str | None]:
    columns = [_NAMES.get(name.strip().casefold()) for name in record]
    if "question" not in columns:
        raise BadFile("no_columns")
    known = [name for name in columns if name]
    if len(known) != len(set(known)):
        raise BadFile("column_twice")
    return columns


def _row(test_set: TestSet, number: int, cells: dict[str, str]) -> Row:
    row = Row(number, cells.get("question", "")[:LONGEST_QUESTION])
    case = TestCase(
        organization=test_set.organization,
        test_set=test_set,
        question=cells.get("question", ""),
        language=cells.get("language", "").lower() or _language(cells.get("question", "")),
        outcome=cells.get("expected", "").lower() or TestCase.Outcome.ANSWER,
        handoff_reason=cells.get("reason", ""),
    )
    for name in PHRASES:
        setattr(
            case, name, [one.strip() for one in cells.get(name, "").splitlines() if one.strip()]
        )
    try:
        case.history = dialogue(cells.get("before", ""))
    except ValidationError as error:
        row.problems += [("before", sentence) for sentence in error.messages]
    row.problems += _take_sources(case, cells.get("source", ""))
    try:
        case.full_clean(exclude={"organization", "test_set", "turn"})
    except ValidationError as error:
        for name, sentences in error.message_dict.items():
            column = _COLUMN_OF.get(name, name)
            row.problems += [(column, sentence) for sentence in sentences]
    row.case = None if row.problems else case
    return row


def _language(question: str) -> str:
    is_russian = any("а" <= letter <= "я" or letter == "ё" for letter in question.lower())
    return Language.RUSSIAN if is_russian else Language.ENGLISH


def _take_sources(case: TestCase, cell: str) -> list[tuple[str, str]]:
    """Find the pieces that a cell names, by number or by their very title; what is wrong."""
    problems = []
    for line in filter(None, map(str.strip, cell.splitlines())):
        kind, _colon, name = (part.strip() for part in line.partition(":"))
        if kind not in PIECES:
            sentence = _("Write a source as “faq: …”, “article: …” or “document: …”.")
            problems.append(("source", sentence))
            continue
        model, title = PIECES[kind]
        rows = model.objects.of(case.organization)
        found = rows.filter(pk=int(name)) if name.isdecimal() and len(name) < 10 else rows.none()
        piece = found.first() or rows.filter(**{title: name}).first()
        if piece is None:
            problems.append(("source", _("There is no such source: %(name)s") % {"name": line}))
        else:
            setattr(case, f"{kind}_id", piece.pk)
    return problems
