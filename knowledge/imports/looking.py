"""The dry run: each row of a file held against what is there; nothing but the report is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, BinaryIO, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from knowledge.imports import checking
from knowledge.imports.checking import Problem, Wrong
from knowledge.imports.problems import BadFile
from knowledge.imports.reading import MAX_ROWS, Row, Table, read
from knowledge.imports.shelves import Shelves
from knowledge.models import FAQEntry, Import, ImportRow
from knowledge.tables import COLUMNS
from knowledge.written import Values, assign, fingerprint, fold, tidy, written
from organizations.models import Organization

CHUNK = 500
# As many new categories are named.
MAX_NAMED = 100
Action = ImportRow.Action
COUNTS = {
    Action.NEW: "created_count",
    Action.CHANGED: "changed_count",
    Action.UNCHANGED: "unchanged_count",
    Action.WRONG: "wrong_count",
}


def check(import_id: int) -> None:
    """Look through an import; a second worker, or one after a crash, goes on with it."""
    batch = (
        Import.unscoped.select_related("organization")
        .filter(pk=import_id, status=Import.Status.CHECKING)
        .first()
    )
    if batch is None:
        return
    try:
        with batch.file.open("rb") as file:
            total = _count(read(cast(BinaryIO, file)))
        Import.unscoped.filter(pk=batch.pk).update(rows_total=total, updated_at=timezone.now())
        with batch.file.open("rb") as file:
            table = read(cast(BinaryIO, file))
            look = Look(batch.organization, table.is_json)
            start = 0
            while rows := list(islice(table.rows, CHUNK)):
                if not _store(batch, start, look.at(rows)):
                    return
                start += len(rows)
    except FileNotFoundError:
        fail(import_id, "file_missing")
    except BadFile as error:
        fail(import_id, error.code, **error.params)
    else:
        report = {"ignored": table.ignored, "categories": look.shelves.new[:MAX_NAMED]}
        Import.unscoped.filter(pk=batch.pk, status=Import.Status.CHECKING).update(
            status=Import.Status.CHECKED, report=report, updated_at=timezone.now()
        )


def fail(import_id: int, code: str, **params: Any) -> None:
    """Record why a file cannot be brought in."""
    Import.unscoped.filter(pk=import_id, status=Import.Status.CHECKING).update(
        status=Import.Status.FAILED,
        error=code,
        report={"params": params},
        finished_at=timezone.now(),
    )


def _count(table: Table) -> int:
    """How many rows there are; a file that breaks off, or has too many, is refused as a whole."""
    count = 0
    for count, _row in enumerate(table.rows, 1):
        if count > MAX_ROWS:
            raise BadFile("too_many_rows", limit=MAX_ROWS)
    if not count:
        raise BadFile("no_rows")
    return count


def _store(batch: Import, start: int, rows: list[ImportRow]) -> bool:
    """Keep what was found, but for what was kept before. False after a cancel."""
    with transaction.atomic():
        now = (
            Import.unscoped.select_for_update()
            .filter(pk=batch.pk, status=Import.Status.CHECKING)
            .first()
        )
        if now is None:
            return False
        fresh = rows[max(0, now.rows_done - start) :]
        for row in fresh:
            row.batch, row.organization_id = batch, batch.organization_id
        ImportRow.unscoped.bulk_create(fresh)
        counts = {
            name: F(name) + sum(row.action == action for row in fresh)
            for action, name in COUNTS.items()
        }
        Import.unscoped.filter(pk=batch.pk).update(
            **counts, rows_done=F("rows_done") + len(fresh), updated_at=timezone.now()
        )
    return True


@dataclass
class Found:
    """A row on its way through the check."""

    row: Row
    values: Values
    problems: list[Problem]
    key: str = ""
    entry_id: int | None = None


@dataclass
class Look:
    """What rows are held against: the organization's entries, and the rows that came before."""

    organization: Organization
    is_json: bool
    by_key: dict[str, int] = field(default_factory=dict)
    by_question: dict[str, list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    seen: dict[Any, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shelves = Shelves(self.organization)
        entries = FAQEntry.objects.of(self.organization)
        for pk, key, question, language in entries.values_list(
            "pk", "key", "question", "language"
        ).iterator():
            self.by_key[key] = pk
            self.by_question[fold(question)].append((language, pk))

    def at(self, rows: Iterable[Row]) -> list[ImportRow]:
        """What each of some rows would do."""
        found = [self._match(row) for row in rows]
        entries = (
            FAQEntry.objects.of(self.organization)
            .select_related("category__parent")
            .in_bulk([one.entry_id for one in found if one.entry_id])
        )
        return [self._judge(one, entries.get(one.entry_id or 0)) for one in found]

    def _match(self, row: Row) -> Found:
        """Find the entry that a row is about: by id, else by its question in its language."""
        values, problems = checking.values_of(row, self.is_json)
        found = Found(row, values, problems, key=values.pop("id", ""))
        found.entry_id = self.by_key.get(found.key)
        same = fold(values.get("question", ""))
        if found.entry_id is None and same:
            language = values.get("language")
            matches = [pk for own, pk in self.by_question.get(same, ()) if language in (None, own)]
            if len(matches) > 1:
                problems.append({"column": "question", "code": "several_match"})
            elif matches:
                found.entry_id = matches[0]
        problems.extend(self._repeats(found, same))
        return found

    def _repeats(self, found: Found, same: str) -> Iterator[Problem]:
        """Whether an earlier row has the id, or is about the same."""
        number = found.row.number
        if found.key:
            first = self.seen.setdefault(("id", found.key), number)
            if first != number:
                yield {"column": "id", "code": "duplicate_id", "row": first}
                return
        about: Any = found.entry_id
        if about is None and same:
            about = (same, checking.language_of(found.values))
        if about is not None and (first := self.seen.setdefault(about, number)) != number:
            yield {"column": "question", "code": "duplicate_question", "row": first}

    def _judge(self, found: Found, entry: FAQEntry | None) -> ImportRow:
        """Say what would become of the entry, or why nothing can."""
        values, problems = found.values, found.problems
        now = tidy(written(entry)) if entry else checking.defaults(values)
        self._shelve(found, now)
        after = {**now, **values}
        known = {problem["column"] for problem in problems}
        problems += [p for p in checking.whole(after) if p["column"] not in known]
        if not problems:
            problems += _refused(after)
        problems.sort(key=lambda problem: COLUMNS.index(problem["column"] or "id"))
        changed = [name for name in values if after[name] != now[name]]
        row = ImportRow(
            number=found.row.number,
            title=(after["question"] or found.key)[:300],
            problems=problems,
            entry=entry,
        )
        if problems:
            row.action = Action.WRONG
        elif entry is None:
            row.action, row.values = Action.NEW, after | {"id": found.key}
        elif changed:
            row.action, row.fingerprint = Action.CHANGED, fingerprint(entry)
            row.values = {name: after[name] for name in changed}
            row.before = {name: now[name] for name in changed}
        else:
            row.action, row.is_done = Action.UNCHANGED, True
        return row

    def _shelve(self, found: Found, now: Values) -> None:
        path = found.values.get("category")
        if not path or found.problems:
            return
        if fold(path) == fold(now["category"]):
            found.values["category"] = now["category"]
            return
        try:
            found.values["category"] = self.shelves.path(path)
        except Wrong as wrong:
            found.problems.append({"column": "category", "code": wrong.code, **wrong.params})


def _refused(after: Values) -> list[Problem]:
    """What the model's own rules say of the fields, should they know more than is checked here."""
    entry = FAQEntry()
    assign(entry, after)
    try:
        entry.clean_fields(exclude={"organization", "category", "key"})
    except ValidationError as error:
        return [{"column": name, "code": "invalid"} for name in error.message_dict]
    return []
