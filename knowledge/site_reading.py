"""A site read step by step: first its list of pages, then a page a step, all of it in PostgreSQL.

A step is a task, so that other indexing goes on between two pages of a large site. A step that was
cut off is taken again by whoever comes after its lease; a page is done when it bears the number of
the reading, which is committed with what was read.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone

import outgoing
from knowledge import entries, robots, webpages, websites
from knowledge.models import Knowledge, Passage, WebPage, WebSource
from knowledge.retrieval import language_of
from knowledge.webpages import Unreadable
from outgoing import Answer, Limits, Refused

PAGE = Limits(
    total=30,
    max_bytes=2 * 1024 * 1024,
    content_types=("text/html", "application/xhtml+xml", "text/plain", "text/markdown"),
)
PLAIN = ("text/plain", "text/markdown")
SITEMAP = Limits(
    total=30,
    max_bytes=10 * 1024 * 1024,
    content_types=(
        *("application/xml", "text/xml", "application/rss+xml", "text/plain"),
        *("application/gzip", "application/x-gzip", "application/octet-stream"),
    ),
)
MAX_SITEMAPS = 50
# For all sitemaps of one source together.
SITEMAPS_SECONDS = 100.0
# A page takes no longer than this: fetching and parsing have limits of their own.
LEASE = timedelta(seconds=100)
LIST_SECONDS = 180.0
# When another reading of the same site is at work.
BUSY_SECONDS = 2.0
# Trouble that may pass: what was read before stays until the site is well again.
PASSING = {
    *("unreachable", "connect_timeout", "read_timeout", "too_slow", "broken", "no_such_host"),
    *("tls", "robots_unknown", "http_408", "http_425", "http_429"),
}


class Trouble(Exception):
    """A page or a list that cannot be read; `code` names the reason."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Fresh:
    """What a page says now; no text: it has not changed."""

    text: webpages.PageText | None
    etag: str = ""
    last_modified: str = ""


def is_passing(code: str) -> bool:
    """Whether this trouble may be over by itself soon."""
    return code in PASSING or code.startswith("http_5")


def step(source_id: int, run: str) -> float | None:
    """The next step of a reading; seconds until the one after it, None when there is none."""
    source = websites.claim(source_id, run, LEASE)
    if source is None:
        return None
    with _alone(source) as is_alone:
        if not is_alone:
            websites.hold(source, BUSY_SECONDS)
            return BUSY_SECONDS
        goes_on = _list(source) if not source.pages_found else _next_page(source)
        if not goes_on:
            return None
        pause = robots.of(source.url).pause
    websites.hold(source, pause)
    return pause


@contextmanager
def _alone(source: WebSource) -> Iterator[bool]:
    """Whether no other process asks this site just now: one request at a time."""
    name = f"site {outgoing.host_of(outgoing.parse(source.url))}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
        taken = bool(cursor.fetchone()[0])
    try:
        yield taken
    finally:
        if taken:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])


# --- the list of pages ----------------------------------------------------------------------------


def _list(source: WebSource) -> bool:
    """Find out which pages there are; False when that failed, and then nothing is lost."""
    attempt = _attempt(source.error)
    if attempt is None:
        websites.finish(source, error="never_ends", is_read=False)
        return False
    WebSource.unscoped.filter(pk=source.pk, run=source.run).update(error=attempt)
    websites.hold(source, LIST_SECONDS)
    try:
        urls, note = _addresses(source)
    except (Refused, Trouble, Unreadable) as error:
        passes = is_passing(error.code)
        websites.finish(source, error=error.code, is_read=False, is_passing=passes)
        return False
    with transaction.atomic():
        if not _is_current(source):
            return False
        pages = WebPage.unscoped.filter(source=source)
        pages.exclude(url__in=urls).delete()
        known = set(pages.values_list("url", flat=True))
        WebPage.unscoped.bulk_create(
            WebPage(
                organization_id=source.organization_id,
                source=source,
                url=url,
                # Nothing to index yet: `pending` would have it sent to the indexer.
                status=Knowledge.Status.FAILED,
                **{name: getattr(source, name) for name in websites.COPIED},
            )
            for url in urls
            if url not in known
        )
        WebSource.unscoped.filter(pk=source.pk).update(pages_found=len(urls), error=note)
    return True


def _addresses(source: WebSource) -> tuple[list[str], str]:
    """The addresses of a source's pages, and a note for its owner."""
    if source.kind == WebSource.Kind.PAGE:
        return [source.url], ""
    found: dict[str, None] = {}
    queue, seen = [(source.url, 0)], {source.url}
    deadline = time.monotonic() + SITEMAPS_SECONDS
    while queue and len(found) <= source.max_pages:
        url, depth = queue.pop(0)
        if time.monotonic() > deadline:
            raise Trouble("sitemap_too_slow")
        listed = webpages.read_sitemap(_asked(url, SITEMAP, {}).content)
        own = [one for address in listed.addresses if (one := _own(address, source.url))]
        if not listed.is_index:
            found.update(dict.fromkeys(own))
        elif depth < 2:
            further = [one for one in dict.fromkeys(own) if one not in seen]
            seen.update(further)
            queue += [(one, depth + 1) for one in further]
        if len(seen) > MAX_SITEMAPS:
            raise Trouble("too_many_sitemaps")
    if not found:
        raise Trouble("sitemap_empty")
    urls = list(found)[: source.max_pages]
    return urls, "more_pages" if len(found) > len(urls) else ""


