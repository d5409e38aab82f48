"""Who of the members is at work."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

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
