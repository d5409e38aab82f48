"""Business hours: their form in the database, their validation, and whether it is open now."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TIME = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")


def validate_hours(value: Any) -> None:
    """Accept `{"mon": [["09:00", "18:00"], …], …}`: spans in order, apart, within the day."""
    if not isinstance(value, dict) or any(day not in DAYS for day in value):
        raise ValidationError(_("Business hours are given by days: mon … sun."), code="hours")
    for spans in value.values():
        if not isinstance(spans, list):
            raise ValidationError(_("A day's hours are a list of spans."), code="hours")
        before = ""
        for span in spans:
            if not (
                isinstance(span, list)
                and len(span) == 2
                and all(isinstance(t, str) and _TIME.match(t) for t in span)
            ):
                raise ValidationError(_("Write hours as 09:00-18:00."), code="hours")
            start, end = span
            if start >= end or start < before:
                raise ValidationError(
                    _("Spans of hours must follow one another and not overlap."), code="hours"
                )
            before = end


def validate_timezone(value: str) -> None:
    """Accept the name of a time zone, such as Europe/Moscow."""
    if value not in available_timezones():
        raise ValidationError(_("There is no such time zone."), code="timezone")


def is_open(hours: Mapping[str, list[list[str]]], timezone: str, now: datetime) -> bool:
    """Whether `now` lies in the hours; no hours at all means always open."""
    if not hours:
        return True
    local = now.astimezone(ZoneInfo(timezone))
    clock = local.strftime("%H:%M")
    return any(start <= clock < end for start, end in hours.get(DAYS[local.weekday()], []))


def next_opening(
    hours: Mapping[str, list[list[str]]], timezone: str, now: datetime
) -> datetime | None:
    """When it opens next, in the widget's time zone; None when it is always open or never."""
    if not hours:
        return None
    local = now.astimezone(ZoneInfo(timezone))
    for ahead in range(8):
        day = local + timedelta(days=ahead)
        for start, _end in hours.get(DAYS[day.weekday()], []):
            hour, minute = map(int, start.split(":"))
            opening = day.replace(hour=hour, minute=minute, second=0, microsecond=0)
            if opening > local:
                return opening
    return None
