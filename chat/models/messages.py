"""What is said: lines to the visitor, and notes among operators."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from chat.models.chats import Chat
from chat.models.turns import Turn
from organizations.models import Member
from organizations.scoping import OrganizationOwned


class Message(OrganizationOwned):
    """A line of a chat. `seq` has no gaps; a sender's `client_id` is unique for ever."""

    class Role(models.TextChoices):
        USER = "user", _("Visitor")
        ASSISTANT = "assistant", _("Assistant")
        OPERATOR = "operator", _("Operator")
        SYSTEM = "system", _("System")

    class Event(models.TextChoices):
        """What a system line tells, and which of the assistant's lines is an opening."""

        WAITING = "waiting", _("A person was asked for")
        CANCELLED = "cancelled", _("The request was taken back")
        JOINED = "joined", _("An operator joined")
        LEFT = "left", _("The operator handed the chat back")
        TRANSFERRED = "transferred", _("Another operator took the chat over")
        UNANSWERED = "unanswered", _("Nobody came in time")
        CONTACT = "contact", _("A contact was left")
        WARNED = "warned", _("The visitor was warned")
        MUTED = "muted", _("The visitor was muted")
        UNMUTED = "unmuted", _("The visitor may write again")
        CLOSED = "closed", _("The chat was closed")
        # Of a tool's call that changes something; who holds the chat stays the same.
        CALL_ASKED = "call_asked", _("A call was put to a person")
        CALL_DECIDED = "call_decided", _("A call was made, or refused")
        STARTED = "started", _("A chat of a type began")
        OPENING = "opening", _("The opening of a chat of a type")
        RESULT = "result", _("A result was made")

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="messages", verbose_name=_("chat"))
    seq = models.PositiveIntegerField(_("number"))
    role = models.CharField(_("from"), max_length=10, choices=Role)
    event = models.CharField(_("event"), max_length=12, choices=Event, blank=True)
    content = models.TextField(_("text"))
    # What was written, where rude words or spam of it are hidden; only operators may look at it.
    original = models.TextField(_("as it was written"), blank=True, default="", db_default="")
    # visitor:<id>, member:<id>, assistant or system.
    sender = models.CharField(max_length=40)
    author = models.ForeignKey(
        Member, models.SET_NULL, null=True, blank=True, verbose_name=_("operator")
    )
    client_id = models.UUIDField(null=True, editable=False)
    turn = models.OneToOneField(
        Turn, models.SET_NULL, null=True, blank=True, related_name="message", verbose_name=_("turn")
    )
    # The database's clock, so that a limit counted by it is one for all processes.
    timestamp = models.DateTimeField(_("time"), db_default=Now())
    tokens_used = models.PositiveIntegerField(_("tokens"), null=True, blank=True)
    model = models.CharField(_("model"), max_length=120, blank=True)
    sources = models.JSONField(_("sources"), default=list, blank=True)
    is_stopped = models.BooleanField(_("stopped in the middle"), default=False)
    offers_support = models.BooleanField(_("offered a person"), default=False)
    helpful = models.BooleanField(_("helpful"), null=True, blank=True)
    # An answer given anew names the line whose place it takes; that one stays where it was.
    replaces = models.PositiveIntegerField(_("instead of"), null=True, blank=True)
    is_replaced = models.BooleanField(_("replaced"), default=False, db_default=False)

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["chat", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["chat", "seq"], name="message_seq_unique"),
            models.UniqueConstraint(
                fields=["sender", "client_id"], name="message_client_id_unique"
            ),
        ]
        indexes = [
            models.Index(
                fields=["sender", "timestamp"],
                name="message_rate",
                condition=Q(role="user"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.seq}"


class Note(OrganizationOwned):
    """An operator's internal note. It takes no seq, so a visitor cannot even count notes."""

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="notes", verbose_name=_("chat"))
    author = models.ForeignKey(Member, models.SET_NULL, null=True, verbose_name=_("operator"))
    client_id = models.UUIDField(editable=False)
    after_seq = models.PositiveIntegerField()
    content = models.TextField(_("text"), max_length=4000)
    timestamp = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        constraints = [
            models.UniqueConstraint(
                fields=["chat", "author", "client_id"], name="note_client_id_unique"
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"
