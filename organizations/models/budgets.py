"""What was used of a limit in its day or month, and what is held for answers under way."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations.scoping import OrganizationOwned


class Budget(OrganizationOwned):
    """A day's (or month's) account of somebody who may be limited.

    There is a row only where a limit was looked at; from then on it is exact, whatever becomes of
    the limit. `chat.accounting.ledger` holds, books and frees.
    """

    class Scope(models.TextChoices):
        VISITOR = "visitor", _("One visitor")
        IP = "ip", _("One network address")
        AGENT = "agent", _("The agent")
        DAY = "day", _("The organization, a day")
        MONTH = "month", _("The organization, a month")

    scope = models.CharField(_("whose"), max_length=8, choices=Scope)
    # A visitor's or an agent's number, or a shortened address.
    key = models.CharField(max_length=45, blank=True)
    # The first day of the period.
    since = models.DateField(_("since"))
    tokens = models.BigIntegerField(_("tokens"), default=0, db_default=0)
    cost = models.DecimalField(_("cost"), max_digits=18, decimal_places=6, default=0, db_default=0)
    held_tokens = models.BigIntegerField(default=0, db_default=0)
    held_cost = models.DecimalField(max_digits=18, decimal_places=6, default=0, db_default=0)

    class Meta:
        verbose_name = _("used of a limit")
        verbose_name_plural = _("used of limits")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "scope", "key", "since"], name="budget_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.since}"
