"""What models used and cost, added up: by day, agent, model, type of chat, purpose or chat.

Every figure is a sum of calls, which are exact; nothing is rounded here, so any grouping adds up to
the turns, and to any other grouping, to the last digit.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import BooleanField, Count, ExpressionWrapper, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from chat.models import ModelCall
from knowledge.tables import harmless
from organizations.models import ChatType, Organization

# What calls may be grouped by, with the columns that tell the groups apart.
GROUPS: dict[str, tuple[str, ...]] = {
    "day": ("day",),
    "agent": ("agent_id", "agent__name"),
    "model": ("provider__name", "model"),
    "type": ("chat__kind_id", "chat__kind__slug", "chat__kind__names", "is_of_chat"),
    "purpose": ("purpose",),
    "chat": ("chat_id", "chat__name"),
}
TITLES = {
    "day": gettext_lazy("By day"),
    "agent": gettext_lazy("By agent"),
    "model": gettext_lazy("By model"),
    "type": gettext_lazy("By type of chat"),
    "purpose": gettext_lazy("By purpose"),
    "chat": gettext_lazy("By chat"),
}
COLUMNS = ("calls", "failed", "prompt_tokens", "cached_tokens", "answer_tokens", "cost")
FIGURES = {
    "calls": Count("pk"),
    "failed": Count("pk", filter=~Q(code="") & ~Q(code="stopped")),
    "prompt": Coalesce(Sum("prompt_tokens"), 0),
    "cached": Coalesce(Sum("cached_tokens"), 0),
    "answer": Coalesce(Sum("completion_tokens"), 0),
    "estimated": Count("pk", filter=Q(is_estimated=True)),
    "unpriced": Count(
        "pk", filter=Q(cost=None) & (Q(prompt_tokens__gt=0) | Q(completion_tokens__gt=0))
    ),
    # The last, as the others look at the column of the same name.
    "cost": Sum("cost"),
}


@dataclass(frozen=True)
class Row:
    """A group's figures; `cost` is None where no price was known of any call."""

    label: str
    calls: int
    failed: int
    prompt: int
    cached: int
    answer: int
    cost: Decimal | None
    estimated: int
    unpriced: int
    key: Any = None

    @property
    def tokens(self) -> int:
        """Of prompts and answers."""
        return self.prompt + self.answer


def calls(organization: Organization, since: date, until: date) -> QuerySet[ModelCall]:
    """An organization's calls of a period, both days included."""
    return ModelCall.objects.of(organization).filter(day__range=(since, until))


def total(organization: Organization, since: date, until: date) -> Row:
    """All of it."""
    return Row("", **calls(organization, since, until).aggregate(**FIGURES))


def rows(organization: Organization, since: date, until: date, by: str) -> list[Row]:
    """The figures of each group; days in order and none left out, the others by what they cost."""
    columns = GROUPS[by]
    of_chat = ExpressionWrapper(Q(chat__isnull=False), output_field=BooleanField())
    found_calls = calls(organization, since, until).annotate(is_of_chat=of_chat)
    groups = found_calls.order_by().values(*columns).annotate(**FIGURES)
    found = []
    for group in groups:
        values = [group.pop(column) for column in columns]
        found.append(Row(_label(by, values), **group, key=values[0]))
    if by == "day":
        known = {row.key: row for row in found}
        days = [since + timedelta(days=n) for n in range((until - since).days + 1)]
        return [known.get(day) or _nothing(day) for day in days]
    return sorted(found, key=lambda row: (-(row.cost or 0), -row.tokens, row.label))


def _nothing(day: date) -> Row:
    return Row(_label("day", [day]), 0, 0, 0, 0, 0, None, 0, 0, key=day)


def _label(by: str, values: list[Any]) -> str:
    first, *rest = values
    if by == "day":
        return str(first.isoformat())
    if by == "agent":
        return str(rest[0] or _("no agent, or a deleted one"))
    if by == "model":
        return f"{rest[0]} · {first}" if first else str(rest[0])
    if by == "type":
        slug, names, is_of_chat = rest
        if first is None:
            return _("Without a type") if is_of_chat else _("outside of chats")
        return ChatType(slug=slug, names=names).name(get_language() or "")
    if by == "purpose":
        return str(dict(ModelCall.Purpose.choices).get(first, first))
    return str(rest[0] or (f"#{first}" if first else _("no chat, or an erased one")))


def sheet(found: list[Row], by: str) -> Iterator[str]:
    """The rows as lines of a CSV file, with every digit."""
    line = io.StringIO()
    writer = csv.writer(line)

    def written(cells: list[Any]) -> str:
        line.seek(0)
        line.truncate()
        writer.writerow(cells)
        return line.getvalue()

    yield written([by, *COLUMNS])
    for row in found:
        figures = [row.calls, row.failed, row.prompt, row.cached, row.answer]
        cost = "" if row.cost is None else f"{row.cost:f}"
        yield written([harmless(row.label), *figures, cost])


def of_turn(turn_ids: list[int]) -> dict[int, list[ModelCall]]:
    """The calls of turns, in order, for their receipts."""
    found: dict[int, list[ModelCall]] = {}
    for call in (
        ModelCall.unscoped.filter(turn__in=turn_ids)
        .order_by("pk")
        .annotate(whose=F("provider__name"))
    ):
        found.setdefault(call.turn_id or 0, []).append(call)
    return found
