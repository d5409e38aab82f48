"""Who visits: customers, visitors and their sessions."""

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
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from organizations.models import Language, Widget
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
    # What was said before is never remembered again.
    memory_forgotten_at = models.DateTimeField(null=True, blank=True, editable=False)
    first_visit = models.DateTimeField(_("first visit"), auto_now_add=True)
    last_visit = models.DateTimeField(_("last visit"))
    # What moderation counts (`chat.offences`).
    offences = models.PositiveSmallIntegerField(_("warnings"), default=0, db_default=0)
    offended_at = models.DateTimeField(_("last warned"), null=True, blank=True)
    muted_until = models.DateTimeField(_("muted until"), null=True, blank=True)

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
