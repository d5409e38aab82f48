"""Visitors, sessions, chats, messages, turns and handoffs: the truth about every dialogue."""

from __future__ import annotations

import uuid

from django.core.validators import (
    MaxLengthValidator,
    MaxValueValidator,
    MinValueValidator,
    RegexValidator,
)
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext_lazy as _

from organizations.models import AgentVersion, Language, Member, Widget
from organizations.scoping import OrganizationOwned

validate_phone = RegexValidator(
    r"^\+?[\d\s().-]{5,30}$", _("Write a phone number with digits, such as +7 843 200-00-00.")
)


class Customer(OrganizationOwned):
    """A registered person; a visitor can become one, and the history moves along."""

    username = models.CharField(_("user name"), max_length=150, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    phone = models.CharField(_("phone"), max_length=32, blank=True, validators=[validate_phone])
    name = models.CharField(_("name"), max_length=120, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        constraints = [
            models.UniqueConstraint(
                models.F("organization"),
                Lower("email"),
                name="customer_email_unique",
                condition=~Q(email=""),
                violation_error_message=_("A customer with this e-mail exists already."),
            ),
            models.UniqueConstraint(
                models.F("organization"),
                Lower("username"),
                name="customer_username_unique",
                condition=~Q(username=""),
                violation_error_message=_("A customer with this user name exists already."),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.username or self.email or f"#{self.pk}"


class Visitor(OrganizationOwned):
    """An anonymous person, known by a secret that only their browser holds."""

    visitor_id = models.UUIDField(_("visitor"), default=uuid.uuid4, unique=True, editable=False)
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    customer = models.ForeignKey(
        Customer,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="visitors",
        verbose_name=_("customer"),
    )
    # Who held the same secret before it was forgotten. Its messages are still known when they are
    # sent again; nothing else of it is opened.
    former = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, editable=False)
    # Shortened before it is stored: /24 for IPv4, /48 for IPv6.
    ip = models.GenericIPAddressField(_("IP, shortened"), null=True, blank=True)
    user_agent = models.CharField(_("browser's signature"), max_length=400, blank=True)
    device_type = models.CharField(_("device"), max_length=20, blank=True)
    browser = models.CharField(_("browser"), max_length=60, blank=True)
    first_visit = models.DateTimeField(_("first visit"), auto_now_add=True)
    last_visit = models.DateTimeField(_("last visit"))

    class Meta:
        verbose_name = _("visitor")
        verbose_name_plural = _("visitors")
        indexes = [models.Index(fields=["ip", "first_visit"], name="visitor_new_by_ip")]

    def __str__(self) -> str:
        return str(self.visitor_id)[:8]

    @property
    def sender(self) -> str:
        """The name under which this visitor's messages are counted and deduplicated."""
        return f"visitor:{self.pk}"


class Session(OrganizationOwned):
    """One visit's dialogue, of a visitor or a customer."""

    session_uuid = models.UUIDField(_("session"), default=uuid.uuid4, unique=True, editable=False)
    widget = models.ForeignKey(Widget, models.PROTECT, verbose_name=_("widget"))
    visitor = models.ForeignKey(
        Visitor,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="sessions",
        verbose_name=_("visitor"),
    )
    customer = models.ForeignKey(
        Customer,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="sessions",
        verbose_name=_("customer"),
    )
    title = models.CharField(_("title"), max_length=200, blank=True)
    page_url = models.CharField(_("page"), max_length=1000, blank=True)
    page_title = models.CharField(_("title of the page"), max_length=300, blank=True)
    page_context = models.JSONField(_("facts about the page"), default=dict, blank=True)
    language = models.CharField(_("language"), max_length=5, choices=Language)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    satisfaction_rating = models.PositiveSmallIntegerField(
        _("rating"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(5)],
    )
    rating_comment = models.TextField(
        _("comment"), blank=True, validators=[MaxLengthValidator(1000)]
    )
    rated_at = models.DateTimeField(_("rated"), null=True, blank=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        constraints = [
            models.CheckConstraint(
                name="session_has_a_person",
                condition=Q(visitor__isnull=False) | Q(customer__isnull=False),
            ),
            models.CheckConstraint(
                name="session_rating_1_to_5",
                condition=Q(satisfaction_rating__isnull=True)
                | Q(satisfaction_rating__range=(1, 5)),
            ),
            models.UniqueConstraint(
                fields=["visitor", "widget"],
                name="session_one_active_a_widget",
                condition=Q(is_active=True, visitor__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["updated_at"], name="session_idle", condition=Q(is_active=True))
        ]

    def __str__(self) -> str:
        return self.title or str(self.session_uuid)[:8]


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
    # What was searched for, where the question alone could not be understood (`chat.followups`).
    rewritten = models.CharField(
        _("understood as"), max_length=1000, blank=True, default="", db_default=""
    )
    sources = models.JSONField(_("sources"), default=list, blank=True)
    facts = models.JSONField(_("facts"), default=list, blank=True)
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


class Message(OrganizationOwned):
    """A line of a chat. `seq` has no gaps; a sender's `client_id` is unique for ever."""

    class Role(models.TextChoices):
        USER = "user", _("Visitor")
        ASSISTANT = "assistant", _("Assistant")
        OPERATOR = "operator", _("Operator")
        SYSTEM = "system", _("System")

    class Event(models.TextChoices):
        """What a system line tells."""

        WAITING = "waiting", _("A person was asked for")
        CANCELLED = "cancelled", _("The request was taken back")
        JOINED = "joined", _("An operator joined")
        LEFT = "left", _("The operator handed the chat back")
        TRANSFERRED = "transferred", _("Another operator took the chat over")
        UNANSWERED = "unanswered", _("Nobody came in time")
        CONTACT = "contact", _("A contact was left")
        CLOSED = "closed", _("The chat was closed")

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="messages", verbose_name=_("chat"))
    seq = models.PositiveIntegerField(_("number"))
    role = models.CharField(_("from"), max_length=10, choices=Role)
    event = models.CharField(_("event"), max_length=12, choices=Event, blank=True)
    content = models.TextField(_("text"))
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


class Handoff(OrganizationOwned):
    """A request for a person, from the wish to its end; at most one open for a chat."""

    class Reason(models.TextChoices):
        ASKED = "asked", _("Asked for a person")
        NO_KNOWLEDGE = "no_knowledge", _("The assistant does not know")
        FRUSTRATED = "frustrated", _("The visitor is frustrated")
        SENSITIVE = "sensitive", _("A sensitive matter")
        ERROR = "error", _("The assistant failed")
        TAKEN = "taken", _("An operator stepped in")

    class Outcome(models.TextChoices):
        ANSWERED = "answered", _("Answered")
        HANDED_BACK = "handed_back", _("Handed back")
        CANCELLED = "cancelled", _("Taken back by the visitor")
        UNANSWERED = "unanswered", _("Nobody came in time")
        CLOSED = "closed", _("Closed while waiting")

    chat = models.ForeignKey(Chat, models.CASCADE, related_name="handoffs", verbose_name=_("chat"))
    reason = models.CharField(_("reason"), max_length=12, choices=Reason)
    operator = models.ForeignKey(
        Member, models.SET_NULL, null=True, blank=True, verbose_name=_("operator")
    )
    requested_at = models.DateTimeField(_("asked"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, blank=True)

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
