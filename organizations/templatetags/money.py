"""How money and counts are written on pages: every digit that was counted, none that was not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import template
from django.utils.formats import number_format

register = template.Library()


@register.filter
def money(value: Any, currency: str) -> str:
    """An amount with its currency, with two decimals, or with all six that it was counted to.

    Nothing is rounded here, so that what a page adds up is what it shows.
    """
    if value is None:
        return "—"
    whole = Decimal(value)
    places = 2 if whole == round(whole, 2) else 6
    return f"{number_format(whole, places, force_grouping=True)} {currency}"


@register.filter
def amount(value: Any) -> str:
    """A whole number with its thousands apart."""
    return "—" if value is None else number_format(int(value), 0, force_grouping=True)
