"""The admin page of what visitors are shown most, and what helps them or does not."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import F, FloatField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from knowledge.admin.links import address_of
from knowledge.entries import KINDS
from knowledge.models import Knowledge
from organizations import access, dashboard
from organizations.models import Member, Organization

SHOWN = 20
VOTES = F("helpful_count") + F("not_helpful_count")


def popular(request: HttpRequest) -> HttpResponse:
    """Three lists: shown most, liked best, liked least."""
    member = access.member_of(request.user)
    if member is None or not request.user.has_perm("knowledge.view_faqentry"):
        raise PermissionDenied
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Popular answers"),
        "lists": [
            (title, [(item, address_of(item)) for item in items])
            for title, items in (
                (_("Shown most"), most_shown(member.organization)),
                (_("Helped best"), best(member.organization)),
                (_("Helped least"), worst(member.organization)),
            )
        ],
    }
    return TemplateResponse(request, "knowledge/popular.html", context)


def most_shown(organization: Organization) -> list[Knowledge]:
    """What visitors were shown most often."""
    return _top(organization, "views_count", lambda rows: rows.filter(views_count__gt=0))


def best(organization: Organization) -> list[Knowledge]:
    """What helped: by the share of thumbs up, of those that have any, then by their number."""
    return _top(organization, "share", lambda rows: _judged(rows).filter(helpful_count__gt=0))


def worst(organization: Organization) -> list[Knowledge]:
    """What did not help, by the share of thumbs down."""
    return _top(
        organization, "bad_share", lambda rows: _judged(rows).filter(not_helpful_count__gt=0)
    )


def _judged(rows: Any) -> Any:
    return (
        rows.annotate(votes=VOTES)
        .filter(votes__gt=0)
        .annotate(
            # Two votes of each kind are added to all, so that one thumb is not the whole truth.
            share=Cast(F("helpful_count") + 2, FloatField()) / (F("votes") + 4),
            bad_share=Cast(F("not_helpful_count") + 2, FloatField()) / (F("votes") + 4),
        )
    )


def _top(organization: Organization, by: str, chosen: Any) -> list[Knowledge]:
    """The first of all kinds by a number, and by how often they were shown."""
    found: list[Any] = []
    for model in KINDS.values():
        rows = chosen(model.objects.of(organization))
        found += rows.order_by(f"-{by}", "-views_count", "pk")[:SHOWN]
    found.sort(key=lambda item: (-getattr(item, by), -item.views_count, item.pk))
    return found[:SHOWN]


admin.site.add_page(  # type: ignore[attr-defined]
    path("knowledge/popular/", admin.site.admin_view(popular), name="knowledge_popular")
)


@dashboard.contributor
def popular_figure(member: Member, start: dashboard.Start) -> None:
    """What is shown most, once something was."""
    top = most_shown(member.organization)[:1]
    if top:
        title = _("Times “%(title)s” was shown") % {"title": str(top[0])[:60]}
        start.figures.append(
            dashboard.Figure(title, str(top[0].views_count), reverse("admin:knowledge_popular"), 1)
        )
