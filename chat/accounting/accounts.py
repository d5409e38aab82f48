"""Accounts: who pays for an answer, at what prices, and whose limits it comes under.

All of a turn belongs to the day on which it was asked for. `bills` and the `ledger` hold and book.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.conf import settings
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ai.interface import Call
from chat.models import Chat, ModelCall
from organizations import health
from organizations.models import Agent, Budget, ModelPrice, Organization
from organizations.models.prices import cost

Purpose = ModelCall.Purpose
Scope = Budget.Scope


@dataclass(frozen=True)
class Price:
    """Of a million tokens, in the organization's currency."""

    input: Decimal
    cached: Decimal | None
    output: Decimal


@dataclass(frozen=True)
class Limit:
    """A budget, and how much may be in it; None: only counted."""

    scope: Scope
    key: str
    since: date
    tokens: int | None = None
    cost: Decimal | None = None


Prices = Mapping[tuple[int | None, str], Price]


@dataclass(frozen=True)
class Account:
    """Who pays, who is limited by it, and at what prices; of a turn, or of none."""

    organization: Organization
    day: date
    agent: Agent | None = None
    turn: int | None = None
    attempt: int = 0
    # A turn's chat is known by the turn.
    chat: int | None = None
    visitor: int | None = None
    ip: str = ""
    prices: Prices = field(default_factory=dict)
    health: health.Rows = field(default_factory=dict)

    def budgets(self) -> list[Limit]:
        """Every budget that a call of this account counts in, with its limits."""
        agent, organization, day = self.agent, self.organization, self.day
        found = [
            Limit(Scope.DAY, "", day, organization.daily_tokens, organization.daily_cost),
            Limit(
                Scope.MONTH,
                "",
                day.replace(day=1),
                organization.monthly_tokens,
                organization.monthly_cost,
            ),
        ]
        if agent is not None:
            found.append(
                Limit(Scope.AGENT, str(agent.pk), day, agent.daily_tokens, agent.daily_cost)
            )
        if agent is not None and self.ip:
            most = agent.daily_tokens_per_ip, agent.daily_cost_per_ip
            found.append(Limit(Scope.IP, self.ip, day, *most))
        if agent is not None and self.visitor is not None:
            most = agent.daily_tokens_per_visitor, agent.daily_cost_per_visitor
            found.append(Limit(Scope.VISITOR, str(self.visitor), day, *most))
        return found

    def limits(self) -> list[Limit]:
        """Those of them that are looked at before a call; mostly none."""
        return [
            limit
            for limit in self.budgets()
            if limit.tokens is not None
            or limit.cost is not None
            or (limit.scope == Scope.DAY and server_is_limited())
        ]

    def cost(self, call: Call) -> Decimal | None:
        """What a call costs; None where no price is known."""
        return self._cost(
            (call.provider, call.model),
            call.usage.prompt_tokens,
            call.usage.cached_tokens,
            call.usage.completion_tokens,
        )

    def highest(
        self, models: Sequence[tuple[int | None, str]], prompt: int, answer: int
    ) -> Decimal:
        """The most that one of the models may ask for this."""
        return max(
            (self._cost(one, prompt, 0, answer) or Decimal() for one in models), default=Decimal()
        )

    def _cost(
        self, model: tuple[int | None, str], prompt: int, cached: int, answer: int
    ) -> Decimal | None:
        price = self.prices.get(model)
        if price is None:
            return None
        return cost(prompt, cached, answer, price.input, price.cached, price.output)


def account_of(
    organization: Organization, agent: Agent | None = None, chat: Chat | None = None
) -> Account:
    """Who pays for what is no turn's, though perhaps a chat's and so its visitor's."""
    rows = ModelPrice.objects.of(organization)
    visitor = chat.session.visitor if chat else None
    return Account(
        organization=organization,
        day=day_of(),
        agent=agent,
        chat=chat.pk if chat else None,
        visitor=visitor.pk if visitor else None,
        ip=visitor.ip or "" if visitor else "",
        prices={
            (row.provider_id, row.model): Price(row.input_price, row.cached_price, row.output_price)
            for row in rows
        },
        health=health.of(organization),
    )


# For owners, by the codes that turns and trials end with.
SENTENCES: dict[str, Promise] = {
    f"limit_{Scope.AGENT}": _("The agent's limit of the day is used up, so no model was asked."),
    f"limit_{Scope.DAY}": _(
        "The organization's limit of the day is used up, so no model was asked."
    ),
    f"limit_{Scope.MONTH}": _(
        "The organization's limit of the month is used up, so no model was asked."
    ),
    "limit_server": _("The server's limit of the day is used up, so no model was asked."),
}


def sentence(code: str) -> str:
    """A limit that keeps models from being asked, in words for an owner."""
    return str(SENTENCES.get(code, _("A limit is used up, so no model was asked.")))


def day_of(moment: datetime | None = None) -> date:
    """The day that a moment (None: now) is counted in."""
    return timezone.localtime(moment, timezone.get_default_timezone()).date()


def server_is_limited() -> bool:
    """Whether all organizations together have a limit."""
    return bool(settings.AI_DAILY_TOKENS or settings.AI_DAILY_COST)
