"""What the owner writes, uploads, or has read from the web."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from knowledge.models.base import Category, Knowledge
from organizations.models import Language
from organizations.scoping import OrganizationOwned

MAX_PHRASINGS = 50
MAX_KEYWORDS = 30
# What people are shown; what a file is, its content says (`knowledge.documents.kinds`).
FILE_TYPES = ["pdf", "docx", "txt", "md", "html", "csv"]
_TOKEN = re.compile(r"^[0-9a-f]{12}-")


def validate_phrasings(value: Any) -> None:
    """Accept a list of questions, not too many."""
    if len(value) > MAX_PHRASINGS:
        raise ValidationError(
            _("At most %(count)s phrasings."), code="phrasings", params={"count": MAX_PHRASINGS}
        )


def validate_keywords(value: Any) -> None:
    """Accept a list of words, not too many."""
    if len(value) > MAX_KEYWORDS:
        raise ValidationError(
            _("At most %(count)s keywords."), code="keywords", params={"count": MAX_KEYWORDS}
        )


def new_key() -> str:
    """A name for an entry; the letters keep programs of tables from taking it for a number."""
    return f"faq-{secrets.token_hex(6)}"


def folded(lines: list[str], but: str = "") -> list[str]:
    """The lines without empty ones and repeats (of `but`, too), whatever their case and spaces."""
    kept = {_fold(but): ""}
    for line in lines:
        kept.setdefault(_fold(line), " ".join(line.split()))
    return [line for line in kept.values() if line]


def _fold(line: str) -> str:
    return " ".join(line.split()).casefold()


class FAQEntry(Knowledge):
    """A question with the words to answer it."""

    # The `id` of tables that leave the product and come back; an imported one may be the owner's.
    key = models.CharField(_("id"), max_length=64, default=new_key, editable=False)
    question = models.CharField(_("question"), max_length=300)
    phrasings = ArrayField(
        models.CharField(max_length=300),
        verbose_name=_("other ways to ask it"),
        default=list,
        blank=True,
        validators=[validate_phrasings],
        help_text=_("One a line. Each is matched like the question."),
    )
    answer = models.TextField(_("answer"), max_length=8000, help_text=_("Markdown."))
    keywords = ArrayField(
        models.CharField(max_length=60),
        verbose_name=_("keywords"),
        default=list,
        blank=True,
        validators=[validate_keywords],
        help_text=_("One a line. A question with one of them finds this entry sooner."),
    )

    class Meta:
        verbose_name = _("FAQ entry")
        verbose_name_plural = _("FAQ entries")
        constraints = [
            models.UniqueConstraint(fields=["organization", "key"], name="faq_key_unique")
        ]

    def __str__(self) -> str:
        return self.question

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """Fold what says the same twice: repeats, empty lines, the question among its phrasings."""
        self.phrasings = folded(self.phrasings or [], but=self.question or "")
        self.keywords = folded(self.keywords or [])
        super().clean_fields(exclude=exclude)


class Article(Knowledge):
    """A page the owner writes, in Markdown."""

    title = models.CharField(_("title"), max_length=200)
    body = models.TextField(_("text"), max_length=200_000, help_text=_("Markdown."))
    url = models.URLField(_("address of the page"), blank=True)

    class Meta:
        verbose_name = _("article")
        verbose_name_plural = _("articles")

    def __str__(self) -> str:
        return self.title


def place_of_document(document: Document, name: str) -> str:
    """Where a new file lies: never where another has lain, so that no old reading fits it."""
    own = PurePosixPath(name.replace("\\", "/").replace("\0", "")).name
    # Disks count a name in bytes, and the ending is what people know a file by.
    stem, ending = PurePosixPath(own).stem[:50], PurePosixPath(own).suffix[:8]
    return f"documents/{timezone.now():%Y/%m}/{secrets.token_hex(6)}-{stem}{ending}"


class Document(Knowledge):
    """A file the owner uploads."""

    title = models.CharField(_("title"), max_length=200)
    file = models.FileField(_("file"), upload_to=place_of_document, max_length=200)

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")

    def __str__(self) -> str:
        return self.title

    @property
    def file_name(self) -> str:
        """The file's name as its owner knows it."""
        return _TOKEN.sub("", PurePosixPath(self.file.name or "").name)


class WebSource(OrganizationOwned):
    """A page or a sitemap of a site, read again on a schedule; its pages are knowledge."""

    class Kind(models.TextChoices):
        PAGE = "page", _("One page")
        SITEMAP = "sitemap", _("Sitemap")

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        READING = "reading", _("Being read")
        READ = "read", _("Read")
        FAILED = "failed", _("Failed")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.PAGE)
    url = models.URLField(_("address"), max_length=500)
    category = models.ForeignKey(
        Category, models.SET_NULL, null=True, blank=True, verbose_name=_("category")
    )
    language = models.CharField(
        _("language"),
        max_length=5,
        choices=Language,
        blank=True,
        help_text=_("Empty: each page's own, by its letters."),
    )
    priority = models.PositiveSmallIntegerField(
        _("priority"), default=5, validators=[MinValueValidator(1), MaxValueValidator(10)]
    )
    is_active = models.BooleanField(_("active"), default=True)
    every_hours = models.PositiveSmallIntegerField(
        _("read again after, in hours"),
        null=True,
        blank=True,
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(24 * 60)],
        help_text=_("Empty: only by hand."),
    )
    max_pages = models.PositiveSmallIntegerField(
        _("pages at most"),
        default=200,
        validators=[MinValueValidator(1), MaxValueValidator(2000)],
    )
    status = models.CharField(
        _("state"), max_length=8, choices=Status, default=Status.WAITING, editable=False
    )
    error = models.CharField(_("reason"), max_length=300, blank=True, editable=False)
    pages_found = models.PositiveIntegerField(_("pages found"), default=0, editable=False)
    pages_done = models.PositiveIntegerField(_("pages read"), default=0, editable=False)
    # Of the reading under way; a later one makes it stale.
    run = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    next_read_at = models.DateTimeField(_("next reading"), null=True, editable=False)
    last_read_at = models.DateTimeField(_("last read"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("web source")
        verbose_name_plural = _("web sources")
        constraints = [
            models.UniqueConstraint(fields=["organization", "url"], name="web_source_url_unique")
        ]

    def __str__(self) -> str:
        return self.url


class WebPage(Knowledge):
    """A page that was read from the web, as Markdown."""

    source = models.ForeignKey(
        WebSource, models.CASCADE, related_name="pages", verbose_name=_("web source")
    )
    url = models.URLField(_("address"), max_length=500)
    title = models.CharField(_("title"), max_length=300, blank=True)
    body = models.TextField(_("text"), blank=True)
    etag = models.CharField(max_length=200, blank=True, editable=False)
    last_modified = models.CharField(max_length=60, blank=True, editable=False)
    # The source's reading that saw it last.
    run = models.UUIDField(null=True, editable=False)
    fetched_at = models.DateTimeField(_("fetched"), null=True, editable=False)
    fetch_error = models.CharField(_("trouble"), max_length=300, blank=True, editable=False)

    class Meta:
        verbose_name = _("web page")
        verbose_name_plural = _("web pages")
        constraints = [
            models.UniqueConstraint(fields=["source", "url"], name="web_page_url_unique")
        ]

    def __str__(self) -> str:
        return self.title or self.url
