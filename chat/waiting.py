"""The queue for people as a visitor is told of it: a place, and a wait known from real ones."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from django.db.models import F, QuerySet
from django.utils import timezone

from chat.models import Handoff
from organizations.models import Organization

# Told by the layer above (`operators`), which knows who is at work.
_is_anybody_online: list[Callable[[Organization], bool]] = []

# A median of fewer waits would be a guess; without it no estimate is shown.
FEWEST_WAITS = 3
RECENT_WAITS = 20


def place(handoff: Handoff) -> int:
    """1 for the one who is served next."""
    return (
        1
        + open_handoffs(handoff.organization)
        .filter(requested_at__lt=handoff.requested_at)
        .exclude(pk=handoff.pk)
        .count()
    )


def open_handoffs(organization: Organization) -> QuerySet[Handoff]:
    """Everyone who waits for a person, the longest wait first."""
    return (
        Handoff.objects.of(organization)
        .filter(accepted_at__isnull=True, ended_at__isnull=True)
        .order_by("requested_at", "pk")
    )


def typical_wait(organization: Organization) -> float | None:
    """The median of the last accepted waits, in seconds; None where there were too few."""
    waits = [
        (accepted - requested).total_seconds()
        for requested, accepted in Handoff.objects.of(organization)
        .filter(accepted_at__isnull=False)
        .exclude(reason=Handoff.Reason.TAKEN)
        .order_by(F("accepted_at").desc())
        .values_list("requested_at", "accepted_at")[:RECENT_WAITS]
        if accepted
    ]
    return statistics.median(waits) if len(waits) >= FEWEST_WAITS else None


def estimate(handoff: Handoff, typical: float | None) -> int | None:
    """Seconds still to wait, by the typical wait; never below zero."""
    if typical is None:
        return None
    waited = (timezone.now() - handoff.requested_at).total_seconds()
    return max(0, round(typical - waited))


def presence_is_told_by(function: Callable[[Organization], bool]) -> None:
    """Register who can say whether somebody is at work; called once, when the apps are ready."""
    _is_anybody_online[:] = [function]


def is_anybody_online(organization: Organization) -> bool:
    """Whether a person could answer now."""
    return any(function(organization) for function in _is_anybody_online)
