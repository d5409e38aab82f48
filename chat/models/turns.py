"""The assistant's attempts to answer, and their receipts."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chat.models.chats import Chat
from organizations.models import AgentVersion
from organizations.scoping import OrganizationOwned


class Turn(OrganizationOwned):
    """One attempt of the assistant to answer, and the receipt of that answer.

    It is its own outbox: `due_at` and `dispatched_at` say when the broker must hear of it, and a
    row left behind by a lost task or a dead worker is found by `chat.turns.overdue`.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        STOPPED = "stopped", _("Stopped")
        FAILED = "failed", _("Failed")

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="turns", verbose_name=_("chat"))
    from_seq = models.PositiveIntegerField(_("from message"))
    upto_seq = models.PositiveIntegerField(_("up to message"))
    epoch = models.PositiveIntegerField(_("epoch"))
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.QUEUED)
    # Raised by every claim and every widening, so that a stale prompt cannot be answered.
    attempt = models.PositiveIntegerField(_("attempt"), default=0)
    failures = models.PositiveIntegerField(_("failed attempts"), default=0)
    widened = models.PositiveIntegerField(_("times widened"), default=0)
    due_at = models.DateTimeField(_("due"))
    dispatched_at = models.DateTimeField(_("sent to a worker"), null=True, blank=True)
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    shown_at = models.DateTimeField(_("first text shown"), null=True, blank=True)
    draft = models.TextField(_("draft"), blank=True)
    # What was searched for, where the question alone could not be understood.
    rewritten = models.CharField(
        _("understood as"), max_length=1000, blank=True, default="", db_default=""
    )
    sources = models.JSONField(_("sources"), default=list, blank=True)
    facts = models.JSONField(_("facts"), default=list, blank=True)
    # What the prompt was made of, in estimated tokens, and what did not fit.
    prompt_parts = models.JSONField(
        _("parts of the prompt"), default=dict, blank=True, db_default={}
    )
    # What an owner should know of the answer (`chat.citations.flags`).
    flags = models.JSONField(_("remarks"), default=list, blank=True, db_default=[])
    prompt_version = models.CharField(_("prompt version"), max_length=20, blank=True)
    agent_version = models.ForeignKey(
        AgentVersion,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("version of the agent"),
    )
    model = models.CharField(_("model"), max_length=120, blank=True)
    prompt_tokens = models.PositiveIntegerField(_("prompt tokens"), null=True, blank=True)
    completion_tokens = models.PositiveIntegerField(_("answer tokens"), null=True, blank=True)
    cost = models.DecimalField(_("cost"), max_digits=12, decimal_places=6, null=True, blank=True)
    timings = models.JSONField(_("timings, ms"), default=dict, blank=True)
    error = models.CharField(_("error"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    # The line that this turn answers anew.
    replaces = models.PositiveIntegerField(_("instead of"), null=True, blank=True)
    # When knowledge was told what came of it (`chat.lessons`).
    learnt_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name = _("turn")
        verbose_name_plural = _("turns")
        constraints = [
            models.UniqueConstraint(
                fields=["chat"],
                name="turn_one_open_a_chat",
                condition=Q(status__in=["queued", "running"]),
            ),
            models.CheckConstraint(
                name="turn_covers_something", condition=Q(upto_seq__gte=models.F("from_seq"))
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                name="turn_open_by_due",
                condition=Q(status__in=["queued", "running"]),
            ),
            models.Index(
                fields=["id"],
                name="turn_to_learn_from",
                condition=Q(learnt_at__isnull=True, finished_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
