"""What an owner can do with the pages of a site; the admin calls these verbs.

The reading itself is `knowledge.site_reading`, a step a task.
"""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta

from celery import current_app
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from kombu.exceptions import OperationalError

import outgoing
from knowledge.models import Passage, WebPage, WebSource
from outgoing import Refused

log = logging.getLogger(__name__)

TASK = "knowledge.tasks.read_site"
# What a page takes over from its source.
COPIED = ("category_id", "priority", "is_active")
# A change of these wants another look at the site.
READ_BY = ("kind", "url", "language", "max_pages")
# A reading whose next step is later than this was lost on its way.
PATIENCE = timedelta(seconds=20)

REASONS: dict[str, Promise] = {
    "robots": _("The site asks machines not to read this page (robots.txt)."),
    "robots_unknown": _("The site does not say what may be read: its robots.txt cannot be read."),
    "page_empty": _("There is no text on the page; perhaps it is made by scripts."),
    "page_broken": _("The page's markup makes no sense."),
    "too_heavy": _("The page is built so that reading it takes too much."),
    "duplicate": _("Another page of this source has the same text."),
    "interrupted": _("The reading broke off; it goes on soon."),
    "interrupted_twice": _("The reading broke off; it goes on soon."),
    "never_ends": _("The page breaks off its own reading each time."),
    "not_sitemap": _("This is not a sitemap."),
    "sitemap_empty": _("The sitemap names no page that can be read."),
    "sitemap_packed": _("The sitemap is packed in a way that cannot be unpacked."),
    "sitemap_too_slow": _("The sitemaps take too long to be read."),
    "too_many_sitemaps": _("There are too many sitemaps."),
    "xml_broken": _("The sitemap is no well-formed XML."),
    "xml_entities": _("The sitemap defines entities of its own; such are not read."),
    "more_pages": _("There are more pages than may be read; raise the limit."),
    "http_401": _("The page wants a password."),
    "http_403": _("The site does not let us read this page."),
    "http_404": _("There is no such page (any more)."),
    "http_410": _("The page is gone for good."),
    "http_429": _("The site says that we ask too much; it will be tried again."),
}


def trouble(code: str) -> str:
    """The sentence for the code that a source or a page keeps."""
    if code in REASONS:
        return str(REASONS[code])
    if code.startswith("http_"):
        return gettext("The site answered with the code %(code)s.") % {"code": code[5:]}
    return outgoing.sentence(code)


def check_url(url: str) -> None:
    """Raise ValidationError for an address that will never be read."""
    try:
        outgoing.parse(url)
    except Refused as refused:
        raise ValidationError(outgoing.sentence(refused.code), code=refused.code) from None


def save(source: WebSource) -> WebSource:
    """Save a new or edited source, and have it read where that may find something new.

    Raises ValidationError and then changes nothing.
    """
    check_url(source.url)
    source.full_clean()
    with transaction.atomic():
        before = WebSource.unscoped.filter(pk=source.pk).values(*READ_BY).first()
        source.save()
        copied = {name: getattr(source, name) for name in COPIED}
        WebPage.unscoped.filter(source=source).update(**copied)
        Passage.unscoped.filter(page__source=source).update(**copied)
        if before != {name: getattr(source, name) for name in READ_BY}:
            _begin(source)
    return source


def read(source: WebSource) -> bool:
    """Have a source read now; False when it is being read already."""
    with transaction.atomic():
        current = WebSource.unscoped.select_for_update().get(pk=source.pk)
        if current.status == WebSource.Status.READING:
            return False
        _begin(source)
    return True


def _begin(source: WebSource) -> None:
    """A new reading; what is under way of an older one changes nothing any more."""
    source.run, source.status, source.error = uuid.uuid4(), WebSource.Status.READING, ""
    source.pages_found = source.pages_done = 0
    source.lease_until = None
    source.save(
        update_fields=[
            *("run", "status", "error", "pages_found", "pages_done", "lease_until", "updated_at")
        ]
    )
    arguments = (source.pk, str(source.run))
    transaction.on_commit(lambda: send(*arguments))


def due() -> QuerySet[WebSource]:
    """The sources whose time has come."""
    return WebSource.unscoped.filter(is_active=True, next_read_at__lte=Now()).exclude(
        status=WebSource.Status.READING
    )


def lost() -> QuerySet[WebSource]:
    """The sources whose reading should go on and does not: a worker or a message was lost."""
    return WebSource.unscoped.filter(status=WebSource.Status.READING).filter(
        Q(lease_until__lt=Now() - PATIENCE) | Q(lease_until=None, updated_at__lt=Now() - PATIENCE)
    )


def claim(source_id: int, run: str, lease: timedelta) -> WebSource | None:
    """The source, for one step of this reading; None when another has it or it is over."""
    mine = WebSource.unscoped.filter(pk=source_id, run=run, status=WebSource.Status.READING).filter(
        Q(lease_until=None) | Q(lease_until__lte=Now())
    )
    if not mine.update(lease_until=Now() + lease):
        return None
    return WebSource.unscoped.select_related("organization").get(pk=source_id)


def hold(source: WebSource, seconds: float) -> None:
    """Nobody takes the next step of this reading sooner than this."""
    WebSource.unscoped.filter(pk=source.pk, run=source.run).update(
        lease_until=Now() + timedelta(seconds=seconds)
    )


def finish(source: WebSource, *, error: str = "", is_read: bool, is_passing: bool = False) -> None:
    """End a reading, with its trouble if there was one; trouble that passes is tried sooner."""
    hours = source.every_hours
    if hours is not None and is_passing:
        hours = min(hours, 1)
    now = timezone.now()
    status = WebSource.Status.READ if is_read else WebSource.Status.FAILED
    WebSource.unscoped.filter(pk=source.pk, run=source.run).update(
        status=status,
        error=error,
        lease_until=None,
        last_read_at=now if is_read else F("last_read_at"),
        next_read_at=None if hours is None else now + timedelta(hours=hours),
    )


def send(source_id: int, run: str, after: float = 0.0) -> None:
    """Tell the indexing worker of the next step; `lost` finds what does not arrive."""
    try:
        current_app.send_task(
            TASK, [source_id, run], queue="indexing", retry=False, countdown=after or None
        )
    except (OperationalError, OSError) as error:
        log.warning("web source %s was not sent: %s", source_id, type(error).__name__)
