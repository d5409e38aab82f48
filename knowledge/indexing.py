"""A piece of knowledge made searchable: read, split, embedded, and its passages swapped."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import reduce
from itertools import islice
from operator import add
from pathlib import Path

from django.conf import settings
from django.db import connection, models, transaction
from django.utils import timezone

import ai
from ai.interface import AIError, Embedder
from knowledge import documents, inserts, spending, upkeep
from knowledge.entries import KINDS
from knowledge.inserts import Made, config_of
from knowledge.models import Article, Document, FAQEntry, Knowledge, Passage, SearchIndex, WebPage
from knowledge.passages import Piece, split
from knowledge.spool import Spool

log = logging.getLogger(__name__)

# Of one piece of knowledge; the text of 50 MB makes fewer.
MAX_PASSAGES = 60_000
# Embedded in one call, and written with one statement.
BATCH = 100
# Vectors of several pieces that are in memory at once.
TOGETHER = 400


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
                with spending.told(item.organization_id):
                    made = _embedded(kind, [item_id], batch, embedder)
                spools[embedder.name].add(*made)
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
    organizations: dict[int, list[Knowledge]] = {}
    for item in waiting.order_by("pk"):
        if item.content_hash == hashes[item.pk]:
            organizations.setdefault(item.organization_id, []).append(item)
    count = 0
    for organization_id, items in organizations.items():
        embedders = upkeep.wanted(upkeep.index_of(organization_id))
        for together in _together(items):
            with spending.told(organization_id):
                count += _index_together(kind, together, embedders)
        upkeep.measure(organization_id)
    return count


def _together(items: Iterable[Knowledge]) -> Iterator[dict[Knowledge, list[Piece]]]:
    """Items with their pieces, so many as are held in memory at once."""
    together: dict[Knowledge, list[Piece]] = {}
    texts = 0
    for item in items:
        pieces = list(pieces_of(item))
        more = sum(len(piece.with_wordings()) for piece in pieces)
        if together and texts + more > TOGETHER:
            yield together
            together, texts = {}, 0
        together[item] = pieces
        texts += more
    if together:
        yield together


def _index_together(
    kind: str, together: Mapping[Knowledge, list[Piece]], embedders: Sequence[Embedder]
) -> int:
    """Embed the items in one call, and swap the passages of all in one transaction."""
    made: list[Made] = []
    try:
        for embedder in embedders:
            ids = [item.pk for item in together]
            pieces = [piece for own in together.values() for piece in own]
            rows = zip(*_embedded(kind, ids, pieces, embedder), strict=True)
            for item, own in together.items():
                wanted = sum(len(piece.with_wordings()) for piece in own)
                made += [
                    Made(item.pk, position, piece, embedder.name, vector)
                    for position, (piece, vector) in enumerate(islice(rows, wanted))
                ]
    except AIError as error:
        if error.retryable:
            raise
        # One of them may be at fault for all: each is tried alone.
        return sum(index(kind, item.pk, item.content_hash) for item in together)
    return _swap_together(kind, {item.pk: item.content_hash for item in together}, made)


def _swap_together(kind: str, hashes: Mapping[int, str], made: Sequence[Made]) -> int:
    """Swap the passages of those items that still are what was embedded; how many are."""
    rows = KINDS[kind].unscoped.filter(pk__in=hashes).exclude(status=Knowledge.Status.READY)
    with transaction.atomic():
        held = rows.select_for_update().order_by("pk").values_list("pk", "content_hash")
        same = {pk for pk, content_hash in held if content_hash == hashes[pk]}
        Passage.unscoped.filter(**{f"{kind}_id__in": same}).delete()
        inserts.insert(kind, [one for one in made if one.item_id in same])
        _ready(kind, same)
    return len(same)


def _ready(kind: str, ids: Iterable[int]) -> None:
    KINDS[kind].unscoped.filter(pk__in=ids).update(
        status=Knowledge.Status.READY, error="", progress=None, indexed_at=timezone.now()
    )


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
    added = reduce(lambda one, other: list(map(add, one, other)), vectors)
    length = math.hypot(*added) or 1.0
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
                made = enumerate(zip(pieces, vectors, strict=True), position)
                inserts.insert(
                    kind,
                    [
                        Made(item_id, place, piece, embedder, vector)
                        for place, (piece, vector) in made
                    ],
                )
                position += len(pieces)
        _ready(kind, [item_id])
        return True


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
