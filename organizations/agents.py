"""What an owner does with an agent's settings: keep a draft, publish it, compare, go back.

What is published stands in the agent's own columns, which is all that whoever answers reads; each
publication is kept besides as an `AgentVersion`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from organizations.models import (
    Agent,
    AgentVersion,
    Language,
    Member,
    Organization,
    Provider,
    Tool,
)

# The settings that are published together, in the order of the form.
FIELDS = (
    *("avatar", "instructions", "tone", "languages", "greeting", "suggested_questions"),
    *("provider", "model", "fallbacks", "temperature", "top_p", "max_tokens", "reply_delay"),
    *("context_window", "only_from_sources", "remembers", "tools"),
    *("handoff_on", "daily_turns_per_visitor"),
    *("daily_tokens_per_visitor", "daily_cost_per_visitor"),
    *("daily_tokens_per_ip", "daily_cost_per_ip", "daily_tokens", "daily_cost"),
)
# Which shelves of knowledge it may use; those are rows of another package.
CATEGORIES = "categories"

Settings = dict[str, Any]


def settings_of(agent: Agent, categories: Iterable[int]) -> Settings:
    """An agent's settings as they are kept in drafts and versions."""
    kept: Settings = {name: _plain(_field(name), agent) for name in FIELDS}
    return kept | {CATEGORIES: sorted(categories)}


def published(agent: Agent) -> Settings:
    """What the agent answers by now."""
    return settings_of(agent, _categories(agent).values_list("pk", flat=True))


def drafted(agent: Agent) -> Settings:
    """What it would answer by if it was published now."""
    return published(agent) | (agent.draft or {})


def with_settings(agent: Agent, settings: Settings) -> Agent:
    """A copy of the agent with these settings in its columns; not to be saved."""
    changed = copy(agent)
    changed._state = copy(agent._state)
    changed._state.fields_cache = {}
    changed.organization = agent.organization
    for name in FIELDS:
        if name in settings:
            setattr(changed, _field(name).attname, _value(_field(name), settings[name]))
    changed.other_categories = settings.get(CATEGORIES)
    return changed


def shelves(agent: Agent) -> list[int]:
    """The categories of knowledge that an agent, or a copy `with_settings`, may use; none: all."""
    if agent.other_categories is not None:
        return agent.other_categories
    return list(agent.categories.values_list("pk", flat=True))


def keep_draft(agent: Agent, settings: Settings) -> None:
    """Keep settings that are not published yet; equal ones are no draft."""
    now = published(agent)
    agent.draft = {
        name: value for name, value in settings.items() if now.get(name) != value
    } or None
    agent.save(update_fields=["draft"])


@dataclass(frozen=True)
class Obstacle:
    """Why settings should not be published: in words, with the address of a page that helps."""

    sentence: str
    address: str
    may_override: bool


class Held(ValidationError):
    """Publishing is held up by a gate."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.sentence, code="gate")
        self.obstacle = obstacle


Gate = Callable[[Agent, Settings], Obstacle | None]
_gates: list[Gate] = []


def gate(function: Gate) -> Gate:
    """Have a function of an upper package asked before settings are published; a decorator."""
    if function not in _gates:
        _gates.append(function)
    return function


def obstacle(agent: Agent, settings: Settings) -> Obstacle | None:
    """What keeps these settings from being published, if anything does."""
    found = [one for one in (ask(agent, settings) for ask in _gates) if one]
    # One that may not be overridden decides.
    return min(found, key=lambda one: one.may_override, default=None)


@transaction.atomic
def publish(
    agent: Agent, author: Member | None = None, note: str = "", *, is_overriding: bool = False
) -> AgentVersion:
    """Let the agent answer by its draft from now on, as a new version.

    Refuses what names a provider or a category that is not there any more, and what a gate holds
    up, unless that may be, and is, overridden.
    """
    locked = _hold(agent)
    held = obstacle(locked, drafted(locked))
    if held and not (is_overriding and held.may_override):
        raise Held(held)
    return _publish(agent, locked, author, note)


def _hold(agent: Agent) -> Agent:
    return Agent.objects.of(agent.organization).select_for_update(of=("self",)).get(pk=agent.pk)


def _keep(locked: Agent, author: Member | None, note: str, was_published: bool) -> AgentVersion:
    """The held agent's draft as a new version."""
    settings = drafted(locked)
    _refuse_what_is_gone(locked, settings)
    last = (
        AgentVersion.objects.of(locked.organization)
        .filter(agent=locked)
        .aggregate(models.Max("number"))["number__max"]
    )
    return AgentVersion.unscoped.create(
        organization=locked.organization,
        agent=locked,
        number=(last or 0) + 1,
        settings=settings,
        author=author,
        note=note,
        was_published=was_published,
    )


