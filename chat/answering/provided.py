"""Facts from other systems that an owner has set up: asked for before an answer, by code.

`planning` looks at what is at hand; what must be fetched is fetched by `ask` between two looks, in
a coroutine, so that no database thread waits for somebody's server.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.core.cache import cache
from django.db.models.functions import Now

from chat.context import MAX_LINES, MAX_VALUE, Fact, clean
from chat.database import in_database
from chat.models import Chat
from organizations import calling
from organizations.models import ContextProvider

log = logging.getLogger(__name__)

LONGEST_ARGUMENT = 300
# How long a service that has just failed is not asked again: every visitor would wait for it.
FAILED_SECONDS = 10
FAILED = "failed"


@dataclass(frozen=True)
class Asking:
    """One provider with its arguments; `is_wanted`: the question itself asks for it."""

    provider: ContextProvider
    arguments: dict[str, Any]
    is_wanted: bool

    @property
    def place(self) -> str:
        """Where its answer is kept: another place for other settings or other arguments."""
        said = orjson.dumps(
            [str(self.provider.updated_at), self.arguments], None, orjson.OPT_SORT_KEYS
        )
        return f"provided:{self.provider.pk}:{hashlib.sha256(said).hexdigest()}"


@dataclass(frozen=True)
class Wanted:
    """Have these asked, then prepare with what they say."""

    askings: tuple[Asking, ...]


@dataclass(frozen=True)
class Given:
    """Facts that the question asks for, and those that are told with every question."""

    wanted: list[Fact] = field(default_factory=list)
    background: list[Fact] = field(default_factory=list)


def at_hand(providers: Sequence[ContextProvider], question: str, chat: Chat) -> Given | Wanted:
    """The facts of all providers that this question is for, or which of them must be asked."""
    askings = tuple(
        asking for provider in providers if (asking := _asking(provider, question, chat))
    )
    answers = [cache.get(asking.place) for asking in askings]
    if any(answer is None for answer in answers):
        return Wanted(askings)
    return _given(askings, answers)


async def ask(wanted: Wanted) -> Given:
    """Ask all at once. Each has its own time; one that fails costs its own facts only."""
    answers = await asyncio.gather(*(_asked(asking) for asking in wanted.askings))
    return _given(wanted.askings, answers)


def _asking(provider: ContextProvider, question: str, chat: Chat) -> Asking | None:
    """The provider with its arguments; None where it has nothing to say to this."""
    is_wanted = _has_word(question, provider.words)
    if provider.words and not is_wanted:
        return None
    arguments = {
        name: told for name in provider.placeholders if (told := _told(name, question, chat))
    }
    # What the page does not tell, no server can be asked about.
    if arguments.keys() < provider.placeholders:
        return None
    return Asking(provider, arguments, is_wanted)


def _has_word(question: str, beginnings: Sequence[str]) -> bool:
    said = re.findall(r"\w+", question.casefold().replace("ё", "е"))
    whole = " ".join(said)
    return any(
        f" {beginning.casefold().replace('ё', 'е')}" in f" {whole}" for beginning in beginnings
    )


def _told(name: str, question: str, chat: Chat) -> str:
    """An argument for a provider. What the page tells comes from the browser: it proves nothing."""
    session = chat.session
    told: dict[str, Callable[[], str]] = {
        "question": lambda: question,
        "language": lambda: session.language,
        "page_url": lambda: session.page_url,
        "page_title": lambda: session.page_title,
        # These are read from the database only where they are asked for.
        "visitor": lambda: str(session.visitor.visitor_id) if session.visitor else "",
        "customer": lambda: session.customer.username if session.customer else "",
    }
    if name in told:
        return told[name]()[:LONGEST_ARGUMENT]
    return clean(session.page_context).get(name.removeprefix("page_"), "")[:LONGEST_ARGUMENT]


async def _asked(asking: Asking) -> dict[str, str] | str:
    provider = asking.provider
    known = cache.get(asking.place)
    if known is not None:
        return known  # type: ignore[no-any-return]
    outcome = await calling.call(provider, asking.arguments)
    # Written at failures, and at the first answer after them.
    if outcome.code or provider.is_failing:
        await in_database(_note, provider, outcome.code)
    if outcome.code:
        log.warning("context provider %s gave nothing: %s", provider.pk, outcome.code)
        cache.set(asking.place, FAILED, FAILED_SECONDS)
        return FAILED
    lines = lines_of(outcome.kept)
    if provider.cache_seconds:
        cache.set(asking.place, lines, provider.cache_seconds)
    return lines


def _note(provider: ContextProvider, code: str) -> None:
    """Keep for the owner how it went."""
    row = ContextProvider.unscoped.filter(pk=provider.pk)
    if code:
        row.update(error=code[:60], failed_at=Now(), is_failing=True)
    else:
        row.update(is_failing=False)


def lines_of(kept: str) -> dict[str, str]:
    """A kept answer as the lines of a fact."""
    try:
        answer = orjson.loads(kept)
    except orjson.JSONDecodeError:
        # A text, or JSON of which the end was cut off.
        answer = kept
    if not isinstance(answer, dict):
        answer = {"": answer} if answer not in ("", None, []) else {}
    lines = {}
    for key, value in list(answer.items())[:MAX_LINES]:
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        # The last steps of a path name it well enough: order.items.*.name is a name.
        lines[str(key).rpartition(".")[2][:80]] = text[:MAX_VALUE]
    return lines


def _given(askings: Sequence[Asking], answers: Sequence[dict[str, str] | str]) -> Given:
    given = Given()
    for asking, lines in zip(askings, answers, strict=True):
        if isinstance(lines, dict) and lines:
            facts = given.wanted if asking.is_wanted else given.background
            facts.append(Fact(asking.provider.name, lines))
    return given
