"""The desk as a whole: who waits, who is held by whom, what is recent, and open requests."""

from __future__ import annotations

from chat import calls, snapshots
from chat.models import Chat, ContactRequest, Handoff, Mode
from chat.protocol import DeskChat, Queue
from organizations.models import Organization

RECENT = 30
MOST = 200


def load(organization: Organization) -> Queue:
    """The desk as it is now, in a fixed number of queries."""
    chats = snapshots.with_last_words(
        Chat.objects.of(organization).select_related(
            "organization",
            "session__widget",
            "session__visitor",
            "session__customer",
            "operator__user",
        )
    )
    by_people = list(
        chats.filter(mode__in=[Mode.WAITING, Mode.OPERATOR]).order_by("updated_at")[:MOST]
    )
    recent = list(
        chats.filter(mode__in=[Mode.AI, Mode.CLOSED], seq__gt=0).order_by("-updated_at")[:RECENT]
    )
    handoffs = {
        handoff.chat_id: handoff
        for handoff in Handoff.objects.of(organization).filter(
            chat__in=by_people, ended_at__isnull=True
        )
    }
    lines = [snapshots.desk_chat(chat, handoffs.get(chat.pk)) for chat in by_people]
    contacts = (
        ContactRequest.objects.of(organization)
        .filter(handled_at__isnull=True)
        .select_related("chat")
        .order_by("created_at")[:MOST]
    )
    return Queue(
        waiting=sorted((line for line in lines if line.mode == "waiting"), key=_since),
        held=[line for line in lines if line.mode == "operator"],
        recent=[snapshots.desk_chat(chat, None) for chat in recent],
        contacts=[snapshots.contact(contact) for contact in contacts],
        calls=calls.pending(organization, MOST),
    )


def _since(line: DeskChat) -> str:
    return line.since
