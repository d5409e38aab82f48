"""What a tour is made of, and when it leaves; `city_tours` and `country_tours` are lists of these."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import date, timedelta

ALL_YEAR = frozenset(range(1, 13))
# Places begin to sell this long before the departure.
SALES_DAYS = 70

Text = dict[str, str]
Lines = dict[str, list[str]]


@dataclass(frozen=True)
class Departure:
    """A day on which the tour leaves, and how many places are left."""

    day: date
    places_left: int


@dataclass(frozen=True, kw_only=True)
class Tour:
    """One tour; its texts are given by language."""

    slug: str
    picture: str
    title: Text
    summary: Text
    story: Lines
    programme: Lines
    duration: Text
    meeting: Text
    price: int
    # Monday is 0.
    weekday: int
    seats: int
    # Patterns of the words by which visitors name the tour, each matched from a word's beginning.
    names: tuple[str, ...]
    # Whole names that are recognised with one slip of the finger.
    places: tuple[str, ...] = ()
    months: frozenset[int] = ALL_YEAR

    def departures(self, today: date, count: int = 4) -> list[Departure]:
        """The next departures of the season, the earliest tomorrow."""
        day = today + timedelta(days=(self.weekday - today.weekday() - 1) % 7 + 1)
        found: list[Departure] = []
        while len(found) < count:
            if day.month in self.months:
                found.append(Departure(day, self._places_left(day, (day - today).days)))
            day += timedelta(weeks=1)
        return found

    def _places_left(self, day: date, days_ahead: int) -> int:
        """Fewer as the day comes nearer; the same for everybody who asks on one day."""
        # How full the departure will be at last: from a half to nearly all.
        last_sold = self.seats * (50 + zlib.crc32(f"{self.slug} {day}".encode()) % 45) // 100
        return self.seats - last_sold * max(0, SALES_DAYS - days_ahead) // SALES_DAYS
