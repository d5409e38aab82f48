"""A checked file brought in, a chunk of rows a transaction: a killed worker loses nothing."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from knowledge import entries
from knowledge.imports.looking import CHUNK, Action
from knowledge.imports.shelves import Shelves
from knowledge.models import FAQEntry, Import, ImportRow
from knowledge.written import assign, fingerprint, fold


def apply(import_id: int) -> None:
    """Bring in what is not in yet; a second worker, or one after a crash, goes on with it."""
    while _apply_some(import_id):
        pass


def _apply_some(import_id: int) -> bool:
    """Bring the next rows in, all or none. False when there is nothing more to do."""
    with transaction.atomic():
        batch = (
            Import.unscoped.select_for_update(of=("self",))
            .select_related("organization", "author")
            .filter(pk=import_id, status=Import.Status.APPLYING)
            .first()
        )
        if batch is None:
            return False
        rows = list(
            ImportRow.unscoped.filter(
                batch=batch, is_done=False, action__in=[Action.NEW, Action.CHANGED]
            ).order_by("number")[:CHUNK]
        )
        if rows:
            _bring_in(batch, rows)
            batch.rows_done += len(rows)
            batch.left_count += sum(bool(row.problems) for row in rows)
        else:
            batch.status, batch.finished_at = Import.Status.DONE, timezone.now()
        batch.save()
    return bool(rows)


def _bring_in(batch: Import, rows: Sequence[ImportRow]) -> None:
    """Write the rows that still are what the owner has agreed to; the others say why not."""
    shelves = Shelves(batch.organization)
    old = (
        FAQEntry.unscoped.select_for_update(of=("self",))
        .select_related("category__parent")
        .filter(pk__in=[row.entry_id for row in rows if row.entry_id])
        .order_by("pk")
    )
    known = {entry.pk: entry for entry in old}
    taken = _taken(batch, rows)
    written = []
    for row in rows:
        row.is_done = True
        entry = known.get(row.entry_id or 0)
        code = _left_out(row, entry, taken)
        if code:
            row.problems = [{"column": "", "code": code}]
            continue
        if entry is None:
            entry = FAQEntry(organization=batch.organization)
            if row.values["id"]:
                entry.key = row.values["id"]
        assign(entry, {name: value for name, value in row.values.items() if name != "id"})
        if "category" in row.values:
            entry.category = shelves.get(row.values["category"])
        written.append((row, entry))
    entries.save_many([entry for _row, entry in written], batch.author)
    for row, entry in written:
        row.entry = entry
    ImportRow.unscoped.bulk_update(rows, ["entry", "is_done", "problems"])


def _left_out(row: ImportRow, entry: FAQEntry | None, taken: set[object]) -> str:
    """Why a row is not what it was when it was checked; empty when it is."""
    if row.action == Action.CHANGED:
        if entry is None:
            return "deleted_meanwhile"
        return "" if fingerprint(entry) == row.fingerprint else "changed_meanwhile"
    asked = (fold(row.values["question"]), row.values["language"])
    return "appeared_meanwhile" if {row.values["id"], asked} & taken else ""


def _taken(batch: Import, rows: Sequence[ImportRow]) -> set[object]:
    """The ids of these rows that are there already, and what others wrote since the upload."""
    own = FAQEntry.objects.of(batch.organization)
    keys = [row.values["id"] for row in rows if row.values.get("id")]
    taken: set[object] = set(own.filter(key__in=keys).values_list("key", flat=True))
    others = own.filter(updated_at__gte=batch.created_at).exclude(
        pk__in=ImportRow.unscoped.filter(batch=batch, entry__isnull=False).values("entry")
    )
    for question, language in others.values_list("question", "language"):
        taken.add((fold(question), language))
    return taken
