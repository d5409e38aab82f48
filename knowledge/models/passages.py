"""What a search reads: passages of all kinds of knowledge, and the facts beside them."""

from __future__ import annotations

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from knowledge.models.base import Category
from knowledge.models.pieces import Article, Document, FAQEntry, WebPage
from organizations.models import Agent, Language
from organizations.scoping import OrganizationOwned

DIMENSIONS = 1024
# A passage belongs to exactly one of these.
OWNERS = ("faq", "article", "document", "page")


def _one_owner() -> models.Q:
    """Exactly one of the owners is set."""
    condition = models.Q()
    for owner in OWNERS:
        condition |= models.Q(**{f"{name}__isnull": name != owner for name in OWNERS})
    return condition


class Passage(OrganizationOwned):
    """A searchable piece of one entry, article, document or web page.

    Language, category, activity, priority and the days on which it holds are copied from the
    owner, so that a search reads one table; the verbs of `knowledge.entries` keep them equal.
    """

    faq = models.ForeignKey(FAQEntry, models.CASCADE, null=True, related_name="passages")
    article = models.ForeignKey(Article, models.CASCADE, null=True, related_name="passages")
    document = models.ForeignKey(Document, models.CASCADE, null=True, related_name="passages")
    page = models.ForeignKey(WebPage, models.CASCADE, null=True, related_name="passages")
    position = models.PositiveIntegerField(_("place"), default=0)
    heading = models.CharField(_("heading"), max_length=300, blank=True)
    text = models.TextField(_("text"))
    language = models.CharField(_("language"), max_length=5, choices=Language)
    category = models.ForeignKey(Category, models.SET_NULL, null=True, blank=True)
    priority = models.PositiveSmallIntegerField(_("priority"), default=5)
    is_active = models.BooleanField(_("active"), default=True)
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    valid_until = models.DateField(_("valid until"), null=True, blank=True)
    embedder = models.CharField(_("embedded by"), max_length=120)
    embedding = HalfVectorField(dimensions=DIMENSIONS)
    # One way to ask an entry, found by its vector only. The entry's first passage stands for all
    # of them: the words of every wording, and the mean of their vectors.
    is_wording = models.BooleanField(default=False)
    wordings = models.PositiveSmallIntegerField(default=1)
    # The stems of what is asked (weight A) and of the text (B), and `@<organization id>`, which no
    # text gives: one look into the index finds a word inside one organization.
    search = SearchVectorField()

    class Meta:
        verbose_name = _("passage")
        verbose_name_plural = _("passages")
        # No pending list: it would be read from end to end by every search until a vacuum.
        indexes = [GinIndex(fields=["search"], name="passage_search", fastupdate=False)]
        constraints = [
            models.CheckConstraint(
                name="passage_has_one_owner",
                condition=_one_owner(),
            )
        ]

    def __str__(self) -> str:
        return self.heading or self.text[:60]


class Word(OrganizationOwned):
    """In how many passages of an organization a stem is; a trigger of the database counts."""

    # The collation lets the index find words by their beginning.
    word = models.CharField(max_length=300, db_collation="C")
    passages = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("word")
        verbose_name_plural = _("words")
        constraints = [
            models.UniqueConstraint(fields=["organization", "word"], name="word_counted_once")
        ]

    def __str__(self) -> str:
        return self.word


class SearchIndex(OrganizationOwned):
    """What the search of an organization goes by; see `knowledge.upkeep`."""

    # All passages have a vector of this embedder.
    embedder = models.CharField(max_length=120)
    # The cosine of two passages that have nothing to do with each other.
    floor = models.FloatField(default=0.0)
    # How many passages there were when the floor was measured.
    passages = models.PositiveIntegerField(default=0)
    has_graph = models.BooleanField(default=False)

    class Meta:
        verbose_name = _("search index")
        verbose_name_plural = _("search indexes")
        constraints = [
            models.UniqueConstraint(fields=["organization"], name="search_index_of_organization")
        ]

    def __str__(self) -> str:
        return self.embedder


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
