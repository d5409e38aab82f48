"""What models cost, as the owner or the provider's own list says it."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from organizations.models.money import PriceField
from organizations.models.providers import Provider
from organizations.scoping import OrganizationOwned

MILLION = Decimal(1_000_000)
# A call is rounded to this once, when it is priced; sums of calls are exact from then on.
SMALLEST = Decimal("0.000001")


class ModelPrice(OrganizationOwned):
    """The prices of one model at one provider, in the organization's currency."""

    class Origin(models.TextChoices):
        TYPED = "typed", _("Typed")
        PROVIDER = "provider", _("The provider's list")

    provider = models.ForeignKey(
        Provider,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="prices",
        verbose_name=_("provider"),
        help_text=_("Empty: the one of the server."),
    )
    model = models.CharField(_("model"), max_length=120)
    input_price = PriceField(_("price of a million prompt tokens"))
    cached_price = PriceField(
        _("price of a million cached prompt tokens"),
        null=True,
        blank=True,
        help_text=_("For what the provider has in its cache. Empty: as the prompt's others."),
    )
    output_price = PriceField(_("price of a million answer tokens"))
    origin = models.CharField(
        _("from"), max_length=10, choices=Origin, default=Origin.TYPED, editable=False
    )
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("price of a model")
        verbose_name_plural = _("prices of models")
        constraints = [
            models.UniqueConstraint(
                fields=["organization", "provider", "model"],
                name="price_model_unique",
                nulls_distinct=False,
                violation_error_message=_("This model has a price already."),
            )
        ]

    def __str__(self) -> str:
        return self.model


def cost(
    prompt: int,
    cached: int,
    completion: int,
    input_price: Decimal,
    cached_price: Decimal | None,
    output_price: Decimal,
) -> Decimal:
    """What a call costs: the one place where money is made of tokens, and rounded."""
    fresh = prompt - cached
    known = input_price if cached_price is None else cached_price
    paid = fresh * input_price + cached * known + completion * output_price
    return (paid / MILLION).quantize(SMALLEST, ROUND_HALF_UP)
