"""Celery tasks of the indexing queue."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.db.models.functions import Now

import ai
from ai.interface import AIError
from knowledge import entries, imports, indexing, site_reading, upkeep, websites
from knowledge.models import Import, Knowledge, SearchIndex

log = logging.getLogger(__name__)

# A piece that is pending for longer was lost on its way.
PATIENCE = timedelta(seconds=20)
MAX_RETRIES = 5
# Of a kind; sent again at once.
LOST = 2000
# A table that takes longer to look through is not what it seems.
IMPORT_SECONDS = 600


@shared_task(name="knowledge.tasks.index", bind=True, max_retries=MAX_RETRIES)
def index(self: Any, kind: str, item_id: int, content_hash: str) -> None:
    """Index a piece; a busy model is asked again with growing pauses, then the reason is kept."""
    try:
        indexing.index(kind, item_id, content_hash)
    except AIError as error:
        if self.request.retries >= MAX_RETRIES:
            indexing.fail(kind, item_id, content_hash, error.code)
            return
        pause = error.retry_after or 2**self.request.retries
        raise self.retry(exc=error, countdown=min(pause, 60)) from error


@shared_task(name="knowledge.tasks.index_many", bind=True, max_retries=MAX_RETRIES)
def index_many(self: Any, kind: str, pairs: list[tuple[int, str]]) -> None:
    """Index a batch of pieces; a busy model is asked again, then the reason is kept."""
    try:
        indexing.index_many(kind, pairs)
    except AIError as error:
        if self.request.retries >= MAX_RETRIES:
            for item_id, content_hash in pairs:
                indexing.fail(kind, item_id, content_hash, error.code)
            return
        pause = error.retry_after or 2**self.request.retries
        raise self.retry(exc=error, countdown=min(pause, 60)) from error


@shared_task(name="knowledge.tasks.check_import", soft_time_limit=IMPORT_SECONDS)
def check_import(import_id: int) -> None:
    """Look through an uploaded table."""
    try:
        imports.check(import_id)
    except SoftTimeLimitExceeded:
        imports.fail(import_id, "too_slow")


@shared_task(name="knowledge.tasks.apply_import")
def apply_import(import_id: int) -> None:
    """Bring a checked table in."""
    imports.apply(import_id)


@shared_task(name="knowledge.tasks.resume_imports")
def resume_imports() -> int:
    """Send again the imports that nobody has worked on for a while; how many."""
    lost = Import.unscoped.filter(status__in=imports.UNDER_WAY, updated_at__lt=Now() - PATIENCE)
    for batch in lost:
        imports.send(batch)
    return len(lost)


@shared_task(name="knowledge.tasks.index_pending")
def index_pending() -> int:
    """Send what was lost on its way, and what another embedder has made; how many."""
    count = 0
    embedder = ai.embedder().name
    for kind, model in entries.KINDS.items():
        for item in indexing.outdated(kind, embedder)[:2000]:
            entries.index_again(item)
            count += 1
        lost = model.unscoped.filter(
            status=Knowledge.Status.PENDING, updated_at__lt=Now() - PATIENCE
        )
        pairs = list(lost.order_by("pk").values_list("pk", "content_hash")[:LOST])
        if kind == "faq":
            entries.send_many(kind, pairs)
        else:
            for item_id, content_hash in pairs:
                entries.send(kind, item_id, content_hash)
        count += len(pairs)
    return count + indexing.change_embedders()


@shared_task(name="knowledge.tasks.keep_graphs")
def keep_graphs() -> int:
    """Build the graphs of organizations that grew large, and drop those of small ones; how many."""
    count = 0
    for index in SearchIndex.unscoped.all():
        needs = upkeep.needs_graph(index)
        if needs is not None:
            upkeep.build_graph(index) if needs else upkeep.drop_graph(index.organization_id)
            count += 1
    for organization in upkeep.orphans():
        upkeep.drop_graph(organization)
        count += 1
    return count


@shared_task(name="knowledge.tasks.read_site")
def read_site(source_id: int, run: str) -> None:
    """Take one step of the reading of a site, and have the next one taken after a pause."""
    pause = site_reading.step(source_id, run)
    if pause is not None:
        # A little later, lest this clock be ahead of the database's.
        websites.send(source_id, run, after=pause + 0.1)


@shared_task(name="knowledge.tasks.read_sites")
def read_sites() -> int:
    """Begin the readings whose time has come, and go on with those that were lost; how many."""
    begun = sum(websites.read(source) for source in websites.due()[:50])
    lost = list(websites.lost().values_list("pk", "run")[:200])
    for source_id, run in lost:
        websites.send(source_id, str(run))
    return begun + len(lost)
