"""What the rows say of a turn that is to be answered, read in one statement. For `planning`.

Seven statements of the ORM take longer than all the rest of the way to the first word, and most of
that is their making in Python. This one is made once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import orjson
from django.db import connection, models
from django.utils import timezone

from chat import handoffs, moderation, turns
from chat.accounting import accounts
from chat.answering import prompts
from chat.models import Chat, Session, ToolCall, Turn
from organizations import agents, health
from organizations.models import (
    Agent,
    ChatType,
    ContextProvider,
    ModelHealth,
    Organization,
    Provider,
    Tool,
    Widget,
)
from organizations.statements import row_of

M = TypeVar("M", bound=models.Model)

# A provider that counts more than so many times what was estimated counts something else, too.
STRICTEST = 1.5

TABLES: dict[str, type[models.Model]] = {
    "turn": Turn,
    "chat": Chat,
    "session": Session,
    "widget": Widget,
    "agent": Agent,
    "organization": Organization,
}


@dataclass(frozen=True)
class Brief:
    """A claimed turn, with all of its chat that an answer needs.

    `question` is everything the visitor wrote that the turn answers; `history` the last lines up
    to it; `settings` the owner's facts for this agent; `done_today` the visitor's answers before
    this one, in whatever chat and also those under way: who asks in many at once gets no more;
    `providers` those of the organization, by their ids; `memory` what is remembered of the visitor;
    `strictness` how many times more tokens than were estimated the last prompt was counted as;
    `lately` what was said and what came of it; `rules` those of moderation; `tools` what the agent
    may call, `calls` the last changes that people were asked about in this chat,
    `context_providers` who is asked for facts; `ip` the visitor's, shortened; `prices` and
    `health` those of the models;
    `kind` the type of the chat, if it has one.
    """

    turn: Turn
    question: str
    history: list[prompts.Line]
    settings: list[tuple[str, str]]
    done_today: int
    providers: dict[int, Provider]
    memory: dict[int, str]
    strictness: float
    lately: list[handoffs.Said]
    rules: moderation.Rules
    tools: list[Tool]
    calls: list[ToolCall]
    context_providers: list[ContextProvider]
    ip: str = ""
    prices: accounts.Prices = field(default_factory=dict)
    health: health.Rows = field(default_factory=dict)
    kind: ChatType | None = None

    @property
    def agent(self) -> Agent:
        """Whose settings count."""
        return self.turn.chat.session.widget.agent

    @property
    def account(self) -> accounts.Account:
        """Who pays for the turn."""
        return accounts.Account(
            organization=self.turn.chat.organization,
            day=accounts.day_of(self.turn.created_at),
            agent=self.agent,
            turn=self.turn.pk,
            attempt=self.turn.attempt,
            visitor=self.turn.chat.session.visitor_id,
            ip=self.ip,
            prices=self.prices,
            health=self.health,
        )


def read(claim: turns.Claim) -> Brief | None:
    """The brief of a claimed turn; None when the turn is no longer the claimer's."""
    row = row_of(
        _statement(),
        {
            "turn": claim.turn_id,
            "attempt": claim.attempt,
            "token": claim.token,
            "zone": timezone.get_default_timezone_name(),
        },
    )
    if not row:
        return None
    values = iter(row)
    turn, chat, session, widget, agent, organization = (make(values) for make in _makers())
    variant, variant_settings = next(values), next(values)
    # Whose everything is, so that nothing is read again when it is asked for.
    turn.organization = chat.organization = session.organization = organization
    widget.organization = agent.organization = organization
    if variant is not None:
        agent = agents.with_settings(agent, orjson.loads(variant_settings))
        agent.version_id = variant
    turn.chat, chat.session, session.widget, widget.agent = chat, session, widget, agent
    question, history, settings, done_today, providers, *more = values
    memory, counted, lately, rules, tools, calls, sites, ip, prices, failing, kind = more
    return Brief(
        turn=turn,
        question=question,
        history=[prompts.Line(*line) for line in orjson.loads(history)],
        settings=[(key, value) for key, value in orjson.loads(settings)],
        done_today=done_today,
        providers={one["id"]: Provider(**one) for one in orjson.loads(providers)},
        memory=dict(orjson.loads(memory)),
        strictness=min(max(counted or 1.0, 1.0), STRICTEST),
        lately=handoffs.said_of(orjson.loads(lately)),
        rules=moderation.rules_of(rules),
        tools=[Tool(**one) for one in orjson.loads(tools)],
        calls=[ToolCall(**one) for one in orjson.loads(calls)],
        context_providers=[ContextProvider(**one) for one in orjson.loads(sites)],
        ip=ip,
        prices={(one[0], one[1]): _price(*one[2:]) for one in orjson.loads(prices)},
        health={(one[0], one[1]): _health(one) for one in orjson.loads(failing)},
        kind=ChatType(**orjson.loads(kind)) if kind else None,
    )


