"""Who of the members is at work: what they say, and when their console was last heard."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.db.models.functions import Now
from django.utils import timezone

from chat.models import Mode
from chat.protocol import Colleague
from operators.models import Availability
from organizations.models import Member, Organization

# A console says that it is there every 20 seconds; three silent times and it is gone.
HEARD_EVERY = 20.0
SILENCE = timedelta(seconds=60)


def hear(member: Member) -> Availability:
    """Note that the member's console is there."""
    availability, _made = Availability.objects.of(member.organization).update_or_create(
        member=member,
        defaults={"seen_at": timezone.now()},
        create_defaults={"organization": member.organization, "seen_at": timezone.now()},
    )
    return availability


def say(member: Member, status: Availability.Status) -> None:
    """Note what the member says of being at work."""
    hear(member)
    Availability.objects.of(member.organization).filter(member=member).update(status=status)


def said_by(member: Member) -> str:
    """What the member says of being at work; who was gone comes back as online."""
    heard_after = timezone.now() - SILENCE
    recent = Availability.objects.of(member.organization).filter(seen_at__gt=heard_after)
    said = recent.filter(member=member).values_list("status", flat=True).first()
    return said or Availability.Status.ONLINE


def is_anybody_online(organization: Organization) -> bool:
    """Whether a person could take a chat now."""
    return (
        Availability.objects.of(organization)
        .filter(
            status=Availability.Status.ONLINE,
            seen_at__gt=Now() - SILENCE,
            member__user__is_active=True,
        )
        .exists()
    )


def colleagues(organization: Organization) -> list[Colleague]:
    """All members with their status and how many chats each holds."""
    members = (
        Member.objects.of(organization)
        .filter(user__is_active=True)
        .select_related("user", "availability")
        .annotate(held=Count("chats", filter=Q(chats__mode=Mode.OPERATOR)))
    )
    heard_after = timezone.now() - SILENCE
    found = []
    for member in members:
        availability: Any = getattr(member, "availability", None)
        seen = availability.seen_at if availability else None
        is_there = availability is not None and seen is not None and seen > heard_after
        found.append(
            Colleague(
                member_id=member.pk,
                name=member.name,
                status=availability.status if availability and is_there else "offline",
                chats=member.held,
            )
        )
    return sorted(found, key=lambda colleague: colleague.name)
