"""Rows for benches: an organization with a widget, and visitors who have a chat already."""

from __future__ import annotations

import json
import secrets
import uuid
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from chat import identity
from chat.models import Chat, Session, Visitor
from organizations.models import Agent, Organization, Widget


@dataclass(frozen=True)
class Someone:
    """A visitor as their browser knows itself."""

    token: str
    key: str
    chat_id: uuid.UUID

    def register(self) -> bytes:
        """The first frame."""
        return json.dumps(
            {"type": "register", "widget": self.key, "token": self.token, "language": "en"}
        ).encode()

    def say(self, text: str) -> bytes:
        """A new message."""
        return json.dumps(
            {"type": "message", "client_id": str(uuid.uuid4()), "text": text}
        ).encode()


def make_widget(*, model: str = "") -> Widget:
    """An organization of its own with a widget, whose assistant answers at once."""
    slug = f"bench-{secrets.token_hex(4)}"
    organization = Organization.objects.create(name=slug, slug=slug)
    agent = Agent.unscoped.create(
        organization=organization,
        name="main",
        reply_delay=0,
        model=model,
        only_from_sources=False,
        daily_turns_per_visitor=100_000,
        # Measured visitors ask the same again and again, and shall go on being answered.
        handoff_on=["asked", "error"],
    )
    widget: Widget = Widget.unscoped.create(
        organization=organization, name="default", agent=agent, languages=["en", "ru"]
    )
    return widget


def make_visitors(widget: Widget, count: int, *, mode: str = "ai") -> list[Someone]:
    """So many visitors, each with an open chat."""
    organization = widget.organization
    tokens = [secrets.token_urlsafe(32) for _ in range(count)]
    visitors = Visitor.unscoped.bulk_create(
        Visitor(
            organization=organization,
            token_hash=identity.token_hash(organization, token),
            last_visit=timezone.now(),
        )
        for token in tokens
    )
    sessions = Session.unscoped.bulk_create(
        Session(organization=organization, widget=widget, visitor=visitor, language="en")
        for visitor in visitors
    )
    chats = Chat.unscoped.bulk_create(
        Chat(organization=organization, session=session, mode=mode) for session in sessions
    )
    with connection.cursor() as cursor:
        # As the server does by itself within a minute, which no bench waits for.
        cursor.execute("ANALYZE chat_visitor, chat_session, chat_chat")
    return [
        Someone(token, widget.key, chat.chat_id) for token, chat in zip(tokens, chats, strict=True)
    ]
