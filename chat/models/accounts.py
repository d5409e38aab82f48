"""What models cost: every call, and what is held for those that have not ended."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from chat.models.chats import Chat
from chat.models.turns import Turn
from organizations.models import Agent, Provider
from organizations.scoping import OrganizationOwned


class ModelCall(OrganizationOwned):
    """One request to a model. It stays, without the person, when the chat is erased."""

    class Purpose(models.TextChoices):
        ANSWER = "answer", _("Answers")
        REWRITE = "rewrite", _("Follow-up questions")
        EMBEDDING = "embedding", _("Search")
        TOOLS = "tools", _("Tools")
        SUMMARY = "summary", _("Summaries")
        EXTRACTION = "extraction", _("Memory and results")
        MODERATION = "moderation", _("Moderation")
        TRIAL = "trial", _("Trying out")
        INDEXING = "indexing", _("Indexing of knowledge")
        GRAPH = "graph", _("Knowledge graph")
        DRAFT = "draft", _("Drafts for the knowledge")

    # A call that is booked twice is booked once.
    key = models.UUIDField(unique=True, editable=False)
    turn = models.ForeignKey(
        Turn,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="calls",
        verbose_name=_("turn"),
    )
    # The turn's, or whose result, summary or memory it was for; none: the organization's own.
    chat = models.ForeignKey(
        Chat,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="calls",
        verbose_name=_("chat"),
    )
    agent = models.ForeignKey(
        Agent,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("agent"),
    )
    provider = models.ForeignKey(
        Provider,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("provider"),
    )
    purpose = models.CharField(_("for"), max_length=12, choices=Purpose)
    model = models.CharField(_("model"), max_length=120)
    prompt_tokens = models.PositiveIntegerField(_("prompt tokens"), default=0)
    cached_tokens = models.PositiveIntegerField(_("of them cached"), default=0)
    completion_tokens = models.PositiveIntegerField(_("answer tokens"), default=0)
    is_estimated = models.BooleanField(_("tokens estimated"), default=False)
    # None: no price was known.
    cost = models.DecimalField(_("cost"), max_digits=12, decimal_places=6, null=True, blank=True)
    # How it failed; empty: it did not.
    code = models.CharField(_("error"), max_length=60, blank=True)
    milliseconds = models.PositiveIntegerField(_("time, ms"), default=0)
    # The day on which the turn was asked for, in the server's time zone: all of a turn is of one.
    day = models.DateField(_("day"))
    created_at = models.DateTimeField(_("ended"), auto_now_add=True)

    class Meta:
        verbose_name = _("call of a model")
        verbose_name_plural = _("calls of models")
        indexes = [models.Index(fields=["organization", "day"], name="call_by_day")]

    def __str__(self) -> str:
        return f"{self.model} #{self.pk}"


class Reservation(OrganizationOwned):
    """What is held in budgets on a bill; it goes when that is settled, or its holder has died."""

    bill = models.UUIDField(db_index=True)
    turn = models.ForeignKey(Turn, models.SET_NULL, null=True, related_name="+")
    attempt = models.PositiveIntegerField()
    # What no turn's lease keeps alive is kept until then.
    until = models.DateTimeField(null=True)
    tokens = models.BigIntegerField()
    cost = models.DecimalField(max_digits=18, decimal_places=6)
    budgets = ArrayField(models.BigIntegerField())
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")

    def __str__(self) -> str:
        return f"#{self.pk}"
