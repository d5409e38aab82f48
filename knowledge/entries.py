"""What an owner can do with knowledge; the admin (and later REST) calls these verbs."""

from __future__ import annotations

import hashlib
import logging
from typing import Any, TypeVar

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from knowledge.models import Article, Document, FAQEntry, Knowledge, Passage, WebPage
from organizations.models import Organization

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Knowledge)
TASK = "knowledge.tasks.index"
KINDS: dict[str, type[Knowledge]] = {
    "faq": FAQEntry,
    "article": Article,
    "document": Document,
    "page": WebPage,
}
# What passages copy from their owner, so that a search reads one table.
COPIED = ("category_id", "priority", "is_active", "valid_from", "valid_until")


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


def save(item: K) -> K:
    """Save a new or edited piece; what its passages are made of changed, so it is indexed anew.

    Raises ValidationError and then changes nothing.
    """
    item.full_clean()
    with transaction.atomic():
        fresh = content_hash(item)
        is_changed = item.pk is None or fresh != item.content_hash
        item.content_hash = fresh
        if is_changed:
            item.status, item.error = Knowledge.Status.PENDING, ""
        item.save()
        _copy(item)
        if is_changed:
            _index_on_commit(item)
    return item


def set_active(item: Knowledge, is_active: bool) -> None:
    """Let the assistant use a piece, or keep it from using it."""
    item.is_active = is_active
    with transaction.atomic():
        item.save(update_fields=["is_active", "updated_at"])
        _copy(item)


def index_again(item: Knowledge) -> None:
    """Have a piece indexed once more, whatever its state."""
    item.status, item.error = Knowledge.Status.PENDING, ""
    with transaction.atomic():
        item.save(update_fields=["status", "error", "updated_at"])
        _index_on_commit(item)


def content_hash(item: Knowledge) -> str:
    """What a piece's passages are made of, as one number."""
    if isinstance(item, FAQEntry):
        parts = [item.question, item.answer, *item.phrasings, "", *item.keywords]
    elif isinstance(item, Article | WebPage):
        parts = [item.title, item.body]
    elif isinstance(item, Document):
        parts = [item.title, item.file.name or "", str(item.file.size if item.file else 0)]
    else:
        raise TypeError(type(item).__name__)
    return hashlib.sha256("\0".join([item.language, *parts]).encode()).hexdigest()


def _copy(item: Knowledge) -> None:
    Passage.objects.of(item.organization).filter(**{kind_of(item): item}).update(
        **{name: getattr(item, name) for name in COPIED}
    )


def _index_on_commit(item: Knowledge) -> None:
    arguments = [kind_of(item), item.pk, item.content_hash]
    transaction.on_commit(lambda: send(*arguments))


def send(kind: str, item_id: int, content_hash: str) -> None:
    """Tell the indexing worker; when the broker is down `index_pending` does it later."""
    try:
        current_app.send_task(TASK, [kind, item_id, content_hash], queue="indexing", retry=False)
    except (OperationalError, OSError) as error:
        log.warning("%s %s was not sent: %s", kind, item_id, type(error).__name__)
