"""What a model is told for one question, and what its words go through before anybody sees them."""

from __future__ import annotations

from urllib.parse import urlsplit

from ai.interface import SourceText
from chat.answering import brief, openings, output, prompts, tools
from chat.answering.grounds import fact_source
from chat.context import Fact
from knowledge import markdown

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
    given = [text for source in sources for text in (source.title, source.text, source.url)]
    given += [text for fact in facts for text in (fact.text(), fact.url)]
    given += [value for _key, value in known.settings]
    given.append(widget.agent.instructions)
    hosts = markdown.hosts_of(widget) | {urlsplit(site).hostname or "" for site in rules.sites}
    recited = output.recitals(prompts.RULES, output.RULES_IN_A_ROW)
    recited += output.recitals(widget.agent.instructions, output.INSTRUCTIONS_IN_A_ROW)
    if known.kind:
        given.append(known.kind.instructions)
        recited += output.recitals(known.kind.instructions, output.INSTRUCTIONS_IN_A_ROW)
    words = output.Words(rules.blocked + rules.hidden if rules.is_on else (), recited)
    return output.Chain(output.Addresses(output.Allowed.by(given, hosts)), words)
