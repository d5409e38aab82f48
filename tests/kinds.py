"""Chat types for tests, and the work of a worker on their results."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import ai
from chat import finishing, visitor
from chat.models import Chat, ChatResult, Visitor
from organizations import kinds
from organizations.models import ChatType
from tests.conftest import House

NOTE: dict[str, Any] = {
    "type": "object",
    "required": ["subject", "points"],
    "properties": {
        "subject": {"type": "string", "maxLength": 40, "titles": {"en": "Subject", "ru": "Тема"}},
        "points": {"type": "array", "items": {"type": "string"}, "title": "Points"},
    },
}


def offer(house: House, slug: str = "ticket", **fields: Any) -> ChatType:
    """One of the examples, offered by the house's widget, with some fields otherwise."""
    kind = kinds.from_template(house.organization, slug)
    for name, value in fields.items():
        setattr(kind, name, value)
    kind.full_clean()
    kind.save()
    house.widget.kinds.add(kind)
    return kind


def begin(house: House, person: Visitor, kind: ChatType) -> Chat:
    """A chat of the type, as a visitor starts it."""
    return visitor.new_chat(person, house.visit, uuid.uuid4(), "", "general", kind.slug)


def talk(house: House, person: Visitor, chat: Chat, *words: str) -> None:
    """Have the visitor say something in the chat."""
    for text in words:
        visitor.say(person, house.visit, text, uuid.uuid4(), chat.chat_id)


def make(result: ChatResult) -> ChatResult:
    """Run the task to its end, as a worker would."""

    async def work() -> None:
        await finishing.make(result.pk)
        await ai.close()

    asyncio.run(work())
    result.refresh_from_db()
    return result
