"""The admin page of what models used and cost, and the start page's part of it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from chat.accounting import usage
from organizations import access, budgets, dashboard, pricing
from organizations.admin.providers import states
from organizations.models import Agent, Member, ModelHealth, Organization, Provider
from organizations.templatetags.money import amount, money

LONGEST_DAYS = 366
PERIODS = {
    "today": _("Today"),
    "7": _("7 days"),
    "30": _("30 days"),
    "month": _("This month"),
    "own": _("From … to …"),
}


class PeriodForm(forms.Form):
    """Which days, and by what."""

    period = forms.ChoiceField(label=_("Period"), choices=list(PERIODS.items()), required=False)
    since = forms.DateField(
        label=_("First day"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    until = forms.DateField(
        label=_("Last day"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d")
    )
    by = forms.ChoiceField(label=_("Grouped"), choices=list(usage.TITLES.items()), required=False)

    def clean(self) -> dict[str, Any]:
        """Fill in what was not said, and refuse days that are none."""
        said: dict[str, Any] = super().clean() or {}
        said["by"] = said.get("by") or "day"
        today = budgets.today()
        chosen = said.get("period") or "30"
        since, until = said.get("since"), said.get("until")
        if chosen != "own":
            until = today
            since = {
                "today": today,
                "7": today - timedelta(days=6),
                "30": today - timedelta(days=29),
                "month": today.replace(day=1),
            }[chosen]
        elif "since" in self.errors or "until" in self.errors:
            return said
        else:
            since, until = since or until or today, until or today
        if since > until:
            raise ValidationError(_("The period ends before it begins."), code="period_order")
        if (until - since).days >= LONGEST_DAYS:
            raise ValidationError(_("Choose a year at most."), code="period_long")
        return said | {"period": chosen, "since": since, "until": until}


@require_safe
def page(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Figures of a period in a table with bars, or as a file."""
    member = access.member_of(request.user)
    if member is None or not request.user.has_perm("chat.view_modelcall"):
        raise PermissionDenied
    organization = member.organization
    asked = request.GET.copy()
    asked.setdefault("period", "30")
    asked.setdefault("by", "day")
    form = PeriodForm(asked)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Usage"),
        "form": form,
        "currency": organization.currency,
        "limits": budgets.table(budgets.of_organization(organization), organization.currency),
        "health": states(ModelHealth.objects.of(organization)),
        "missing": _named(organization, pricing.missing(organization)),
    }
    if not form.is_valid():
        return TemplateResponse(request, "chat/usage.html", context, status=400)
    since, until, by = (form.cleaned_data[name] for name in ("since", "until", "by"))
    found = usage.rows(organization, since, until, by)
    if request.GET.get("format") == "csv":
        return _file(found, by, since, until)
    total = usage.total(organization, since, until)
    query = asked.copy()
    query["format"] = "csv"
    context |= {
        "groups": _with_bars(found),
        "total": total,
        "by": usage.TITLES[by],
        "since": since,
        "until": until,
        "csv": f"?{query.urlencode()}",
    }
    return TemplateResponse(request, "chat/usage.html", context)


def _with_bars(found: list[usage.Row]) -> list[tuple[usage.Row, int, int]]:
    """Each row with the lengths of its bars: hundredths of the longest one, of tokens and money."""
    tokens = max((row.tokens for row in found), default=0)
    cost = max((row.cost or Decimal() for row in found), default=Decimal())
    return [
        (
            row,
            _share(Decimal(row.tokens), Decimal(tokens)),
            _share(row.cost or Decimal(), cost),
        )
        for row in found
    ]


def _share(part: Decimal, whole: Decimal) -> int:
    return round(part / whole * 100) if whole else 0


def _file(found: list[usage.Row], by: str, since: date, until: date) -> StreamingHttpResponse:
    response = StreamingHttpResponse(usage.sheet(found, by), content_type="text/csv; charset=utf-8")
    name = f"usage-{by}-{since}-{until}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _named(organization: Organization, models: list[pricing.Key]) -> list[str]:
    names = dict(Provider.objects.of(organization).values_list("pk", "name"))
    return [f"{names[pk]} · {name}" if pk in names else name for pk, name in models]


admin.site.add_page(  # type: ignore[attr-defined]
    path("usage/", admin.site.admin_view(page), name="usage")
)


@dashboard.contributor
def todays_use(member: Member, start: dashboard.Start) -> None:
    """What models took today, and a warning where a limit is near."""
    if not member.is_owner:
        return
    organization, today = member.organization, budgets.today()
    total = usage.total(organization, today, today)
    address = reverse("admin:usage")
    if total.calls:
        start.figures.append(dashboard.Figure(_("Tokens today"), amount(total.tokens), address, 2))
    if total.cost is not None:
        # Rounded up to the cent: where so little room is, every digit would say less.
        cents = total.cost.quantize(Decimal("0.01"), ROUND_CEILING)
        shown = money(cents, organization.currency)
        start.figures.append(dashboard.Figure(_("Spent on models today"), shown, address, 2))
    start.steps += _warnings(
        budgets.of_organization(organization), "", organization, _page_of(organization)
    )
    for agent in Agent.objects.of(organization).select_related("organization").order_by("name"):
        page_of_agent = reverse("admin:organizations_agent_change", args=[agent.pk])
        start.steps += _warnings(budgets.of_agent(agent), agent.name, organization, page_of_agent)


def _page_of(organization: Organization) -> str:
    return reverse("admin:organizations_organization_change", args=[organization.pk])


def _warnings(
    uses: list[budgets.Use], whose: str, organization: Organization, address: str
) -> list[dashboard.Step]:
    """A line for each limit that is nearly used up."""
    return [
        dashboard.Step(
            title=_("A limit is used up") if use.is_over else _("A limit is nearly used up"),
            detail=" · ".join(
                str(part)
                for part in (whose, use.title, f"{_amount(use, organization)} ({use.percent} %)")
                if part
            ),
            is_done=False,
            url=address,
        )
        for use in uses
        if use.is_near
    ]


def _amount(use: budgets.Use, organization: Organization) -> str:
    if use.is_money:
        used, most = (money(one, organization.currency) for one in (use.used, use.most))
        return f"{used} / {most}"
    return f"{amount(use.used)} / {amount(use.most)}"
