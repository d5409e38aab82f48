"""The assistant's settings."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations.scoping import OrganizationOwned


class Agent(OrganizationOwned):
    """The assistant's settings."""

    name = models.CharField(_("name"), max_length=60)
    model = models.CharField(
        _("model"), max_length=120, blank=True, help_text=_("Empty: the one of the server.")
    )
    fallback_model = models.CharField(
        _("fallback model"),
        max_length=120,
        blank=True,
        help_text=_("Answers when the first one fails."),
    )
    instructions = models.TextField(_("instructions"), max_length=8000, blank=True)
    temperature = models.FloatField(
        _("temperature"), default=0.3, validators=[MinValueValidator(0), MaxValueValidator(2)]
    )
    max_tokens = models.PositiveIntegerField(
        _("longest answer, tokens"),
        default=800,
        validators=[MinValueValidator(16), MaxValueValidator(8000)],
    )
    reply_delay = models.FloatField(
        _("pause before answering, seconds"),
        default=0.5,
        validators=[MinValueValidator(0), MaxValueValidator(10)],
        help_text=_("Messages sent within the pause are answered together."),
    )
    daily_turns_per_visitor = models.PositiveIntegerField(
        _("answers a day for one visitor"),
        default=200,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
    )
    input_price = models.DecimalField(
        _("price of a million prompt tokens"),
        max_digits=10,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
    )
    output_price = models.DecimalField(
        _("price of a million answer tokens"),
        max_digits=10,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text=_("With both prices given, each answer's cost is recorded."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("agent")
        verbose_name_plural = _("agents")
        constraints = [
            models.UniqueConstraint(fields=["organization", "name"], name="agent_name_unique")
        ]

    def __str__(self) -> str:
        return self.name
