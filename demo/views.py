"""The demo's pages: tours, one tour, contacts, and how another site embeds the widget."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import get_language

from demo.content.pages import TEXTS
from demo.tours import BY_SLUG, TOURS, Tour
from demo.content.settings import ORGANIZATION
from organizations import access


SLUG = ORGANIZATION["slug"]


def _language() -> str:
    return "en" if (get_language() or "").startswith("en") else "ru"


def _page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    language = _language()
    return render(
        request,
        f"demo/{template}.html",
        {"language": language, "t": TEXTS[language], "other": "en" if language == "ru" else "ru"}
        | context,
    )


def card(tour: Tour, language: str) -> dict[str, Any]:
    """A tour as a page shows it."""
    departures = tour.departures(timezone.localdate())
    return {
        "slug": tour.slug,
        "picture": f"demo/{tour.picture}.svg",
        "title": tour.title[language],
        "summary": tour.summary[language],
        "story": tour.story[language],
        "programme": tour.programme[language],
        "duration": tour.duration[language],
        "price": f"{tour.price:,}".replace(",", " "),
        "departures": departures,
        "next": departures[0],
    }


def home(request: HttpRequest) -> HttpResponse:
    """All tours."""
    language = _language()
    return _page(request, "home", tours=[card(tour, language) for tour in TOURS])


def tour(request: HttpRequest, slug: str) -> HttpResponse:
    """One tour; the widget on it knows what is being looked at."""
    found = BY_SLUG.get(slug)
    if found is None:
        raise Http404
    language = _language()
    shown = card(found, language)
    facts = {
        "title": shown["title"],
        "price": f"{shown['price']} ₽",
        "date": formats.date_format(shown["next"].day, "j E Y" if language == "ru" else "j F Y"),
        "places_left": shown["next"].places_left,
        "duration": shown["duration"],
    }
    return _page(request, "tour", tour=shown, page_facts=facts)


def about(request: HttpRequest) -> HttpResponse:
    """Who we are and where to find us."""
    return _page(request, "about")


def embed(request: HttpRequest) -> HttpResponse:
    """How another site shows the widget: one line, which this page uses itself."""
    try:
        key = access.widget_by_name("support", SLUG).key
    except access.AccessError:
        key = ""
    return _page(request, "embed", key=key, src=request.build_absolute_uri(reverse("embed")))
