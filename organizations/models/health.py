"""How models behave: the circuit breaker of each, and its last failure."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from organizations.models.providers import Provider
from organizations.scoping import OrganizationOwned


class ModelHealth(OrganizationOwned):
    """A model that has failed: how often of late, and until when it is left alone.

    A model that never failed has no row. `organizations.health` writes it.
    """

    provider = models.ForeignKey(
        Provider,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="health",
        verbose_name=_("provider"),
    )
    model = models.CharField(_("model"), max_length=120)
    failures = models.PositiveIntegerField(_("failures of late"), default=0)
    # When the first of those failures was.
    since = models.DateTimeField()
    # How often in a row it was found to fail still.
    opened = models.PositiveIntegerField(default=0)
    open_until = models.DateTimeField(_("left alone until"), null=True, blank=True)
    # Until when one answer tries for all whether it is back.
    probing_until = models.DateTimeField(null=True, blank=True)
    error = models.CharField(_("last error"), max_length=60)
    failed_at = models.DateTimeField(_("failed"))

    class Meta:
        verbose_name = _("health of a model")
        verbose_name_plural = _("health of models")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "provider", "model"],
                name="health_model_unique",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return self.model

    @property
    def is_open(self) -> bool:
        """Whether it is not asked just now."""
        return self.open_until is not None

    @property
    def is_resting(self) -> bool:
        """Whether it is too early to try it again."""
        return self.open_until is not None and self.open_until > timezone.now()
