"""What is used of limits, for whoever set them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from organizations.models import Agent, Budget, Organization

# From here on the owner is warned.
WARNING = Decimal("0.8")
NOTHING = Decimal()
Scope = Budget.Scope


@dataclass(frozen=True)
class Use:
    """A limit, in tokens or in money, and what is used of it."""

    title: str | Promise
    used: Decimal
    most: Decimal
    is_money: bool

    @property
    def share(self) -> Decimal:
        """Of the limit; 1 for what is used up."""
        return min(self.used / self.most, Decimal(1)) if self.most else Decimal(1)

    @property
    def percent(self) -> int:
        """The share, rounded down: 100 only when nothing is left."""
        return int(self.share * 100)

    @property
    def is_near(self) -> bool:
        """Whether the owner is to be warned."""
        return self.share >= WARNING

    @property
    def is_over(self) -> bool:
        """Whether no model is asked any more."""
        return self.used >= self.most


def today() -> date:
    """The day that is counted in: that of the server's time zone."""
    return timezone.localtime(None, timezone.get_default_timezone()).date()


def of_organization(organization: Organization) -> list[Use]:
    """The organization's own limits."""
    day = today()
    one, all_ = organization.daily_tokens, organization.daily_cost
    return [
        *_uses(organization, Scope.DAY, "", day, _("Today"), one, all_),
        *_uses(
            organization,
            Scope.MONTH,
            "",
            day.replace(day=1),
            _("This month"),
            organization.monthly_tokens,
            organization.monthly_cost,
        ),
    ]


def of_agent(agent: Agent) -> list[Use]:
    """The agent's own limits, and the visitor and the address that used most of theirs."""
    found = _uses(
        agent.organization,
        Scope.AGENT,
        str(agent.pk),
        today(),
        _("This agent"),
        agent.daily_tokens,
        agent.daily_cost,
    )
    for scope, title, tokens, cost in (
        (
            Scope.VISITOR,
            _("The visitor who used most"),
            agent.daily_tokens_per_visitor,
            agent.daily_cost_per_visitor,
        ),
        (
            Scope.IP,
            _("The address that used most"),
            agent.daily_tokens_per_ip,
            agent.daily_cost_per_ip,
        ),
    ):
        rows = Budget.objects.of(agent.organization).filter(scope=scope, since=today())
        most = rows.order_by("-tokens").first() if tokens is not None else None
        dearest = rows.order_by("-cost").first() if cost is not None else None
        found += _listed(title, most, tokens, dearest, cost)
    return found


def crowded(agent: Agent) -> int:
    """How many visitors have used up their limit today."""
    full = Q()
    if agent.daily_tokens_per_visitor is not None:
        full |= Q(tokens__gte=agent.daily_tokens_per_visitor)
    if agent.daily_cost_per_visitor is not None:
        full |= Q(cost__gte=agent.daily_cost_per_visitor)
    if not full:
        return 0
    rows = Budget.objects.of(agent.organization).filter(scope=Scope.VISITOR, since=today())
    return rows.filter(full).count()


def _uses(
    organization: Organization,
    scope: Scope,
    key: str,
    since: date,
    title: str | Promise,
    tokens: int | None,
    cost: Decimal | None,
) -> list[Use]:
    if tokens is None and cost is None:
        return []
    row = Budget.objects.of(organization).filter(scope=scope, key=key, since=since).first()
    return _listed(title, row, tokens, row, cost)


def _listed(
    title: str | Promise,
    row: Budget | None,
    tokens: int | None,
    dearest: Budget | None,
    cost: Decimal | None,
) -> list[Use]:
    found = []
    if tokens is not None:
        found.append(Use(title, Decimal(row.tokens if row else 0), Decimal(tokens), False))
    if cost is not None:
        found.append(Use(title, dearest.cost if dearest else NOTHING, cost, True))
    return found


def table(uses: list[Use], currency: str) -> SafeString:
    """The limits with their bars."""
    return render_to_string("organizations/budgets.html", {"uses": uses, "currency": currency})
