"""A piece of knowledge made searchable: read, split, embedded, and its passages swapped."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone

import ai
from ai.interface import AIError
from knowledge import documents
from knowledge.entries import COPIED, KINDS
from knowledge.models import Article, Document, FAQEntry, Knowledge, Passage, WebPage
from knowledge.passages import Piece, split
from knowledge.spool import Spool

log = logging.getLogger(__name__)

# Of one piece of knowledge; the text of 50 MB makes fewer.
MAX_PASSAGES = 60_000
# Embedded in one call, and written with one statement.
BATCH = 100
# The configurations of PostgreSQL that stem a language; others are taken word for word.
CONFIGS = {"ru": "russian", "en": "english"}


def config_of(language: str) -> str:
    """The full-text configuration for a language."""
    return CONFIGS.get(language, "simple")


def index(kind: str, item_id: int, content_hash: str) -> bool:
    """Make the piece's passages anew. False when there was nothing to do or an edit came first.

    Embedding runs outside any transaction, batch after batch, and what is embedded waits on the
    disk; the passages are swapped only if the piece still is what was embedded. Raises AIError when
    trying again may help; every other trouble ends in the piece's `failed` status with the reason.
    """
    item = (
        KINDS[kind]
        .unscoped.filter(pk=item_id, content_hash=content_hash)
        .exclude(status=Knowledge.Status.READY)
        .first()
    )
    if item is None:
        return False
    spool, embedder = Spool(), ai.embedder()
    try:
        for batch in _batches(pieces_of(item)):
            spool.add(batch, embedder.embed([piece.embedded() for piece in batch]))
            if len(spool) > MAX_PASSAGES:
                raise documents.Unreadable("text_too_long")
        if not len(spool):
            raise documents.Unreadable("no_text")
        return _swap(kind, item_id, content_hash, spool, embedder.name)
    except documents.Unreadable as error:
        return fail(kind, item_id, content_hash, error.code)
    except AIError as error:
        if error.retryable:
            raise
        return fail(kind, item_id, content_hash, error.code)
    finally:
        spool.close()


def index_many(kind: str, pairs: Sequence[tuple[int, str]]) -> int:
    """Index several pieces, by id and hash, whose texts are embedded together; how many were.

    Raises AIError when trying again may help, as `index` does; those done by then are done.
    """
    hashes: dict[int, str] = dict(pairs)
    waiting = KINDS[kind].unscoped.filter(pk__in=hashes).exclude(status=Knowledge.Status.READY)
    items = [item for item in waiting if item.content_hash == hashes[item.pk]]
    pieces = {item.pk: list(pieces_of(item)) for item in items}
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
    count = 0
    for item in items:
        with closing(Spool()) as spool:
            spool.add(pieces[item.pk], list(islice(vectors, len(pieces[item.pk]))))
            count += _swap(kind, item.pk, item.content_hash, spool, embedder.name)
    return count


def pieces_of(item: Knowledge) -> Iterable[Piece]:
    """What a piece of knowledge is searched by."""
    if isinstance(item, FAQEntry):
        # Each way to ask it is a passage of its own, and is matched like the question.
        asked = dict.fromkeys([item.question, *item.phrasings])
        return [Piece(question, item.answer, is_answer=True) for question in asked]
    if isinstance(item, Article | WebPage):
        return split(item.title, item.body)
    if isinstance(item, Document):
        return _pieces_of_document(item)
    raise TypeError(type(item).__name__)


def _pieces_of_document(item: Document) -> Iterator[Piece]:
    """The pieces of a file as its reading goes on, which is told on the row."""
    told = 0
    _tell(item, told)
    try:
        with (
            Path(item.file.path).open("rb") as file,
            closing(documents.read(file, item.file_name, settings.DOCUMENT_MAX_BYTES)) as blocks,
        ):
            for block in blocks:
                yield from [_row(block)] if block.heading else split(item.title, block.text)
                # The last percent is the writing.
                if (percent := int(block.share * 99)) > told:
                    told = percent
                    _tell(item, told)
    except FileNotFoundError:
        raise documents.Unreadable("file_missing") from None


def _row(block: documents.Block) -> Piece:
    """A row of a table of questions: matched by its question, like an entry."""
    return Piece(block.heading, block.text, is_answer=True)


def _tell(item: Knowledge, progress: int) -> None:
    """Say on the row how far the work came, unless it was edited since."""
    type(item).unscoped.filter(pk=item.pk, content_hash=item.content_hash).update(progress=progress)


def _batches(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    source = iter(pieces)
    while batch := list(islice(source, BATCH)):
        yield batch


def _swap(
    kind: str,
    item_id: int,
    content_hash: str,
    spool: Spool,
    embedder: str,
) -> bool:
    with transaction.atomic():
        item = (
            KINDS[kind]
            .unscoped.select_for_update()
            .filter(pk=item_id, content_hash=content_hash)
            .exclude(status=Knowledge.Status.READY)
            .first()
        )
        if item is None:
            return False
        Passage.unscoped.filter(**{f"{kind}_id": item_id}).delete()
        position = 0
        for pieces, vectors in spool.batches(BATCH):
            _write(item, kind, position, pieces, vectors, embedder)
            position += len(pieces)
        KINDS[kind].unscoped.filter(pk=item_id).update(
            status=Knowledge.Status.READY, error="", progress=None, indexed_at=timezone.now()
        )
        return True


def _write(
    item: Knowledge,
    kind: str,
    first: int,
    pieces: list[Piece],
    vectors: list[list[float]],
    embedder: str,
) -> None:
    passages = Passage.unscoped.bulk_create(
        [
            Passage(
                organization_id=item.organization_id,
                **{f"{kind}_id": item.pk},
                position=position,
                heading=piece.heading[:300],
                text=piece.text,
                language=item.language,
                **{name: getattr(item, name) for name in COPIED},
                embedder=embedder,
                embedding=vector,
            )
            for position, (piece, vector) in enumerate(zip(pieces, vectors, strict=True), first)
        ]
    )
    with connection.cursor() as cursor:
        cursor.execute(
            INDEX_WORDS,
            {
                "config": config_of(item.language),
                "passages": [passage.pk for passage in passages],
            },
        )


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
            .update(status=Knowledge.Status.FAILED, error=code, progress=None)
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
