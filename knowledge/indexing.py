"""A piece of knowledge made searchable: read, split, embedded, and its passages swapped."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import islice
from typing import BinaryIO, cast

from django.db import connection, models, transaction
from django.utils import timezone

import ai
from ai.interface import AIError
from knowledge import documents
from knowledge.entries import COPIED, KINDS
from knowledge.models import Article, Document, FAQEntry, Knowledge, Passage, WebPage
from knowledge.passages import Piece, split

log = logging.getLogger(__name__)

MAX_PASSAGES = 5000
# The configurations of PostgreSQL that stem a language; others are taken word for word.
CONFIGS = {"ru": "russian", "en": "english"}


def config_of(language: str) -> str:
    """The full-text configuration for a language."""
    return CONFIGS.get(language, "simple")


def index(kind: str, item_id: int, content_hash: str) -> bool:
    """Make the piece's passages anew. False when there was nothing to do or an edit came first.

    Embedding runs outside any transaction; the passages are swapped only if the piece still is
    what was embedded. Raises AIError when trying again may help; every other trouble ends in the
    piece's `failed` status with the reason.
    """
    item = (
        KINDS[kind]
        .unscoped.filter(pk=item_id, content_hash=content_hash)
        .exclude(status=Knowledge.Status.READY)
        .first()
    )
    if item is None:
        return False
    try:
        pieces = pieces_of(item)
        embedder = ai.embedder()
        vectors = embedder.embed([piece.embedded() for piece in pieces])
    except documents.Unreadable as error:
        return fail(kind, item_id, content_hash, error.code)
    except AIError as error:
        if error.retryable:
            raise
        return fail(kind, item_id, content_hash, error.code)
    return _swap(kind, item_id, content_hash, pieces, vectors, embedder.name)


def index_many(kind: str, pairs: Sequence[tuple[int, str]]) -> int:
    """Index several pieces, by id and hash, whose texts are embedded together; how many were.

    Raises AIError when trying again may help, as `index` does; those done by then are done.
    """
    hashes: dict[int, str] = dict(pairs)
    waiting = KINDS[kind].unscoped.filter(pk__in=hashes).exclude(status=Knowledge.Status.READY)
    items = [item for item in waiting if item.content_hash == hashes[item.pk]]
    pieces = {item.pk: pieces_of(item) for item in items}
    embedder = ai.embedder()
    try:
        vectors = iter(
            embedder.embed([piece.embedded() for item in items for piece in pieces[item.pk]])
        )
    except AIError as error:
        if error.retryable:
            raise
        # One of them may be at fault for all: each is tried alone.
        return sum(index(kind, item.pk, item.content_hash) for item in items)
    return sum(
        _swap(
            kind,
            item.pk,
            item.content_hash,
            pieces[item.pk],
            list(islice(vectors, len(pieces[item.pk]))),
            embedder.name,
        )
        for item in items
    )


def pieces_of(item: Knowledge) -> list[Piece]:
    """What a piece of knowledge is searched by."""
    if isinstance(item, FAQEntry):
        # Each way to ask it is a passage of its own, and is matched like the question.
        asked = dict.fromkeys([item.question, *item.phrasings])
        return [Piece(question, item.answer, is_answer=True) for question in asked]
    if isinstance(item, Article | WebPage):
        pieces = split(item.title, item.body)
    elif isinstance(item, Document):
        try:
            with item.file.open("rb") as file:
                pieces = split(
                    item.title, documents.read(cast(BinaryIO, file), item.file.name or "")
                )
        except FileNotFoundError:
            raise documents.Unreadable("file_missing") from None
    else:
        raise TypeError(type(item).__name__)
    if not pieces:
        raise documents.Unreadable("no_text")
    if len(pieces) > MAX_PASSAGES:
        raise documents.Unreadable("text_too_long")
    return pieces


def _swap(
    kind: str,
    item_id: int,
    content_hash: str,
    pieces: list[Piece],
    vectors: list[list[float]],
    embedder: str,
) -> bool:
    with transaction.atomic():
        item = (
            KINDS[kind]
            .unscoped.select_for_update()
            .filter(pk=item_id, content_hash=content_hash)
            .first()
        )
        if item is None:
            return False
        old = Passage.unscoped.filter(**{f"{kind}_id": item_id})
        old.delete()
        passages = Passage.unscoped.bulk_create(
            [
                Passage(
                    organization_id=item.organization_id,
                    **{f"{kind}_id": item_id},
                    position=position,
                    heading=piece.heading[:300],
                    text=piece.text,
                    language=item.language,
                    **{name: getattr(item, name) for name in COPIED},
                    embedder=embedder,
                    embedding=vector,
                )
                for position, (piece, vector) in enumerate(zip(pieces, vectors, strict=True))
            ],
            batch_size=200,
        )
        with connection.cursor() as cursor:
            cursor.execute(
                INDEX_WORDS,
                {
                    "config": config_of(item.language),
                    "passages": [passage.pk for passage in passages],
                },
            )
        KINDS[kind].unscoped.filter(pk=item_id).update(
            status=Knowledge.Status.READY, error="", indexed_at=timezone.now()
        )
        return True


# See `Passage.search` for the word with the organization.
INDEX_WORDS = """
UPDATE knowledge_passage
SET search = setweight(to_tsvector(%(config)s::regconfig, heading), 'A')
             || setweight(to_tsvector(%(config)s::regconfig, text), 'B')
             || array_to_tsvector(ARRAY['@' || organization_id]),
    heading_words = length(to_tsvector(%(config)s::regconfig, heading))
WHERE id = ANY(%(passages)s)
"""


def fail(kind: str, item_id: int, content_hash: str, code: str) -> bool:
    """Record why a piece was not indexed, unless it was edited since. Its old passages go."""
    with transaction.atomic():
        failed = (
            KINDS[kind]
            .unscoped.filter(pk=item_id, content_hash=content_hash)
            .update(status=Knowledge.Status.FAILED, error=code)
        )
        if failed:
            Passage.unscoped.filter(**{f"{kind}_id": item_id}).delete()
    log.warning("%s %s was not indexed: %s", kind, item_id, code)
    return False


def outdated(kind: str, embedder: str) -> models.QuerySet[Knowledge]:
    """The ready pieces whose passages were made by another embedder than today's."""
    return (
        KINDS[kind]
        .unscoped.filter(status=Knowledge.Status.READY)
        .filter(
            models.Exists(
                Passage.unscoped.filter(**{f"{kind}_id": models.OuterRef("pk")}).exclude(
                    embedder=embedder
                )
            )
        )
    )
