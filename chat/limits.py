"""So many in so long a time: a sliding window, counted in PostgreSQL by its own clock.

Who calls this holds something that lets only one of those counted in at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, QuerySet
from django.db.models.functions import Now


@dataclass(frozen=True)
class Recent:
    """What a window holds just now."""

    count: int
    oldest: datetime | None
    now: datetime | None


def recent(rows: QuerySet[Any], moment: str, window: timedelta) -> Recent:
    """The rows whose `moment` lies within the window."""
    found = rows.filter(**{f"{moment}__gt": Now() - window}).aggregate(
        count=Count("pk"), oldest=Min(moment), now=Max(Now())
    )
    return Recent(**found)


def wait(found: Recent, most: int, window: timedelta) -> float | None:
    """Seconds until there is room for one more, at least one; None when there is room now."""
    if found.count < most:
        return None
    if found.oldest is None or found.now is None:
        # A limit of none at all.
        return window.total_seconds()
    return max(1.0, (found.oldest + window - found.now).total_seconds())
