"""What the assistant may say: entries, articles, documents, their passages, and context facts."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.validators import FileExtensionValidator, MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from organizations.models import Agent, Language
from organizations.scoping import OrganizationOwned

DIMENSIONS = 1024


class Category(OrganizationOwned):
    """A shelf of knowledge, perhaps kept for some agents only."""

    name = models.CharField(_("name"), max_length=80)
    agents = models.ManyToManyField(
        Agent,
        related_name="categories",
        blank=True,
        verbose_name=_("agents that may use it"),
        help_text=_("None chosen: every agent."),
    )

    class Meta:
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="category_name_unique")
        ]

    def __str__(self) -> str:
        return self.name


class Knowledge(OrganizationOwned):
    """What every piece of knowledge has, and how far its indexing came."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        READY = "ready", _("Ready")
        FAILED = "failed", _("Failed")

    category = models.ForeignKey(
        Category, models.SET_NULL, null=True, blank=True, verbose_name=_("category")
    )
    language = models.CharField(
        _("language"), max_length=5, choices=Language, default=Language.RUSSIAN
    )
    priority = models.PositiveSmallIntegerField(
        _("priority"),
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(10)],
        help_text=_("1 to 10; of two equal matches the higher one is used."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    status = models.CharField(
        _("indexing"), max_length=8, choices=Status, default=Status.PENDING, editable=False
    )
    error = models.CharField(_("reason"), max_length=300, blank=True, editable=False)
    content_hash = models.CharField(max_length=64, blank=True, editable=False)
    indexed_at = models.DateTimeField(_("indexed"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        abstract = True


class FAQEntry(Knowledge):
    """A question with the words to answer it."""

    question = models.CharField(_("question"), max_length=300)
    answer = models.TextField(_("answer"), max_length=8000, help_text=_("Markdown."))

    class Meta:
        verbose_name = _("FAQ entry")
        verbose_name_plural = _("FAQ entries")

    def __str__(self) -> str:
        return self.question


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


class Document(Knowledge):
    """A file the owner uploads."""

    title = models.CharField(_("title"), max_length=200)
    file = models.FileField(
        _("file"),
        upload_to="documents/%Y/%m/",
        validators=[FileExtensionValidator(["pdf", "docx", "txt", "md"])],
    )

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")

    def __str__(self) -> str:
        return self.title


class Passage(OrganizationOwned):
    """A searchable piece of one entry, article or document.

    Language, category, activity and priority are copied from the owner, so that a search reads
    one table; the verbs of `knowledge.entries` keep them equal.
    """

    faq = models.ForeignKey(FAQEntry, models.CASCADE, null=True, related_name="passages")
    article = models.ForeignKey(Article, models.CASCADE, null=True, related_name="passages")
    document = models.ForeignKey(Document, models.CASCADE, null=True, related_name="passages")
    position = models.PositiveIntegerField(_("place"), default=0)
    heading = models.CharField(_("heading"), max_length=300, blank=True)
    text = models.TextField(_("text"))
    language = models.CharField(_("language"), max_length=5, choices=Language)
    category = models.ForeignKey(Category, models.SET_NULL, null=True, blank=True)
    priority = models.PositiveSmallIntegerField(_("priority"), default=5)
    is_active = models.BooleanField(_("active"), default=True)
    embedder = models.CharField(_("embedded by"), max_length=120)
    embedding = HalfVectorField(dimensions=DIMENSIONS)
    # The stems of heading (weight A) and text (B), and `@<organization id>`, which no text gives:
    # one look into the index finds a word inside one organization.
    search = SearchVectorField()
    heading_words = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("passage")
        verbose_name_plural = _("passages")
        # No pending list: it would be read from end to end by every search until a vacuum.
        indexes = [GinIndex(fields=["search"], name="passage_search", fastupdate=False)]
        constraints = [
            models.CheckConstraint(
                name="passage_has_one_owner",
                condition=(
                    models.Q(faq__isnull=False, article__isnull=True, document__isnull=True)
                    | models.Q(faq__isnull=True, article__isnull=False, document__isnull=True)
                    | models.Q(faq__isnull=True, article__isnull=True, document__isnull=False)
                ),
            )
        ]

    def __str__(self) -> str:
        return self.heading or self.text[:60]


class ContextEntry(OrganizationOwned):
    """A fact or setting given to the agent with every question: key → value."""

    key = models.CharField(_("key"), max_length=80)
    value = models.TextField(_("value"), max_length=2000)
    category = models.CharField(_("category"), max_length=60, blank=True)
    agent = models.ForeignKey(
        Agent,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="context_entries",
        verbose_name=_("agent"),
        help_text=_("Empty: every agent."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("context entry")
        verbose_name_plural = _("context entries")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "agent", "key"],
                name="context_key_unique",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return self.key
