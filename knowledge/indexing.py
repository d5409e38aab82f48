"""A piece of knowledge made searchable: read, split, embedded, and its passages swapped."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone

import ai
from ai.interface import AIError, Embedder
from knowledge import documents, upkeep
from knowledge.entries import COPIED, KINDS
from knowledge.models import Article, Document, FAQEntry, Knowledge, Passage, SearchIndex, WebPage
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
    # While the embedder changes, an edit is embedded by both: the old vectors still serve.
    embedders = upkeep.wanted(upkeep.index_of(item.organization_id))
    spools = {embedder.name: Spool() for embedder in embedders}
    try:
        for batch in _batches(pieces_of(item)):
            for embedder in embedders:
                spools[embedder.name].add(*_embedded(kind, [item_id], batch, embedder))
            if max(map(len, spools.values())) > MAX_PASSAGES:
                raise documents.Unreadable("text_too_long")
        if not all(map(len, spools.values())):
            raise documents.Unreadable("no_text")
        is_done = _swap(kind, item_id, content_hash, spools)
    except documents.Unreadable as error:
        return fail(kind, item_id, content_hash, error.code)
    except AIError as error:
        if error.retryable:
            raise
        return fail(kind, item_id, content_hash, error.code)
    finally:
        for spool in spools.values():
            spool.close()
    if is_done:
        upkeep.measure(item.organization_id)
    return is_done


def index_many(kind: str, pairs: Sequence[tuple[int, str]]) -> int:
    """Index several pieces, by id and hash, whose texts are embedded together; how many were.

    Raises AIError when trying again may help, as `index` does; those done by then are done.
    """
    hashes: dict[int, str] = dict(pairs)
    waiting = KINDS[kind].unscoped.filter(pk__in=hashes).exclude(status=Knowledge.Status.READY)
    items = [item for item in waiting if item.content_hash == hashes[item.pk]]
    if any(len(upkeep.wanted(upkeep.index_of(o))) > 1 for o in {i.organization_id for i in items}):
        return sum(index(kind, item.pk, item.content_hash) for item in items)
    pieces = {item.pk: list(pieces_of(item)) for item in items}
    embedder = ai.embedder()
    try:
        made, vectors = _embedded(
            kind,
            [item.pk for item in items],
            [piece for item in items for piece in pieces[item.pk]],
            embedder,
        )
    except AIError as error:
        if error.retryable:
            raise
        # One of them may be at fault for all: each is tried alone.
        return sum(index(kind, item.pk, item.content_hash) for item in items)
    count, start = 0, 0
    for item in items:
        end = start + sum(len(piece.with_wordings()) for piece in pieces[item.pk])
        with closing(Spool()) as spool:
            spool.add(made[start:end], vectors[start:end])
            count += _swap(kind, item.pk, item.content_hash, {embedder.name: spool})
        start = end
    for organization in {item.organization_id for item in items}:
        upkeep.measure(organization)
    return count


def _embedded(
    kind: str, ids: Sequence[int], pieces: Sequence[Piece], embedder: Embedder
) -> tuple[list[Piece], list[list[float]]]:
    """The pieces and their wordings, with a vector each; a text embedded before is not sent."""
    texts = dict.fromkeys(text for piece in pieces for text in piece.embedded())
    known = _known_vectors(kind, ids, pieces, embedder)
    missing = [text for text in texts if text not in known]
    known |= dict(zip(missing, embedder.embed(missing), strict=True))
    made: list[Piece] = []
    vectors: list[list[float]] = []
    for piece in pieces:
        own = [known[text] for text in piece.embedded()]
        made += piece.with_wordings()
        vectors += [mean(own), *own] if len(own) > 1 else own
    return made, vectors


def _known_vectors(
    kind: str, ids: Sequence[int], pieces: Sequence[Piece], embedder: Embedder
) -> dict[str, list[float]]:
    """The vectors by this embedder that the rows have for these texts already."""
    by_words = {(one.heading, one.text): one for piece in pieces for one in piece.with_wordings()}
    rows = Passage.unscoped.filter(
        **{f"{kind}_id__in": ids},
        embedder=embedder.name,
        heading__in={heading for heading, _text in by_words},
    ).exclude(is_wording=False, wordings__gt=1)
    known = {}
    for heading, text, vector, is_wording in rows.values_list(
        "heading", "text", "embedding", "is_wording"
    ):
        if is_wording or kind == "faq":
            known[heading] = list(vector)
        elif piece := by_words.get((heading, text)):
            known[piece.embedded()[0]] = list(vector)
    return known


def mean(vectors: Sequence[Sequence[float]]) -> list[float]:
    """The direction of several vectors together, of unit length."""
    if len(vectors) == 1:
        return list(vectors[0])
    added = [math.fsum(numbers) for numbers in zip(*vectors, strict=True)]
    length = math.sqrt(math.fsum(x * x for x in added)) or 1.0
    return [x / length for x in added]


def pieces_of(item: Knowledge) -> Iterable[Piece]:
    """What a piece of knowledge is searched by."""
    if isinstance(item, FAQEntry):
        asked = tuple(dict.fromkeys([item.question, *item.phrasings]))
        return [Piece(item.question, item.answer, True, asked, tuple(item.keywords))]
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
    spools: Mapping[str, Spool],
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
        for embedder, spool in spools.items():
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
                is_wording=piece.is_wording,
                wordings=max(1, len(piece.wordings)),
            )
            for position, (piece, vector) in enumerate(zip(pieces, vectors, strict=True), first)
        ]
    )
    index_words(
        item.language,
        {
            passage.pk: piece.asked()
            for passage, piece in zip(passages, pieces, strict=True)
            if not piece.is_wording
        },
    )


def index_words(language: str, asked: Mapping[int, str]) -> None:
    """Make passages findable by their words; `asked` is what each is asked for."""
    with connection.cursor() as cursor:
        cursor.execute(
            INDEX_WORDS,
            {
                "config": config_of(language),
                "passages": list(asked),
                "asked": list(asked.values()),
            },
        )


# See `Passage.search` for the word with the organization.
INDEX_WORDS = """
UPDATE knowledge_passage
SET search = setweight(to_tsvector(%(config)s::regconfig, made.asked), 'A')
             || setweight(to_tsvector(%(config)s::regconfig, text), 'B')
             || array_to_tsvector(ARRAY['@' || organization_id])
FROM unnest(%(passages)s::bigint[], %(asked)s::text[]) AS made(id, asked)
WHERE knowledge_passage.id = made.id
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
    """The ready pieces that have passages, but none by this embedder."""
    own = Passage.unscoped.filter(**{f"{kind}_id": models.OuterRef("pk")})
    return (
        KINDS[kind]
        .unscoped.filter(status=Knowledge.Status.READY)
        .filter(models.Exists(own), ~models.Exists(own.filter(embedder=embedder)))
    )


def change_embedders() -> int:
    """Let organizations be searched by the settings' embedder whose passages are all ready."""
    embedder = ai.embedder().name
    waiting = {
        organization
        for kind, model in KINDS.items()
        for pieces in (
            outdated(kind, embedder),
            model.unscoped.filter(status=Knowledge.Status.PENDING),
        )
        for organization in pieces.values_list("organization_id", flat=True).distinct()
    }
    ready = SearchIndex.unscoped.exclude(embedder=embedder).exclude(organization__in=waiting)
    for index in ready:
        upkeep.change_embedder(index)
    return len(ready)
