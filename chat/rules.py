"""What is known of a dialogue without any model: whose it is, what was said, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from chat.models import Chat, ContactRequest, Message
from organizations import schemas
from organizations.schemas import Schema

MOST_CHARACTERS = 30_000


def dialogue(chat: Chat, upto_seq: int) -> list[tuple[str, str]]:
    """Who said what up to a line, without what the system says; the end of it, where it is long."""
    lines = (
        Message.objects.of(chat.organization)
        .filter(chat=chat, seq__lte=upto_seq)
        .exclude(role=Message.Role.SYSTEM)
        .order_by("-seq")
        .values_list("role", "content")
    )
    kept, left = [], MOST_CHARACTERS
    for role, content in lines.iterator(chunk_size=100):
        left -= len(content)
        if left < 0:
            break
        kept.append((role, content))
    return kept[::-1]


def known_of(chat: Chat, lines: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What a field may be filled from (`schemas.SOURCES`), as far as it is known."""
    session = chat.session
    customer = session.customer
    left = ContactRequest.objects.of(chat.organization).filter(chat=chat).order_by("-pk").first()
    names = {"user": _("Visitor"), "assistant": _("Assistant"), "operator": _("Operator")}
    known = {
        "visitor.name": customer.name if customer else "",
        "visitor.email": customer.email if customer else "",
        "visitor.phone": customer.phone if customer else "",
        "dialogue": "\n".join(f"{names[role]}: {text}" for role, text in lines),
        "first_message": next((text for role, text in lines if role == "user"), ""),
        "page.url": session.page_url,
        "page.title": session.page_title,
    }
    if left:
        known["visitor.name"] = known["visitor.name"] or left.name
        known["visitor.email"] = known["visitor.email"] or left.email
    return {source: text for source, text in known.items() if text}


def filled(data: Mapping[str, Any], schema: Schema, known: Mapping[str, str]) -> dict[str, Any]:
    """The data with what it lacks and is known; what is there stays."""
    made = dict(data)
    for name, part in schema.get("properties", {}).items():
        if part["type"] == "object":
            inner = filled(made.get(name, {}), part, known)
            made |= {name: inner} if inner else {}
        elif name in made and made[name] != "":
            continue
        elif text := known.get(part.get("from", "")):
            made[name] = _cut(text, part)
        elif "default" in part:
            made[name] = part["default"]
    return made


def _cut(text: str, part: Schema) -> str:
    longest = schemas.plain(part)["maxLength"]
    return text if len(text) <= longest else f"{text[: max(0, longest - 1)]}…"[:longest]
