"""Facts for an answer beside the knowledge: of the page the visitor looks at, and of host code.

A host project registers a provider, a function from the question and the chat to facts:

    from chat.context import Fact, provider

    @provider
    def orders(question: str, chat: Chat) -> list[Fact]: ...

It runs in a worker's database thread before every answer, so it may query, and must be quick.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from chat.models import Chat

log = logging.getLogger(__name__)

MAX_LINES = 30
MAX_VALUE = 500


@dataclass(frozen=True)
class Fact:
    """Something true now: a title, lines of label and value, perhaps where it can be read."""

    title: str
    lines: dict[str, str] = field(default_factory=dict)
    url: str = ""

    def text(self) -> str:
        """The fact as Markdown lines."""
        rows = [
            f"- {label}: {value}" if label else f"- {value}" for label, value in self.lines.items()
        ]
        return "\n".join([f"**{self.title}**", *rows] if self.title else rows)

    def stored(self) -> dict[str, Any]:
        """The fact as the turn's receipt keeps it."""
        return asdict(self)


Provider = Callable[[str, Chat], list[Fact]]
_providers: list[Provider] = []


def provider(function: Provider) -> Provider:
    """Register a provider, once, for every chat; use it as a decorator."""
    if function not in _providers:
        _providers.append(function)
    return function


def provided(question: str, chat: Chat) -> list[Fact]:
    """What all providers know about the question. One that fails costs its own facts only."""
    facts: list[Fact] = []
    for function in _providers:
        try:
            facts += function(question, chat)
        except Exception:
            # Host code may raise anything; the visitor still deserves an answer.
            log.exception("context provider %s failed", function.__qualname__)
    return facts


def page_fact(chat: Chat) -> Fact | None:
    """What the site says of the page the visitor is on."""
    session = chat.session
    lines = clean(session.page_context)
    title = lines.pop("title", "") or session.page_title
    if not lines:
        return None
    return Fact(title=title, lines=lines, url=session.page_url)


def clean(context: Mapping[str, Any]) -> dict[str, str]:
    """The page's facts as short texts; what is neither text nor number is left out."""
    lines = {}
    for key, value in list(context.items())[:MAX_LINES]:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            continue
        lines[str(key)[:80]] = str(value)[:MAX_VALUE]
    return lines


# How visitors ask for what sites commonly tell of a page. Keys are matched by these words, other
# keys by their own; the words are stems, so that Russian endings do not matter.
ASKED_BY: dict[str, tuple[str, ...]] = {
    "price": ("цен", "стои", "стоимост", "сколько за", "price", "cost", "how much"),
    "date": ("дат", "когда", "числ", "date", "when"),
    "places_left": ("мест", "свободн", "остал", "places", "seats", "spots", "available", "left"),
    "duration": ("длит", "длин", "долго", "часов", "duration", "how long", "hours"),
    "meeting_point": ("встреч", "сбор", "откуда", "адрес", "meet", "where", "start"),
}


def asked_lines(fact: Fact, question: str) -> dict[str, str]:
    """The lines of a page's fact that the question asks for."""
    lowered = question.lower().replace("ё", "е")
    words = set(re.findall(r"\w+", lowered))
    return {
        label: value
        for label, value in fact.lines.items()
        if any(
            stem in lowered if " " in stem else any(word.startswith(stem) for word in words)
            for stem in ASKED_BY.get(label, _stems(label))
        )
    }


def _stems(label: str) -> tuple[str, ...]:
    words = re.findall(r"\w+", label.lower().replace("ё", "е").replace("_", " "))
    return tuple(word[: max(4, len(word) - 2)] for word in words if len(word) > 3)
