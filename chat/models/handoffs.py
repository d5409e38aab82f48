"""Requests for a person, and for an answer later."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chat.models.chats import Chat
from chat.models.turns import Turn
from organizations.models import Member
from organizations.scoping import OrganizationOwned


class Handoff(OrganizationOwned):
    """A request for a person, from the wish to its end; at most one open for a chat."""

    class Reason(models.TextChoices):
        ASKED = "asked", _("Asked for a person")
        NO_KNOWLEDGE = "no_knowledge", _("The assistant does not know")
        FRUSTRATED = "frustrated", _("The visitor is frustrated")
        SENSITIVE = "sensitive", _("A sensitive matter")
        ERROR = "error", _("The assistant failed")
        LIMIT = "limit", _("A limit was reached")
        TAKEN = "taken", _("An operator stepped in")

    class Outcome(models.TextChoices):
        ANSWERED = "answered", _("Answered")
        HANDED_BACK = "handed_back", _("Handed back")
        CANCELLED = "cancelled", _("Taken back by the visitor")
        UNANSWERED = "unanswered", _("Nobody came in time")
        CLOSED = "closed", _("Closed while waiting")

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="handoffs", verbose_name=_("chat"))
    # The one that ended in this request; empty where a visitor asked or an operator stepped in.
    turn = models.OneToOneField(
        Turn,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="handoff",
        verbose_name=_("turn"),
    )
    reason = models.CharField(_("reason"), max_length=12, choices=Reason)
    operator = models.ForeignKey(
        Member, models.SET_NULL, null=True, blank=True, verbose_name=_("operator")
    )
    requested_at = models.DateTimeField(_("asked"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, blank=True)
    # What `chat.handoffs.Summary` holds.
    summary = models.JSONField(_("summary"), default=dict, blank=True)
    # Empty: written by rule.
    summary_model = models.CharField(_("summary by"), max_length=120, blank=True, default="")

    class Meta:
        verbose_name = _("handoff")
        verbose_name_plural = _("handoffs")
        constraints = [
            models.UniqueConstraint(
                fields=["chat"], name="handoff_one_open_a_chat", condition=Q(ended_at__isnull=True)
            )
        ]
        indexes = [
            models.Index(
                fields=["organization", "requested_at"],
                name="handoff_queue",
                condition=Q(accepted_at__isnull=True, ended_at__isnull=True),
            ),
            models.Index(fields=["organization", "-accepted_at"], name="handoff_recent"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class ContactRequest(OrganizationOwned):
    """The offline form: somebody wants an answer by e-mail."""

    chat = models.ForeignKey(
        Chat, models.CASCADE, related_name="contact_requests", verbose_name=_("chat")
    )
    client_id = models.UUIDField(editable=False)
    name = models.CharField(_("name"), max_length=120)
    email = models.EmailField(_("e-mail"))
    text = models.TextField(_("text"), max_length=4000)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    handled_at = models.DateTimeField(_("handled"), null=True, blank=True)
    handled_by = models.ForeignKey(
        Member, models.SET_NULL, null=True, blank=True, verbose_name=_("operator")
    )

    class Meta:
        verbose_name = _("contact request")
        verbose_name_plural = _("contact requests")
        constraints = [
            models.UniqueConstraint(fields=["chat", "client_id"], name="contact_client_id_unique")
        ]
        indexes = [
            models.Index(
                fields=["organization", "created_at"],
                name="contact_open",
                condition=Q(handled_at__isnull=True),
            )
        ]

    def __str__(self) -> str:
        return self.name
