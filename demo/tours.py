"""The tours that the demo's pages and its context provider show."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from django.utils import formats, timezone

from demo.content.city_tours import CITY_TOURS
from demo.content.country_tours import COUNTRY_TOURS
from demo.content.settings import TIMEZONE
from demo.content.tour import Tour

TOURS: list[Tour] = [*CITY_TOURS[:1], *COUNTRY_TOURS, *CITY_TOURS[1:]]
BY_SLUG = {tour.slug: tour for tour in TOURS}


def today() -> date:
    """The day where the tours leave from."""
    return timezone.localdate(timezone=ZoneInfo(TIMEZONE))


def nearest(count: int, weekdays: set[int] | None = None) -> list[Tour]:
    """The tours that leave first, of those on the wanted days of the week where there are any."""
    now = today()
    wanted = [tour for tour in TOURS if not weekdays or tour.weekday in weekdays]
    return sorted(wanted or TOURS, key=lambda tour: tour.departures(now, 1)[0].day)[:count]


def price(tour: Tour, language: str) -> str:
    """The price as the language writes it."""
    figures = f"{tour.price:,}"
    return f"{figures} roubles" if language == "en" else f"{figures.replace(',', ' ')} ₽"


def written(day: date) -> str:
    """A departure's day in the active language, with the year where it is not this one."""
    return formats.date_format(day, "j E" if day.year == today().year else "j E Y")