def _price(given: str, cached: str | None, answered: str) -> accounts.Price:
    known = None if cached is None else Decimal(cached)
    return accounts.Price(Decimal(given), known, Decimal(answered))


def _health(row: list[Any]) -> ModelHealth:
    provider, model, pk, failures, until = row
    moment = datetime.fromisoformat(until) if until else None
    return ModelHealth(
        pk=pk, provider_id=provider, model=model, failures=failures, open_until=moment
    )


@functools.cache
def _statement() -> str:
    columns = [
        f'{alias}."{field.column}"'
        for alias, model in TABLES.items()
        for field in model._meta.concrete_fields
    ]
    return READ % {
        "columns": ", ".join(columns),
        "history": prompts.HISTORY,
        "lately": handoffs.LATELY,
        "rules": moderation.SETTINGS % "turn.organization_id",
        "in_variant": IN_VARIANT,
    }


@functools.cache
def _makers() -> list[Callable[[Iterator[Any]], Any]]:
    return [_maker(model) for model in TABLES.values()]


def _maker(model: type[M]) -> Callable[[Iterator[Any]], M]:
    """A function that takes a model's columns off a row and makes the instance."""
    fields = model._meta.concrete_fields
    names = [field.attname for field in fields]
    converters = [field.get_db_converters(connection) for field in fields]

    def make(values: Iterator[Any]) -> M:
        taken = []
        for convert, value in zip(converters, values, strict=False):
            for function in convert:
                value = function(value, None, connection)
            taken.append(value)
        return model.from_db(connection.alias, names, taken)

    return make


# Whether an experiment sends a chat to its variant: by the chat's id alone, and anew for each.
IN_VARIANT = """(mod(
    ('x' || substr(md5(experiment.id || ':' || chat.chat_id), 1, 7))::bit(28)::int, 100
) < experiment.share)"""

