"""What an owner can do with knowledge; the admin (and later REST) calls these verbs."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from typing import Any, BinaryIO, TypeVar, cast

from celery import current_app
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import OuterRef, Subquery
from kombu.exceptions import OperationalError

from knowledge import documents, revisions
from knowledge.models import Article, Document, FAQEntry, Knowledge, Passage, WebPage
from knowledge.reasons import reason
from knowledge.written import FIELDS
from organizations.models import Member, Organization

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Knowledge)
TASK = "knowledge.tasks.index"
TASK_MANY = "knowledge.tasks.index_many"
# Pieces that are embedded together, and saved together.
BATCH = 100
KINDS: dict[str, type[Knowledge]] = {
    "faq": FAQEntry,
    "article": Article,
    "document": Document,
    "page": WebPage,
}
# What passages copy from their owner, so that a search reads one table.
COPIED = ("category_id", "priority", "is_active", "valid_from", "valid_until")
# What the verbs write beside what the owner does.
INDEXED = ("status", "error", "content_hash")


def kind_of(item: Knowledge) -> str:
    """The short name of a piece's kind, as tasks and passages use it."""
    return next(kind for kind, model in KINDS.items() if isinstance(item, model))


def create_faq(organization: Organization, **fields: Any) -> FAQEntry:
    """Write a new FAQ entry and have it indexed; raises ValidationError."""
    return save(FAQEntry(organization=organization, **fields))


def create_article(organization: Organization, **fields: Any) -> Article:
    """Write a new article and have it indexed; raises ValidationError."""
    return save(Article(organization=organization, **fields))


def create_document(organization: Organization, **fields: Any) -> Document:
    """Take an uploaded file in and have it indexed; raises ValidationError."""
    return save(Document(organization=organization, **fields))


def save(item: K, by: Member | None = None) -> K:
    """Save a new or edited piece; what its passages are made of changed, so it is indexed anew.

    Of an entry or article a revision is kept. Raises ValidationError and then changes nothing.
    """
    item.full_clean()
    with transaction.atomic():
        if isinstance(item, Document):
            _take_file(item)
        before = revisions.stored([item])
        is_changed = _take_hash(item)
        item.save()
        _copy(item)
        revisions.keep([item], before, by)
        if is_changed:
            _index_on_commit(item)
    return item


def save_many(items: Sequence[FAQEntry], by: Member | None = None) -> None:
    """Save new and edited entries of one organization, which the caller has validated, in bulk."""
    with transaction.atomic():
        before = revisions.stored(items)
        changed = [item for item in items if _take_hash(item)]
        FAQEntry.unscoped.bulk_create([item for item in items if not item.pk])
        old = [item for item in items if item.pk in before]
        # One INSERT … ON CONFLICT; a bulk update would be a CASE of each row for each field.
        FAQEntry.unscoped.bulk_create(
            old,
            update_conflicts=True,
            unique_fields=["pk"],
            update_fields=[*FIELDS[FAQEntry], *INDEXED, "updated_at"],
        )
        _copy_many(old)
        revisions.keep(items, before, by)
        pairs = [(item.pk, item.content_hash) for item in changed]
        transaction.on_commit(lambda: send_many("faq", pairs))


def _take_hash(item: Knowledge) -> bool:
    """Make a piece pending if what its passages are made of has changed, and say whether it has."""
    fresh = content_hash(item)
    is_changed = item.pk is None or fresh != item.content_hash
    item.content_hash = fresh
    if is_changed:
        item.status, item.error = Knowledge.Status.PENDING, ""
    return is_changed


def set_active(item: Knowledge, is_active: bool, by: Member | None = None) -> None:
    """Let the assistant use a piece, or keep it from using it."""
    with transaction.atomic():
        before = revisions.stored([item])
        item.is_active = is_active
        item.save(update_fields=["is_active", "updated_at"])
        _copy(item)
        revisions.keep([item], before, by)


def index_again(item: Knowledge) -> None:
    """Have a piece indexed once more, whatever its state."""
    item.status, item.error = Knowledge.Status.PENDING, ""
    with transaction.atomic():
        item.save(update_fields=["status", "error", "updated_at"])
        _index_on_commit(item)


def _take_file(document: Document) -> None:
    """Keep a new file under a name of its own, and drop the one before when all is committed."""
    upload: Any = document.file
    if not upload or upload._committed:
        return
    check_file(upload.file.file, upload.name)
    rows = Document.objects.of(document.organization).filter(pk=document.pk).select_for_update()
    before = rows.values_list("file", flat=True).first()
    upload.save(upload.name, upload.file, save=False)
    if before:
        transaction.on_commit(lambda: upload.storage.delete(before))


def check_file(file: Any, name: str) -> None:
    """Refuse a file that needs no worker to be refused; raises ValidationError."""
    try:
        documents.check(cast(BinaryIO, file), name, settings.DOCUMENT_MAX_BYTES)
    except documents.Unreadable as error:
        refusal = ValidationError(reason(error.code), code=error.code)
        raise ValidationError({"file": refusal}) from error


def content_hash(item: Knowledge) -> str:
    """What a piece's passages are made of, as one number."""
    if isinstance(item, FAQEntry):
        parts = [item.question, item.answer, *item.phrasings, "", *item.keywords]
    elif isinstance(item, Article | WebPage):
        parts = [item.title, item.body]
    elif isinstance(item, Document):
        # Every upload has a name that no other had.
        parts = [item.title, item.file.name or ""]
    else:
        raise TypeError(type(item).__name__)
    return hashlib.sha256("\0".join([item.language, *parts]).encode()).hexdigest()


def _copy(item: Knowledge) -> None:
    Passage.objects.of(item.organization).filter(**{kind_of(item): item}).update(
        **{name: getattr(item, name) for name in COPIED}
    )


def _copy_many(items: Sequence[FAQEntry]) -> None:
    owner = FAQEntry.unscoped.filter(pk=OuterRef("faq_id"))
    Passage.unscoped.filter(faq__in=items).update(
        **{name: Subquery(owner.values(name)) for name in COPIED}
    )


def _index_on_commit(item: Knowledge) -> None:
    arguments = [kind_of(item), item.pk, item.content_hash]
    transaction.on_commit(lambda: send(*arguments))


def send(kind: str, item_id: int, content_hash: str) -> None:
    """Tell the indexing worker; when the broker is down `index_pending` does it later."""
    tell(TASK, kind, item_id, content_hash)


def send_many(kind: str, pairs: Sequence[tuple[int, str]]) -> None:
    """Tell the indexing worker of pieces by id and hash, a batch at a time."""
    for start in range(0, len(pairs), BATCH):
        tell(TASK_MANY, kind, pairs[start : start + BATCH])


def tell(task: str, *arguments: Any) -> None:
    """Give the indexing worker a task; what is lost on its way is found in PostgreSQL."""
    try:
        current_app.send_task(task, list(arguments), queue="indexing", retry=False)
    except (OperationalError, OSError) as error:
        log.warning("%s was not sent: %s", task, type(error).__name__)
