"""Money as the columns of settings hold it."""

from __future__ import annotations

from typing import Any

from django.core.validators import MinValueValidator
from django.db import models


class LimitField(models.DecimalField):  # type: ignore[type-arg]
    """An amount that may be spent, in the organization's currency; None: any."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {"max_digits": 12, "decimal_places": 2, "null": True, "blank": True}
        kwargs["validators"] = [MinValueValidator(0)]
        super().__init__(*args, **kwargs)


class PriceField(models.DecimalField):  # type: ignore[type-arg]
    """A price of a million tokens, in the organization's currency."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs |= {"max_digits": 12, "decimal_places": 6, "validators": [MinValueValidator(0)]}
        super().__init__(*args, **kwargs)
