"""The demo's pages: tours, one tour, contacts, and how another site embeds the widget."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import formats
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from demo.content.pages import TEXTS
from demo.content.settings import MAIL, ORGANIZATION, PHONE
from demo.content.tour import Tour
from demo.tours import BY_SLUG, TOURS, price, today, written
from organizations import access

SLUG = ORGANIZATION["slug"]
# Below this a departure is marked as nearly full.
FEW = 5


def _language() -> str:
    return "en" if (get_language() or "").startswith("en") else "ru"


def _page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    language = _language()
    return render(
        request,
        f"demo/{template}.html",
        {
            "language": language,
            "t": TEXTS[language],
            "other": "en" if language == "ru" else "ru",
            "page": template,
            "phone": PHONE,
            "phone_link": PHONE.replace(" ", "").replace("-", ""),
            "mail": MAIL,
            "organization": SLUG,
            "few": FEW,
            "year": today().year,
        }
        | context,
    )


def card(tour: Tour, language: str) -> dict[str, Any]:
    """A tour as a page shows it."""
    departures = tour.departures(today())
    return {
        "slug": tour.slug,
        "picture": f"demo/{tour.picture}.svg",
        "title": tour.title[language],
        "summary": tour.summary[language],
        "story": tour.story[language],
        # A time or a day, and what happens then.
        "programme": [line.split(" — ", 1) for line in tour.programme[language]],
        "duration": tour.duration[language],
        "meeting": tour.meeting[language],
        "price": price(tour, language),
        "departures": [
            {
                "day": written(departure.day),
                "weekday": formats.date_format(departure.day, "l").lower()
                if language == "ru"
                else formats.date_format(departure.day, "l"),
                "places_left": departure.places_left,
            }
            for departure in departures
        ],
    }


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """All tours."""
    language = _language()
    return _page(request, "home", tours=[card(tour, language) for tour in TOURS])


@require_safe
def tour(request: HttpRequest, slug: str) -> HttpResponse:
    """One tour; the widget on it knows what is being looked at."""
    found = BY_SLUG.get(slug)
    if found is None:
        raise Http404
    language = _language()
    shown = card(found, language)
    facts = {
        "title": shown["title"],
        "price": shown["price"],
        "date": shown["departures"][0]["day"],
        "places_left": shown["departures"][0]["places_left"],
        "duration": shown["duration"],
        "meeting_point": shown["meeting"],
    }
    at = TOURS.index(found)
    others = [card(TOURS[(at + step) % len(TOURS)], language) for step in (1, 2, 3)]
    return _page(request, "tour", tour=shown, page_facts=facts, tours=others)


@require_safe
def about(request: HttpRequest) -> HttpResponse:
    """Who we are and where to find us."""
    return _page(request, "about")


@require_safe
def embed(request: HttpRequest) -> HttpResponse:
    """How another site shows the widget: one line, which this page uses itself."""
    try:
        key = access.widget_by_name("support", SLUG).key
    except access.AccessError:
        key = ""
    return _page(request, "embed", key=key, src=request.build_absolute_uri(reverse("embed")))
