"""What dialogues were turned into: tickets, leads, plans; each version of each."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chat.models.chats import Chat
from organizations.models import ChatType, Member, OrderedJSONField
from organizations.scoping import OrganizationOwned


class ChatResult(OrganizationOwned):
    """A dialogue as data by a schema. At most one is being made in a chat; older ones are kept.

    It is its own outbox, as a turn is: see `chat.results`.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", _("Queued")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="results", verbose_name=_("chat"))
    kind = models.ForeignKey(
        ChatType, models.SET_NULL, null=True, blank=True, verbose_name=_("chat type")
    )
    # As they were when it was asked for: the type may be changed or deleted since.
    name = models.CharField(_("name"), max_length=80)
    schema = OrderedJSONField(_("schema"))
    instructions = models.TextField(blank=True)
    version = models.PositiveIntegerField(_("version"))
    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.QUEUED)
    data = models.JSONField(_("result"), null=True, blank=True)
    error = models.CharField(_("error"), max_length=40, blank=True)
    author = models.ForeignKey(
        Member, models.SET_NULL, null=True, blank=True, verbose_name=_("operator")
    )
    # The dialogue that is in it, and the line that tells of it.
    upto_seq = models.PositiveIntegerField(_("up to message"))
    seq = models.PositiveIntegerField(null=True, editable=False)
    due_at = models.DateTimeField(_("due"))
    dispatched_at = models.DateTimeField(null=True, editable=False)
    attempt = models.PositiveIntegerField(_("attempt"), default=0)
    failures = models.PositiveIntegerField(_("failed attempts"), default=0)
    lease_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    model = models.CharField(_("model"), max_length=120, blank=True)
    prompt_tokens = models.PositiveIntegerField(_("prompt tokens"), default=0)
    completion_tokens = models.PositiveIntegerField(_("answer tokens"), default=0)
    cost = models.DecimalField(_("cost"), max_digits=12, decimal_places=6, null=True, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("result")
        verbose_name_plural = _("results")
        constraints = [
            models.UniqueConstraint(
                fields=["chat"],
                name="result_one_open_a_chat",
                condition=Q(status__in=["queued", "running"]),
            ),
            models.UniqueConstraint(fields=["chat", "version"], name="result_version_unique"),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                name="result_open_by_due",
                condition=Q(status__in=["queued", "running"]),
            ),
            models.Index(fields=["organization", "-created_at"], name="result_recent"),
        ]

    def __str__(self) -> str:
        return f"{self.name} · {self.version}"
