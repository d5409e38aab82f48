"""The chat, and who holds it."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chat.models.people import Session
from organizations.models import ChatType, Member
from organizations.scoping import OrganizationOwned


class Mode(models.TextChoices):
    """Who holds a chat."""

    AI = "ai", _("Assistant")
    WAITING = "waiting", _("Waiting for a person")
    OPERATOR = "operator", _("Operator")
    CLOSED = "closed", _("Closed")


class Chat(OrganizationOwned):
    """An isolated dialogue in a session; `seq`, `epoch` and `mode` change only under its lock."""

    class Type(models.TextChoices):
        GENERAL = "general", _("General")
        SALES = "sales", _("Sales")
        SUPPORT = "support", _("Support")

    chat_id = models.UUIDField(_("chat"), default=uuid.uuid4, unique=True, editable=False)
    session = models.ForeignKey(
        Session, models.CASCADE, related_name="chats", verbose_name=_("session")
    )
    # Set for a chat made by a client's command; the same command sent again finds it.
    client_id = models.UUIDField(null=True, editable=False)
    name = models.CharField(_("name"), max_length=80, blank=True)
    type = models.CharField(_("type"), max_length=10, choices=Type, default=Type.GENERAL)
    # What the owner has made of it; `type` is the coarse one of before.
    kind = models.ForeignKey(
        ChatType,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="chats",
        verbose_name=_("chat type"),
    )
    mode = models.CharField(_("held by"), max_length=10, choices=Mode, default=Mode.AI)
    operator = models.ForeignKey(
        Member,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="chats",
        verbose_name=_("operator"),
    )
    ai_context = models.JSONField(_("assistant's context"), default=dict, blank=True)
    # What was said up to this line, in short: the prompt has it in place of the lines.
    summary = models.TextField(_("summary"), blank=True, default="", db_default="")
    summary_upto_seq = models.PositiveIntegerField(
        _("summarised up to message"), default=0, db_default=0
    )
    # Up to here the dialogue was looked through for what is to be remembered of the visitor.
    facts_upto_seq = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    seq = models.PositiveIntegerField(_("messages"), default=0)
    answered_seq = models.PositiveIntegerField(default=0)
    epoch = models.PositiveIntegerField(_("epoch"), default=1)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)

    class Meta:
        verbose_name = _("chat")
        verbose_name_plural = _("chats")
        constraints = [
            models.UniqueConstraint(fields=["session", "client_id"], name="chat_client_id_unique"),
            models.CheckConstraint(
                name="chat_operator_mode_has_one",
                condition=~Q(mode="operator") | Q(operator__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["organization", "mode"],
                name="chat_held_by_people",
                condition=Q(mode__in=["waiting", "operator"]),
            ),
            models.Index(fields=["session", "-updated_at"], name="chat_latest"),
            # The desk shows the last ones of an organization, again and again.
            models.Index(
                fields=["organization", "-updated_at"],
                name="chat_recent",
                condition=Q(mode__in=["ai", "closed"], seq__gt=0),
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(self.chat_id)[:8]
