"""Tables of FAQ entries brought in: what an owner can do with them, and what the worker does.

`reading` makes rows of a file, `checking` values of a row's cells, `looking` holds the rows against
what is there (the dry run), `applying` writes them. `problems` has the sentences.
"""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.files import File
from django.db import transaction
from django.utils import timezone

from knowledge import entries
from knowledge.imports.applying import apply
from knowledge.imports.looking import check, fail
from knowledge.imports.problems import file_sentence
from knowledge.imports.reading import MAX_BYTES
from knowledge.models import Import
from organizations.models import Member, Organization

__all__ = ["UNDER_WAY", "apply", "bring_in", "cancel", "check", "fail", "send", "submit", "upload"]

Status = Import.Status
UNDER_WAY = (Status.CHECKING, Status.APPLYING)
TASKS = {
    Status.CHECKING: "knowledge.tasks.check_import",
    Status.APPLYING: "knowledge.tasks.apply_import",
}


def upload(organization: Organization, file: File[bytes], by: Member | None = None) -> Import:
    """Take a file and have it checked; raises ValidationError."""
    return submit(Import(organization=organization, file=file, author=by))


def submit(batch: Import) -> Import:
    """Save a new import and have its file checked; raises ValidationError."""
    batch.full_clean(exclude={"author"})
    if batch.file.size > MAX_BYTES:
        sentence = file_sentence("file_too_large", {"megabytes": MAX_BYTES // 1024 // 1024})
        raise ValidationError({"file": sentence}, code="file_too_large")
    batch.name = str(batch)[:255]
    with transaction.atomic():
        batch.save()
        transaction.on_commit(lambda: send(batch))
    return batch


def bring_in(batch: Import) -> bool:
    """Have a checked file written. False when it is not, or not any more, to be."""
    with transaction.atomic():
        found = (
            Import.objects.of(batch.organization)
            .select_for_update()
            .filter(pk=batch.pk, status=Status.CHECKED)
            .first()
        )
        if found is None:
            return False
        found.status = Status.APPLYING
        found.rows_done, found.rows_total = 0, found.created_count + found.changed_count
        found.save()
        transaction.on_commit(lambda: send(found))
    return True


def cancel(batch: Import) -> bool:
    """Give an import up before it is brought in, with all that was found. False when too late."""
    with transaction.atomic():
        cancelled = (
            Import.objects.of(batch.organization)
            .filter(pk=batch.pk, status__in=[Status.CHECKING, Status.CHECKED])
            .update(status=Status.CANCELLED, finished_at=timezone.now(), report={})
        )
        if cancelled:
            batch.rows.all().delete()
            transaction.on_commit(lambda: batch.file.delete(save=False))
    return bool(cancelled)


def send(batch: Import) -> None:
    """Tell the worker of an import; when the broker is down `resume_imports` does it later."""
    entries.tell(TASKS[Status(batch.status)], batch.pk)