@transaction.atomic
def snapshot(agent: Agent, author: Member | None = None, note: str = "") -> AgentVersion:
    """Keep the draft as a version without letting the agent answer by it."""
    return _keep(_hold(agent), author, note, was_published=False)


def _publish(agent: Agent, locked: Agent, author: Member | None, note: str) -> AgentVersion:
    version = _keep(locked, author, note, was_published=True)
    settings = version.settings
    changed = with_settings(locked, settings)
    changed.draft, changed.version = None, version
    changed.save(
        update_fields=[*(_field(name).attname for name in FIELDS), "draft", "version", "updated_at"]
    )
    locked.categories.set(settings[CATEGORIES])
    agent.refresh_from_db()
    return version


@transaction.atomic
def roll_back(agent: Agent, version: AgentVersion, author: Member | None = None) -> AgentVersion:
    """Publish an older version again, as a new one; the draft is then that, too.

    What has answered before is a way out of trouble, so no gate stands before it.
    """
    locked = _hold(agent)
    locked.draft = version.settings
    locked.save(update_fields=["draft"])
    note = _("As version %(number)s") % {"number": version.number}
    if not version.was_published:
        return publish(locked, author, note)
    return _publish(locked, locked, author, note)


def discard(agent: Agent) -> None:
    """Forget what is not published."""
    agent.draft = None
    agent.save(update_fields=["draft"])


def providers_in(agent: Agent) -> set[int]:
    """The providers that the agent names, published or in its draft."""
    settings = [published(agent), agent.draft or {}]
    named = {one.get("provider") for one in settings}
    named |= {entry["provider"] for one in settings for entry in one.get("fallbacks", [])}
    return {pk for pk in named if pk is not None}


def tools_in(agent: Agent) -> set[int]:
    """The tools that the agent names, published or in its draft."""
    return {*agent.tools, *(agent.draft or {}).get("tools", [])}


# --- comparing --------------------------------------------------------------------------------


# Of words that are compared exactly.
MOST_PAIRS = 300 * 300
# A piece of a text, and whether it is only on this side.
Pieces = list[tuple[str, bool]]


@dataclass(frozen=True)
class Difference:
    """A setting that differs, in words."""

    name: str
    label: str
    before: str
    after: str

    def pieces(self) -> tuple[Pieces, Pieces]:
        """Both sides, word by word, with what differs marked."""
        old, new = (re.findall(r"\s*\S+", text) for text in (self.before, self.after))
        left: Pieces = []
        right: Pieces = []
        # Words that are everywhere are passed over in a long text, or the same few of them, time
        # and again, would be compared for minutes.
        is_long = len(old) * len(new) > MOST_PAIRS
        matcher = SequenceMatcher(None, old, new, autojunk=is_long)
        for kind, a, b, c, d in matcher.get_opcodes():
            left += [("".join(old[a:b]), kind != "equal")] if a < b else []
            right += [("".join(new[c:d]), kind != "equal")] if c < d else []
        return left, right


def differences(agent: Agent, before: Settings, after: Settings) -> list[Difference]:
    """What differs between two settings of one agent, in the order of the form."""
    names = _names(agent)
    found = [
        Difference(
            name,
            str(_label(name)),
            _in_words(name, before.get(name), names),
            _in_words(name, after.get(name), names),
        )
        for name in (*FIELDS, CATEGORIES)
        if before.get(name) != after.get(name)
    ]
    # What an older version had no word for yet, and what is given none, are the same.
    return [one for one in found if one.before != one.after]


