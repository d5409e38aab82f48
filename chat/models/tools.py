"""What the assistant has asked of other systems, each call with what came of it."""

from __future__ import annotations

import json
import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chat.models.chats import Chat
from chat.models.turns import Turn
from organizations.models import Member, Tool
from organizations.scoping import OrganizationOwned


class ToolCall(OrganizationOwned):
    """A call of a tool, from the model's wish to its end. Written before the call is made.

    One that changes something waits for an operator, and is made at most once: whoever makes it
    takes it from *approved* to *running*, and nothing ever brings it back.
    """

    class Status(models.TextChoices):
        RUNNING = "running", _("Under way")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        INVALID = "invalid", _("Not called")
        # The answer that asks for it is not saved yet; it may never be.
        PROPOSED = "proposed", _("Not put to anybody")
        PENDING = "pending", _("Waits for a person")
        REFUSED = "refused", _("Refused")
        APPROVED = "approved", _("Approved")
        UNKNOWN = "unknown", _("Outcome unknown")

    chat = models.ForeignKey(
        Chat, models.CASCADE, related_name="tool_calls", verbose_name=_("chat")
    )
    turn = models.ForeignKey(
        Turn, models.CASCADE, related_name="tool_calls", verbose_name=_("turn")
    )
    attempt = models.PositiveIntegerField(_("attempt"))
    tool = models.ForeignKey(
        Tool, models.SET_NULL, null=True, related_name="+", verbose_name=_("tool")
    )
    # Of the tool's definition that the call was, or was to be, made by; none: there is no tool.
    revision = models.PositiveIntegerField(_("revision of the tool"), null=True, blank=True)
    name = models.CharField(_("name"), max_length=100)
    label = models.CharField(_("name for people"), max_length=80, blank=True)
    arguments = models.JSONField(_("arguments"), default=dict)
    is_changing = models.BooleanField(_("changes something"), default=False)
    status = models.CharField(_("status"), max_length=8, choices=Status)
    # What a service may tell a repeated call by.
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    http_status = models.PositiveSmallIntegerField(_("HTTP status"), null=True, blank=True)
    kept = models.TextField(_("kept answer"), blank=True)
    error = models.CharField(_("error"), max_length=40, blank=True)
    milliseconds = models.PositiveIntegerField(_("time, ms"), null=True, blank=True)
    decided_by = models.ForeignKey(
        Member, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("decided")
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    dispatched_at = models.DateTimeField(null=True, editable=False)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    # The line of the chat that told what came of it.
    told_seq = models.PositiveIntegerField(null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("tool call")
        verbose_name_plural = _("tool calls")
        ordering = ["pk"]
        indexes = [
            models.Index(
                fields=["organization", "created_at"],
                name="toolcall_pending",
                condition=Q(status="pending"),
            ),
            models.Index(
                fields=["id"],
                name="toolcall_to_be_made",
                condition=Q(is_changing=True, status__in=["approved", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label or self.name} #{self.pk}"

    @property
    def given(self) -> str:
        """The arguments as the text that was sent for them."""
        return json.dumps(self.arguments, ensure_ascii=False)
