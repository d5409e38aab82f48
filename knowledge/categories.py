"""What an owner can do with categories: the shelves of knowledge, and their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import F, Max, QuerySet
from django.db.models.functions import Coalesce

from knowledge.models import Category
from organizations.models import Organization


class StaleOrder(Exception):
    """Somebody else has added, moved or removed a category meanwhile."""


@dataclass
class Shelf:
    """A category with those inside it."""

    category: Category
    inside: list[Shelf] = field(default_factory=list)


def save(category: Category) -> Category:
    """Save a category; a new one, or one put elsewhere, stands last. Raises ValidationError."""
    category.full_clean()
    with transaction.atomic():
        before = Category.objects.of(category.organization).filter(pk=category.pk).first()
        if before is None or before.parent_id != category.parent_id:
            siblings = _siblings(category.organization, category.parent_id)
            last = siblings.exclude(pk=category.pk).aggregate(last=Max("position"))["last"]
            category.position = 0 if last is None else last + 1
        category.save()
    return category


def arrange(organization: Organization, parent_id: int | None, order: Sequence[int]) -> None:
    """Give the categories of one shelf (or the outermost) this order; raises StaleOrder."""
    with transaction.atomic():
        siblings = _siblings(organization, parent_id).order_by("pk").select_for_update(of=("self",))
        rows = {row.pk: row for row in siblings}
        if sorted(order) != sorted(rows):
            raise StaleOrder
        for position, pk in enumerate(order):
            rows[pk].position = position
        Category.unscoped.bulk_update(rows.values(), ["position"])


def move(category: Category, step: int) -> None:
    """Put a category one place up (-1) or down (1); at the end of its shelf it stays."""
    organization, parent_id = category.organization, category.parent_id
    order = [row.pk for row in _siblings(organization, parent_id)]
    place = order.index(category.pk)
    other = place + step
    if 0 <= other < len(order):
        order[place], order[other] = order[other], order[place]
        arrange(organization, parent_id, order)


def in_order(rows: QuerySet[Category]) -> QuerySet[Category]:
    """Every category with those inside it right behind it."""
    return rows.select_related("parent").order_by(
        Coalesce("parent__position", "position"),
        Coalesce("parent_id", "pk"),
        F("parent_id").asc(nulls_first=True),
        "position",
        "pk",
    )


def tree(rows: Iterable[Category]) -> list[Shelf]:
    """Ordered categories as shelves."""
    outermost: dict[int, Shelf] = {}
    for row in rows:
        if row.parent_id is None:
            outermost[row.pk] = Shelf(row)
        else:
            outermost[row.parent_id].inside.append(Shelf(row))
    return list(outermost.values())


def _siblings(organization: Organization, parent_id: int | None) -> QuerySet[Category]:
    rows = Category.objects.of(organization).filter(parent_id=parent_id)
    return rows.order_by("position", "pk")