@dataclass(frozen=True)
class _Names:
    providers: dict[int, str]
    categories: dict[int, str]
    tools: dict[int, str]


def _names(agent: Agent) -> _Names:
    providers = Provider.objects.of(agent.organization).values_list("pk", "name")
    return _Names(
        dict(providers),
        {row.pk: str(row) for row in categories_of(agent.organization)},
        {row.pk: str(row) for row in Tool.objects.of(agent.organization)},
    )


def _label(name: str) -> Any:
    if name == CATEGORIES:
        return _("Knowledge categories")
    label = str(_field(name).verbose_name)
    return label[:1].upper() + label[1:]


def _in_words(name: str, value: Any, names: _Names) -> str:
    """A kept value as a person reads it; empty for none."""
    if value in (None, "", [], {}):
        return ""
    if name == CATEGORIES:
        return ", ".join(names.categories.get(pk, f"№ {pk}") for pk in value)
    if name == "tools":
        return ", ".join(names.tools.get(pk, f"№ {pk}") for pk in value)
    if name == "provider":
        return _provider(value, names)
    if name == "fallbacks":
        return "\n".join(
            f"{number}. {entry['model']} · {_provider(entry['provider'], names)}"
            for number, entry in enumerate(value, start=1)
        )
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, dict):
        return "\n".join(
            f"{Language(language).label}: {text if isinstance(text, str) else ' · '.join(text)}"
            for language, text in sorted(value.items())
        )
    choices = dict(getattr(_field(name), "base_field", _field(name)).flatchoices)
    if isinstance(value, list):
        # A line each, so that only what was added or taken away is marked.
        return "\n".join(str(choices.get(one, one)) for one in value)
    return str(choices.get(value, value))


def _provider(pk: int | None, names: _Names) -> str:
    if pk is None:
        return _("the server's provider")
    return names.providers.get(pk) or _("a deleted provider")


# --- rows and JSON ----------------------------------------------------------------------------


def _field(name: str) -> Any:
    return Agent._meta.get_field(name)


def _plain(field: Any, agent: Agent) -> Any:
    """A column's value as JSON has it."""
    value = getattr(agent, field.attname)
    if isinstance(field, models.FileField):
        return value.name or ""
    if isinstance(field, models.DecimalField):
        # As PostgreSQL will give it back, so that equal prices are equal texts.
        return None if value is None else f"{field.to_python(value):.{field.decimal_places}f}"
    # Browsers send other ends of lines than the rest of the world writes.
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


def _value(field: Any, plain: Any) -> Any:
    if isinstance(field, models.ForeignKey):
        return plain
    return field.to_python(plain)


def categories_of(organization: Organization) -> Any:
    """Every category of an organization."""
    model = Agent._meta.get_field(CATEGORIES).related_model
    return model.objects.of(organization)  # type: ignore[union-attr]


def _categories(agent: Agent) -> Any:
    return agent.categories.order_by("pk")


def _refuse_what_is_gone(agent: Agent, settings: Settings) -> None:
    """Raise ValidationError for a reference that leads nowhere, or into another organization."""
    wanted = {settings["provider"], *(entry["provider"] for entry in settings["fallbacks"])} - {
        None
    }
    there = Provider.objects.of(agent.organization).filter(pk__in=wanted)
    if set(there.values_list("pk", flat=True)) != wanted:
        raise ValidationError(
            _("A model provider of these settings has been deleted. Choose another first."),
            code="provider_gone",
        )
    tools = set(settings["tools"])
    kept = Tool.objects.of(agent.organization).filter(pk__in=tools)
    if set(kept.values_list("pk", flat=True)) != tools:
        raise ValidationError(
            _("A tool of these settings has been deleted. Check the tools."), code="tool_gone"
        )
    shelves = set(settings[CATEGORIES])
    found = set(
        categories_of(agent.organization).filter(pk__in=shelves).values_list("pk", flat=True)
    )
    if found != shelves:
        raise ValidationError(
            _("A knowledge category of these settings has been deleted. Check the categories."),
            code="category_gone",
        )
