"""How often each piece of knowledge was shown, and what visitors thought of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db.models import F
from django.db.models.expressions import Combinable
from django.db.models.functions import Greatest, Now

from knowledge.entries import KINDS
from organizations.models import Organization

# The kind of a piece and its id, as receipts name it.
Piece = tuple[str, int]
FIELDS = {True: "helpful_count", False: "not_helpful_count"}


def shown(organization: Organization, times: Mapping[Piece, int]) -> None:
    """Each piece was shown so many times more. Ones that are gone are passed over."""
    # In one order for everyone, so that two who count the same pieces do not wait for each other.
    for (kind, item_id), count in sorted(times.items()):
        if kind in KINDS:
            KINDS[kind].objects.of(organization).filter(pk=item_id).update(
                views_count=F("views_count") + count, last_shown_at=Now()
            )


def judged(
    organization: Organization,
    pieces: Collection[Piece],
    before: bool | None,
    now: bool | None,
) -> None:
    """A visitor's thumb over these pieces was `before` and is `now`; None is no thumb.

    The caller holds the row that the thumb stands on, so that no thumb is counted twice.
    """
    if before is now:
        return
    change: dict[str, Combinable] = {}
    if now is not None:
        change[FIELDS[now]] = F(FIELDS[now]) + 1
    if before is not None:
        change[FIELDS[before]] = Greatest(F(FIELDS[before]) - 1, 0)
    for kind, item_id in sorted(set(pieces)):
        if kind in KINDS:
            KINDS[kind].objects.of(organization).filter(pk=item_id).update(**change)