READ = """
SELECT %(columns)s, variant.id, variant.settings::text,
    coalesce((
        SELECT string_agg(content, E'\\n' ORDER BY seq) FROM chat_message
        WHERE chat_id = chat.id AND role = 'user' AND seq BETWEEN turn.from_seq AND turn.upto_seq
    ), ''),
    coalesce((
        SELECT json_agg(json_build_array(role, content, seq, is_grounded) ORDER BY seq) FROM (
            SELECT seq, role, content, sources <> '[]' AS is_grounded FROM chat_message
            WHERE chat_id = chat.id AND seq <= turn.upto_seq AND role <> 'system'
              AND seq > least(chat.summary_upto_seq, turn.from_seq - 1)
              AND NOT is_replaced AND seq IS DISTINCT FROM turn.replaces
            ORDER BY seq DESC LIMIT %(history)s
        ) AS last_lines
    ), '[]')::text,
    coalesce((
        SELECT json_agg(json_build_array(key, value) ORDER BY category, key)
        FROM knowledge_contextentry
        WHERE organization_id = turn.organization_id AND is_active
          AND (agent_id = agent.id OR agent_id IS NULL)
    ), '[]')::text,
    (
        SELECT count(*) FROM chat_session visit
        JOIN chat_chat talk ON talk.session_id = visit.id
        JOIN chat_turn done ON done.chat_id = talk.id
        WHERE visit.visitor_id = session.visitor_id AND done.id < turn.id
          AND done.status IN ('done', 'running', 'queued')
          AND done.created_at >= date_trunc('day', statement_timestamp(), %%(zone)s)
    ),
    coalesce((
        SELECT json_agg(json_build_object(
            'id', id, 'kind', kind, 'base_url', base_url, 'site_url', site_url,
            'site_title', site_title, 'sealed_key', sealed_key, 'sealed_headers', sealed_headers,
            'timeout', timeout, 'silence', silence, 'is_active', is_active
        ))
        FROM organizations_provider WHERE organization_id = turn.organization_id
    ), '[]')::text,
    coalesce((
        SELECT json_agg(json_build_array(id, text) ORDER BY id DESC) FROM (
            SELECT id, text FROM chat_memoryfact
            WHERE agent.remembers AND organization_id = turn.organization_id
              AND (visitor_id = session.visitor_id OR customer_id = session.customer_id)
              AND expires_at > statement_timestamp()
            ORDER BY id DESC LIMIT 30
        ) AS remembered
    ), '[]')::text,
    (
        SELECT call.prompt_tokens / nullif((last.prompt_parts ->> 'estimated')::float8, 0)
            * (last.prompt_parts ->> 'strictness')::float8
        FROM chat_turn last JOIN chat_modelcall call ON call.turn_id = last.id
        WHERE last.chat_id = chat.id AND call.purpose = 'answer' AND call.code = ''
          AND call.prompt_tokens > 0 AND NOT call.is_estimated
        ORDER BY last.id DESC, call.id LIMIT 1
    ),
    %(lately)s,
    %(rules)s,
    coalesce((
        SELECT json_agg(to_json(tool) ORDER BY tool.id) FROM organizations_tool tool
        WHERE tool.organization_id = turn.organization_id AND tool.is_active
          AND tool.id = ANY (agent.tools)
    ), '[]')::text,
    coalesce((
        SELECT json_agg(to_json(asked) ORDER BY asked.id) FROM (
            SELECT * FROM chat_toolcall
            WHERE chat_id = chat.id AND is_changing AND status NOT IN ('proposed', 'invalid')
            ORDER BY id DESC LIMIT 10
        ) AS asked
    ), '[]')::text,
    coalesce((
        SELECT json_agg(to_json(site) ORDER BY site.id) FROM organizations_contextprovider site
        WHERE site.organization_id = turn.organization_id AND site.is_active
          AND (site.agent_id = agent.id OR site.agent_id IS NULL)
    ), '[]')::text,
    coalesce((SELECT host(ip) FROM chat_visitor WHERE id = session.visitor_id), ''),
    coalesce((
        SELECT json_agg(json_build_array(
            provider_id, model, input_price::text, cached_price::text, output_price::text
        ))
        FROM organizations_modelprice WHERE organization_id = turn.organization_id
    ), '[]')::text,
    coalesce((
        SELECT json_agg(json_build_array(provider_id, model, id, failures, open_until))
        FROM organizations_modelhealth
        WHERE organization_id = turn.organization_id AND (failures > 0 OR open_until IS NOT NULL)
    ), '[]')::text,
    (
        SELECT json_build_object(
            'id', id, 'slug', slug, 'names', names, 'opening', opening,
            'opening_texts', opening_texts, 'instructions', instructions
        )::text
        FROM organizations_chattype WHERE id = chat.kind_id
    )
FROM chat_turn turn
JOIN chat_chat chat ON chat.id = turn.chat_id
JOIN chat_session session ON session.id = chat.session_id
JOIN organizations_widget widget ON widget.id = session.widget_id
LEFT JOIN LATERAL (
    SELECT version.id, version.agent_id, version.settings
    FROM chat_experiment experiment
    JOIN organizations_agentversion version ON version.id = experiment.variant_id
    WHERE experiment.agent_id = widget.agent_id AND experiment.stopped_at IS NULL
      AND chat.created_at >= experiment.started_at AND %(in_variant)s
) AS variant ON true
JOIN organizations_agent agent ON agent.id = coalesce(variant.agent_id, widget.agent_id)
JOIN organizations_organization organization ON organization.id = turn.organization_id
WHERE turn.id = %%(turn)s AND turn.attempt = %%(attempt)s AND turn.lease_token = %%(token)s
"""
