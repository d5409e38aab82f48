"""What visitors asked in vain, gathered into entries that the owner may accept."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from pgvector.django import HalfVectorField

from knowledge.models.passages import DIMENSIONS
from knowledge.models.pieces import FAQEntry
from organizations.models import Language, Member
from organizations.scoping import OrganizationOwned


class Suggestion(OrganizationOwned):
    """An entry that is missing: a draft to accept, edit or dismiss."""

    class Origin(models.TextChoices):
        GAP = "gap", _("Unanswered questions")
        CHAT = "chat", _("An operator's answer")

    class Status(models.TextChoices):
        OPEN = "open", _("Open")
        ACCEPTED = "accepted", _("Accepted")
        DISMISSED = "dismissed", _("Dismissed")

    origin = models.CharField(_("origin"), max_length=4, choices=Origin)
    status = models.CharField(_("state"), max_length=9, choices=Status, default=Status.OPEN)
    language = models.CharField(_("language"), max_length=5, choices=Language)
    question = models.CharField(_("question"), max_length=300)
    answer = models.TextField(_("answer"), max_length=8000, blank=True)
    asked_count = models.PositiveIntegerField(_("asked"), default=0, editable=False)
    last_asked_at = models.DateTimeField(_("last asked"), null=True, editable=False)
    # The model whose words the answer is, until a person has read them.
    drafted_by = models.CharField(max_length=120, blank=True, editable=False)
    drafted_at = models.DateTimeField(null=True, editable=False)
    # The operator's line that it was taken from, and who took it; empty for a gap.
    chat_id = models.UUIDField(null=True, editable=False)
    seq = models.PositiveIntegerField(null=True, editable=False)
    author = models.ForeignKey(
        Member,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("kept by"),
    )
    entry = models.ForeignKey(
        FAQEntry,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("FAQ entry"),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("suggestion")
        verbose_name_plural = _("suggestions")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "chat_id", "seq"], name="suggestion_of_a_line_unique"
            )
        ]

    def __str__(self) -> str:
        return self.question


class AskedQuestion(OrganizationOwned):
    """A visitor's question that was answered badly or not at all."""

    class Reason(models.TextChoices):
        NO_KNOWLEDGE = "no_knowledge", _("Nothing was found")
        NOT_HELPFUL = "not_helpful", _("The answer did not help")

    suggestion = models.ForeignKey(
        Suggestion, models.SET_NULL, null=True, related_name="questions", editable=False
    )
    text = models.CharField(_("question"), max_length=1000)
    language = models.CharField(_("language"), max_length=5, choices=Language)
    reason = models.CharField(_("reason"), max_length=12, choices=Reason)
    # Where it was asked; knowledge knows no chats, and a chat may be erased.
    chat_id = models.UUIDField(_("chat"))
    seq = models.PositiveIntegerField()
    embedder = models.CharField(max_length=120, blank=True)
    embedding = HalfVectorField(dimensions=DIMENSIONS, null=True)
    asked_at = models.DateTimeField(_("asked at"), auto_now_add=True)

    class Meta:
        verbose_name = _("asked question")
        verbose_name_plural = _("asked questions")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "chat_id", "seq"], name="asked_question_unique"
            )
        ]
        indexes = [
            models.Index(
                fields=["organization", "asked_at"],
                name="asked_question_loose",
                condition=models.Q(suggestion__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.text[:80]
