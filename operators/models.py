"""Who of the members is at work, and what they say often."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from chat.protocol import MAX_TEXT
from organizations.models import Member
from organizations.scoping import OrganizationOwned


class Availability(OrganizationOwned):
    """What a member says of being at work, and when their console was last heard."""

    class Status(models.TextChoices):
        ONLINE = "online", _("Online")
        AWAY = "away", _("Away")

    member = models.OneToOneField(
        Member, models.CASCADE, related_name="availability", verbose_name=_("member")
    )
    status = models.CharField(_("status"), max_length=6, choices=Status, default=Status.ONLINE)
    max_chats = models.PositiveSmallIntegerField(
        _("chats at once"),
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(50)],
    )
    seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)

    class Meta:
        verbose_name = _("availability")
        verbose_name_plural = _("availability")

    def __str__(self) -> str:
        return str(self.member)


class ReadyReply(OrganizationOwned):
    """Words that operators use often; in the console they are found by typing a slash."""

    shortcut = models.CharField(
        _("shortcut"),
        max_length=30,
        validators=[
            RegexValidator(r"^[\w-]+$", _("Letters, digits, hyphens and underscores only."))
        ],
        help_text=_("One word, such as hello. In the console: /hello."),
    )
    text = models.TextField(
        _("text"),
        max_length=MAX_TEXT,
        help_text=_("{visitor} becomes the visitor's name where it is known, {operator} yours."),
    )

    class Meta:
        verbose_name = _("ready reply")
        verbose_name_plural = _("ready replies")
        ordering = ["shortcut"]
        constraints = [
            models.UniqueConstraint(
                "organization",
                Lower("shortcut"),
                name="ready_reply_unique",
                violation_error_message=_("There is a reply with this shortcut already."),
            )
        ]

    def __str__(self) -> str:
        return f"/{self.shortcut}"
