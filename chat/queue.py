"""Telling those who wait for a person which place they have now.

Two changes of one queue do not see each other before they are committed, and the later commit
alone knows the truth. So places are counted after the commit, and one at a time: whoever counts
last tells last, and has seen everything before.
"""

from __future__ import annotations

from itertools import dropwhile
from uuid import UUID

from django.db import transaction

from chat import waiting
from chat.delivery import events
from chat.models import Chat
from chat.protocol import SupportPending
from organizations import locks
from organizations.models import Organization

# Those behind learn their place when they come this near, or look anew.
TOLD = 50


def tell_place_of(chat: Chat) -> None:
    """Tell a chat that has come its place, and those whom it came before, after the commit."""
    transaction.on_commit(lambda: _tell(chat.organization, chat.chat_id))


def tell_places(organization: Organization) -> None:
    """Tell everyone who still waits, after the commit."""
    transaction.on_commit(lambda: _tell(organization))


def _tell(organization: Organization, newcomer: UUID | None = None) -> None:
    with transaction.atomic():
        locks.hold(f"queue:{organization.pk}")
        typical = waiting.typical_wait(organization)
        queue = waiting.open_handoffs(organization).select_related("chat")
        told = [
            SupportPending(
                chat_id=handoff.chat.chat_id,
                place=place,
                wait=waiting.estimate(handoff, typical),
            )
            for place, handoff in enumerate(queue, start=1)
        ]
        if newcomer:
            # Mostly the last one, but whoever asked first may be the later to commit.
            told = list(dropwhile(lambda event: event.chat_id != newcomer, told))
        # Under the lock, so that they are heard in the order in which they were counted.
        events.send([pair for event in told[:TOLD] for pair in events.packed(event, event.chat_id)])
