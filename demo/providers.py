"""The demo's context provider: looks up tours when a visitor asks about tours or booking.

This is what a host project writes: a function from the question and the chat to facts.
"""

from __future__ import annotations

import re
from datetime import date

from django.urls import reverse
from django.utils import formats, timezone, translation

from chat.context import Fact, provider
from chat.models import Chat
from demo.content.settings import ORGANIZATION
from demo.tours import TOURS, Tour

SLUG = ORGANIZATION["slug"]
_GENERAL = re.compile(
    r"\b(как(ие|ой)\s+(\w+\s+){0,2}(тур|экскурси)\w*|куда\s+(\w+\s+){0,2}(поехать|съездить)"
    r"|ближайш\w+\s+(\w+\s+){0,2}(тур|экскурси|дат|поездк)\w*|(список|все)\s+тур\w*"
    r"|(what|which)\s+(\w+\s+){0,2}tours?|next\s+(tours?|dates?|departures?)|list\s+of\s+tours)\b",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(тур\w*|экскурси\w*|поездк\w*|забронир\w*|брон\w*|дат[аыуе]\w*|когда|мест\w*|стоит|стоимост\w*"
    r"|цен[аыуе]\w*|сколько|tours?|trips?|book\w*|dates?|when|places?|seats?|price|cost|how\s+much"
    r"|расскаж\w*|tell\s+me|программ\w*|program\w*)\b",
    re.IGNORECASE,
)
NEAREST = 3


@provider
def tours(question: str, chat: Chat) -> list[Fact]:
    """The tours a question names, or the nearest ones when it asks for tours at all."""
    if chat.organization.slug != SLUG:
        return []
    lowered = question.lower().replace("ё", "е")
    today = timezone.localdate()
    named = [tour for tour in TOURS if any(name in lowered for name in tour.names)]
    language = "en" if re.search("[a-z]", lowered) and not re.search("[а-я]", lowered) else "ru"
    if named and _ABOUT.search(lowered):
        return [describe(tour, language, today, dates=3) for tour in named[:NEAREST]]
    if _GENERAL.search(lowered):
        soonest = sorted(TOURS, key=lambda tour: tour.departures(today)[0].day)
        return [describe(tour, language, today, dates=1) for tour in soonest[:NEAREST]]
    return []


def describe(tour: Tour, language: str, today: date, dates: int) -> Fact:
    """A tour as facts in the visitor's language."""
    is_russian = language == "ru"
    with translation.override(language):
        departures = [
            (formats.date_format(departure.day, "j E" if is_russian else "j F"), departure.places_left)
            for departure in tour.departures(today)[:dates]
        ]
    words = (
        ("Цена", "Длительность", "Даты", "осталось мест")
        if is_russian
        else ("Price", "Duration", "Dates", "places left")
    )
    left = [f"{day} ({words[3]}: {places})" for day, places in departures]
    return Fact(
        title=tour.title[language],
        lines={
            words[0]: f"{tour.price:,} ₽".replace(",", " "),
            words[1]: tour.duration[language],
            words[2]: "; ".join(left),
        },
        url=reverse("demo:tour", args=[tour.slug]),
    )
