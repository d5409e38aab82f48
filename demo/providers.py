"""The demo's context provider: looks up tours when a visitor asks about tours or booking.

This is what a host project writes: a function from the question and the chat to facts.
"""

from __future__ import annotations

from django.urls import reverse
from django.utils import translation

from chat.context import Fact, provider
from chat.models import Chat
from demo import asking
from demo.content.settings import ORGANIZATION
from demo.content.tour import Tour
from demo.tours import nearest, price, today, written
from knowledge import retrieval

NEAREST = 3
LABELS = {
    "ru": (
        "Цена",
        "Длительность",
        "Ближайшая дата",
        "Ближайшие даты",
        "осталось мест",
        "Место сбора",
    ),
    "en": ("Price", "Duration", "Next date", "Next dates", "places left", "Meeting point"),
}


@provider
def tours(question: str, chat: Chat) -> list[Fact]:
    """The tours a question names, or the nearest ones when it asks for tours at all."""
    if chat.organization.slug != ORGANIZATION["slug"]:
        return []
    plain = asking.plain(question)
    language = retrieval.language_of(question, chat.session.language)
    named = asking.tours_named(plain)
    if named and asking.asks_particulars(plain):
        return [describe(tour, language, dates=3) for tour in named[:NEAREST]]
    if not named and asking.asks_for_tours(plain, on_tour_page=bool(chat.session.page_context)):
        soonest = nearest(NEAREST, asking.weekdays_named(plain))
        return [describe(tour, language, dates=1) for tour in soonest]
    return []


def describe(tour: Tour, language: str, dates: int) -> Fact:
    """A tour with so many of its next dates, in the visitor's language."""
    cost, duration, one_day, several_days, left, meeting = LABELS[language]
    with translation.override(language):
        departures = [
            f"{written(departure.day)} ({left}: {departure.places_left})"
            for departure in tour.departures(today(), dates)
        ]
    return Fact(
        title=tour.title[language],
        lines={
            cost: price(tour, language),
            duration: tour.duration[language],
            one_day if dates == 1 else several_days: "; ".join(departures),
            meeting: tour.meeting[language],
        },
        url=reverse("demo:tour", args=[tour.slug]),
    )
