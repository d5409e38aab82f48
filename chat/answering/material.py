"""What a model is told for one question, and what its words go through before anybody sees them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from urllib.parse import urlsplit

from django.conf import settings

from ai.interface import SourceText
from chat.answering import brief, openings, output, prompts, recitals, tools
from chat.answering.grounds import fact_source
from chat.context import Fact
from knowledge import markdown
from organizations import sealing
from organizations.models import Provider

NOTHING_ASKED = "(The visitor has asked nothing new.)"


def prompt(
    known: brief.Brief,
    sources: list[SourceText],
    facts: list[Fact],
    page: Fact | None,
    toolbox: tools.Toolbox | None = None,
) -> prompts.Prompt:
    """What the model is told, within the agent's window."""
    chat = known.turn.chat
    session, widget = chat.session, chat.session.widget
    agent = widget.agent
    asked_from = known.turn.from_seq
    return prompts.build(
        prompts.Material(
            name=widget.text("bot_name", session.language),
            organization=chat.organization.name,
            language=session.language,
            question=known.question or NOTHING_ASKED,
            instructions=openings.instructions(agent.brief(), known.kind, session.language),
            settings=known.settings,
            memory=list(known.memory.values()),
            summary=chat.summary,
            page=fact_source([page]) if page else None,
            facts=[fact_source([fact]) for fact in facts],
            sources=sources,
            history=[
                line for line in known.history if line.role != "user" or line.seq < asked_from
            ],
        ),
        agent.context_window - agent.max_tokens - (toolbox.tokens if toolbox else 0),
        known.strictness,
    )


def version(toolbox: tools.Toolbox | None) -> str:
    """Which wording the model was given, for the receipt."""
    return f"{prompts.VERSION}+{tools.VERSION}" if toolbox else prompts.VERSION


def guard(known: brief.Brief, facts: list[Fact], sources: list[SourceText]) -> output.Chain:
    """What the model's words go through before anybody sees them."""
    widget, rules = known.turn.chat.session.widget, known.rules
    public = [text for source in sources for text in (source.title, source.text, source.url)]
    public += [text for fact in facts for text in (fact.text(), fact.url)]
    public += [value for _key, value in known.settings]
    owners = [widget.agent.instructions, known.kind.instructions if known.kind else ""]
    hosts = markdown.hosts_of(widget) | {urlsplit(site).hostname or "" for site in rules.sites}
    listed = rules.blocked + rules.hidden if rules.is_on else ()
    return guarding(owners, public, known.providers.values(), hosts, listed)


def guarding(
    owners: Sequence[str],
    public: Sequence[str],
    known: Iterable[Provider],
    hosts: Iterable[str] = (),
    listed: Sequence[str] = (),
) -> output.Chain:
    """What keeps a model's words to what it was given.

    `owners` are the owner's instructions, `public` what may be told, `known` who may be asked.
    """
    words = output.Words(listed, recited(owners), recitals.codes(secrets(owners, public, known)))
    return output.Chain(output.Addresses(output.Allowed.by([*public, *owners], hosts)), words)


def recited(owners: Sequence[str]) -> list[tuple[recitals.Recital, ...]]:
    """Of what the model is told to do, nobody is told long parts; of secrets, not even short."""
    rules = [
        recitals.recitals(text, recitals.RULES_IN_A_ROW) for text in (prompts.RULES, tools.RULES)
    ]
    texts = [recitals.recitals(text, recitals.INSTRUCTIONS_IN_A_ROW) for text in owners]
    secret = [
        recitals.recitals(sentence, recitals.SECRETS_IN_A_ROW)
        for text in owners
        for sentence in recitals.secrets_of(text).sentences
    ]
    return [tuple(chain.from_iterable(some)) for some in (rules, [*texts, *secret])]


def secrets(
    owners: Sequence[str], public: Sequence[str], known: Iterable[Provider]
) -> tuple[str, ...]:
    """The codes that the owner's words call secret and nothing public names, and all keys."""
    told = " ".join(public)
    codes = [code for text in owners for code in recitals.secrets_of(text).codes]
    keys = [settings.OPENAI_API_KEY, *map(_key, known)]
    return (*(code for code in codes if code not in told), *(key for key in keys if key))


def _key(provider: Provider) -> str:
    try:
        return provider.key
    except sealing.Unreadable:
        # It has not been asked with, either.
        return ""