def _own(address: str, source: str) -> str | None:
    """An address of the same site without its fragment; None for any other."""
    try:
        url = outgoing.parse(address)
    except Refused:
        return None
    if _site(str(url)) != _site(source) or len(str(url)) > 500:
        return None
    return str(url.copy_with(fragment=None))


def _site(url: str) -> str:
    return outgoing.host_of(outgoing.parse(url)).removeprefix("www.")


# --- a page ---------------------------------------------------------------------------------------


def _next_page(source: WebSource) -> bool:
    """Read a page that this reading has not seen; False when there is none left."""
    page = WebPage.unscoped.filter(source=source).exclude(run=source.run).order_by("pk").first()
    if page is None:
        websites.finish(source, error=source.error, is_read=True)
        return False
    attempt = _attempt(page.fetch_error)
    if attempt is None:
        _store(source, page, Trouble("never_ends"))
        return True
    WebPage.unscoped.filter(pk=page.pk).update(fetch_error=attempt)
    try:
        _store(source, page, _read(source, page))
    except (Refused, Unreadable, Trouble) as error:
        _store(source, page, Trouble(error.code))
    return True


def _attempt(code: str) -> str | None:
    """What is noted before a risky step; None after it was cut off twice."""
    notes: dict[str, str | None] = {"interrupted": "interrupted_twice", "interrupted_twice": None}
    return notes.get(code, "interrupted")


def _read(source: WebSource, page: WebPage) -> Fresh:
    """Ask the site for a page, if it has changed since."""
    conditions = {"If-None-Match": page.etag, "If-Modified-Since": page.last_modified}
    asked = {name: value for name, value in conditions.items() if value and page.body}
    answer = _asked(page.url, PAGE, asked)
    if answer.status == 304:
        return Fresh(None, page.etag, page.last_modified)
    is_plain = answer.content_type in PLAIN
    text = webpages.read_page(answer.content, answer.charset, is_plain=is_plain)
    own = _own(text.canonical, source.url) if text.canonical else None
    others = WebPage.unscoped.filter(source=source, url=own).exclude(pk=page.pk)
    if own and own != page.url and others.exists():
        raise Trouble("duplicate")
    return Fresh(
        text,
        answer.headers.get("etag", "")[:200],
        answer.headers.get("last-modified", "")[:60],
    )


def _asked(url: str, limits: Limits, headers: dict[str, str]) -> Answer:
    """The site's answer, where its robots.txt lets us ask and it has one."""
    _check_robots(url)
    answer = outgoing.fetch(url, headers=headers, limits=limits)
    if answer.url != url:
        _check_robots(answer.url)
    if answer.status != 304 and not 200 <= answer.status < 300:
        raise Trouble(f"http_{answer.status}")
    return answer


def _check_robots(url: str) -> None:
    rules = robots.of(url)
    if not rules.allows(url):
        raise Trouble("robots" if rules.is_known else "robots_unknown")


def _is_current(source: WebSource) -> bool:
    """Whether this reading is still the one that counts; holds the source until the commit."""
    return (
        WebSource.unscoped.select_for_update().filter(pk=source.pk, run=source.run).first()
        is not None
    )


def _store(source: WebSource, seen: WebPage, outcome: Fresh | Trouble) -> None:
    """Keep what came of a page, and that it is done, in one commit."""
    with transaction.atomic():
        if not _is_current(source):
            return
        page = WebPage.unscoped.select_for_update().filter(pk=seen.pk).first()
        if page is None:
            return
        page.run, page.fetched_at = cast(uuid.UUID, source.run), timezone.now()
        try:
            if isinstance(outcome, Fresh):
                _take_in(source, page, outcome)
            else:
                _note(page, outcome.code)
        except ValidationError:
            _note(page, "bad_address")
        done = WebPage.unscoped.filter(source=source, run=source.run).count()
        WebSource.unscoped.filter(pk=source.pk).update(pages_done=done)


def _take_in(source: WebSource, page: WebPage, fresh: Fresh) -> None:
    """What the page says now; it is indexed anew only if that is something else than before."""
    if fresh.text:
        page.title, page.body = fresh.text.title or page.url[:300], fresh.text.body
    page.etag, page.last_modified, page.fetch_error = fresh.etag, fresh.last_modified, ""
    page.language = source.language or language_of(f"{page.title}\n{page.body}")
    failed = page.status == Knowledge.Status.FAILED
    entries.save(page)
    if failed and page.status == Knowledge.Status.FAILED:
        entries.index_again(page)


def _note(page: WebPage, code: str) -> None:
    """A page that could not be read: kept as it was if that may pass, taken out otherwise."""
    page.fetch_error = code
    if not (is_passing(code) and page.body):
        page.status, page.error = Knowledge.Status.FAILED, code
        page.title = page.body = page.etag = page.last_modified = page.content_hash = ""
        Passage.unscoped.filter(page=page).delete()
    page.save()
