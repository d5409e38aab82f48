"""The ledger: what is held for answers under way, and every call of a model, booked once.

Before a model is asked, the most that it can take is held in every budget that limits it, in one
statement; afterwards its calls are booked, and what was held is freed, in another. Where nothing is
limited, nothing is held.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from ai.interface import Call
from chat.accounting.accounts import Account, Limit, Scope, server_is_limited
from organizations import locks

log = logging.getLogger(__name__)

# Whose limit it was, where it is that of all organizations of the server together.
SERVER = "server"
# Who counts the whole server's tokens waits for who does.
SERVER_LOCK = "server's tokens"
# What is held outside of turns, where no lease tells who is alive, is held no longer.
LONGEST = timedelta(minutes=10)


# --- holding --------------------------------------------------------------------------------------


def reserve(
    account: Account, limits: Sequence[Limit], tokens: int, most: Decimal, bill: UUID
) -> str:
    """Hold tokens and money in all these budgets, or in none; whose limit forbids it, or "".

    An answer is let in while its budgets are not used up, counting what others hold: so however
    many ask at once, no limit is passed by more than one answer.
    """
    values = {
        **_columns(limits),
        "organization": account.organization.pk,
        "bill": bill,
        "turn": account.turn,
        "attempt": account.attempt,
        "longest": None if account.turn else LONGEST,
        "count": len(limits),
        "held_tokens": tokens,
        "held_cost": most,
    }
    if not server_is_limited():
        return _reserved(account, limits, values)
    with transaction.atomic():
        # Before the sum, in a statement of its own: the sum is of what is there after the wait.
        locks.hold(SERVER_LOCK)
        with connection.cursor() as cursor:
            cursor.execute(USED_BY_ALL, {"day": account.day, "currency": settings.AI_CURRENCY})
            all_tokens, all_cost = cursor.fetchone()
        if settings.AI_DAILY_TOKENS and all_tokens >= settings.AI_DAILY_TOKENS:
            return SERVER
        if settings.AI_DAILY_COST and all_cost >= Decimal(str(settings.AI_DAILY_COST)):
            return SERVER
        return _reserved(account, limits, values)


def _reserved(account: Account, limits: Sequence[Limit], values: dict[str, Any]) -> str:
    with connection.cursor() as cursor:
        cursor.execute(RESERVE, values)
        found, refused = cursor.fetchone()
        if found < len(limits):
            # The first of the day.
            for limit in limits:
                _open(account, limit)
            cursor.execute(RESERVE, values)
            found, refused = cursor.fetchone()
    return refused or ""


def _columns(limits: Sequence[Limit]) -> dict[str, list[Any]]:
    return {
        "scopes": [limit.scope.value for limit in limits],
        "keys": [limit.key for limit in limits],
        "sinces": [limit.since for limit in limits],
        "tokens": [limit.tokens for limit in limits],
        "costs": [limit.cost for limit in limits],
    }


# The budgets are held before they are looked at, in one order, so that each is seen as it is then
# and nobody waits in a circle.
RESERVE = """
WITH wanted AS (
    SELECT * FROM unnest(
        %(scopes)s::text[], %(keys)s::text[], %(sinces)s::date[],
        %(tokens)s::bigint[], %(costs)s::numeric[]
    ) AS w (scope, key, since, most_tokens, most_cost)
), held AS MATERIALIZED (
    SELECT b.id, b.scope,
        coalesce(b.tokens + b.held_tokens >= w.most_tokens, false)
        OR coalesce(b.cost + b.held_cost >= w.most_cost, false) AS is_full
    FROM organizations_budget b JOIN wanted w USING (scope, key, since)
    WHERE b.organization_id = %(organization)s
    ORDER BY b.id
    FOR UPDATE OF b
), verdict AS MATERIALIZED (
    SELECT count(*) = %(count)s AND NOT coalesce(bool_or(is_full), false) AS is_let_in,
        count(*) AS found, min(scope) FILTER (WHERE is_full) AS refused
    FROM held
), taken AS (
    UPDATE organizations_budget b
    SET held_tokens = b.held_tokens + %(held_tokens)s, held_cost = b.held_cost + %(held_cost)s
    FROM held, verdict WHERE b.id = held.id AND verdict.is_let_in
), kept AS (
    INSERT INTO chat_reservation
        (organization_id, bill, turn_id, attempt, until, tokens, cost, budgets, created_at)
    SELECT %(organization)s, %(bill)s, %(turn)s, %(attempt)s,
        statement_timestamp() + %(longest)s::interval, %(held_tokens)s, %(held_cost)s,
        (SELECT array_agg(id) FROM held), statement_timestamp()
    FROM verdict WHERE is_let_in
)
SELECT found, refused FROM verdict
"""

# Money is only added up where it is of one currency.
USED_BY_ALL = """
SELECT coalesce(sum(b.tokens + b.held_tokens), 0),
    coalesce(sum(b.cost + b.held_cost) FILTER (WHERE o.currency = %(currency)s), 0)
FROM organizations_budget b JOIN organizations_organization o ON o.id = b.organization_id
WHERE b.scope = 'day' AND b.since = %(day)s
"""


def _open(account: Account, limit: Limit) -> None:
    """Make a budget, with what was used before anybody asked for it."""
    with connection.cursor() as cursor:
        cursor.execute(
            OPEN.replace("OWN", OWN[limit.scope]),
            {
                "organization": account.organization.pk,
                "scope": limit.scope.value,
                "key": limit.key,
                "since": limit.since,
                "day": account.day,
            },
        )


_CHATS = """c.chat_id IN (
    SELECT h.id FROM chat_visitor v
    JOIN chat_session s ON s.visitor_id = v.id
    JOIN chat_chat h ON h.session_id = s.id
    WHERE v.organization_id = %(organization)s AND"""
OWN = {
    Scope.DAY: "true",
    Scope.MONTH: "true",
    Scope.AGENT: "c.agent_id = %(key)s::bigint",
    Scope.VISITOR: f"{_CHATS} v.id = %(key)s::bigint)",
    Scope.IP: f"{_CHATS} v.ip = %(key)s::inet)",
}
OPEN = """
INSERT INTO organizations_budget (organization_id, scope, key, since, tokens, cost)
SELECT %(organization)s, %(scope)s, %(key)s, %(since)s,
    coalesce(sum(c.prompt_tokens + c.completion_tokens), 0), coalesce(sum(c.cost), 0)
FROM chat_modelcall c
WHERE c.organization_id = %(organization)s AND c.day BETWEEN %(since)s AND %(day)s AND OWN
ON CONFLICT DO NOTHING
"""


# --- booking --------------------------------------------------------------------------------------


def book(account: Account, calls: Sequence[tuple[str, Call]], bill: UUID | None = None) -> None:
    """Write calls down, add them to their turn and their budgets, and free what the bill holds.

    Nothing of it is fenced: what was called was called, whoever has the turn by now.
    """
    budgets = account.budgets()
    with connection.cursor() as cursor:
        cursor.execute(
            BOOK,
            {
                **_columns(budgets),
                "organization": account.organization.pk,
                "agent": account.agent.pk if account.agent else None,
                "turn": account.turn,
                "chat": account.chat,
                "bill": bill,
                "day": account.day,
                "uuids": [call.key for _purpose, call in calls],
                "purposes": [purpose for purpose, _call in calls],
                "providers": [call.provider for _purpose, call in calls],
                "models": [call.model[:120] for _purpose, call in calls],
                "prompts": [call.usage.prompt_tokens for _purpose, call in calls],
                "cached": [call.usage.cached_tokens for _purpose, call in calls],
                "answers": [call.usage.completion_tokens for _purpose, call in calls],
                "estimated": [call.is_estimated for _purpose, call in calls],
                "prices": [account.cost(call) for _purpose, call in calls],
                "codes": [call.code[:60] for _purpose, call in calls],
                "times": [call.milliseconds for _purpose, call in calls],
            },
        )


# What was deleted meanwhile is looked up, so that its calls are still paid for.
BOOK = """
WITH calls AS (
    INSERT INTO chat_modelcall (
        organization_id, turn_id, chat_id, agent_id, provider_id, key, purpose, model,
        prompt_tokens, cached_tokens, completion_tokens, is_estimated, cost, code, milliseconds,
        day, created_at
    )
    SELECT %(organization)s, (SELECT id FROM chat_turn WHERE id = %(turn)s),
        coalesce(
            (SELECT chat_id FROM chat_turn WHERE id = %(turn)s),
            (SELECT id FROM chat_chat WHERE id = %(chat)s)
        ),
        (SELECT id FROM organizations_agent WHERE id = %(agent)s),
        (SELECT id FROM organizations_provider WHERE id = n.provider),
        n.key, n.purpose, n.model, n.prompt, n.cached, n.answer, n.is_estimated, n.cost, n.code,
        n.milliseconds, %(day)s, statement_timestamp()
    FROM unnest(
        %(uuids)s::uuid[], %(purposes)s::text[], %(providers)s::bigint[], %(models)s::text[],
        %(prompts)s::int[], %(cached)s::int[], %(answers)s::int[], %(estimated)s::bool[],
        %(prices)s::numeric[], %(codes)s::text[], %(times)s::int[]
    ) AS n (
        key, purpose, provider, model, prompt, cached, answer, is_estimated, cost, code,
        milliseconds
    )
    ON CONFLICT (key) DO NOTHING
    RETURNING prompt_tokens, completion_tokens, cost
), sums AS MATERIALIZED (
    SELECT count(*) AS calls, coalesce(sum(prompt_tokens), 0) AS prompt,
        coalesce(sum(completion_tokens), 0) AS answer, sum(cost) AS cost
    FROM calls
), counted AS (
    UPDATE chat_turn t
    SET prompt_tokens = coalesce(t.prompt_tokens, 0) + sums.prompt,
        completion_tokens = coalesce(t.completion_tokens, 0) + sums.answer,
        cost = coalesce(t.cost + sums.cost, sums.cost, t.cost)
    FROM sums WHERE t.id = %(turn)s AND sums.calls > 0
), freed AS MATERIALIZED (
    DELETE FROM chat_reservation
    WHERE organization_id = %(organization)s AND bill = %(bill)s
    RETURNING tokens, cost, budgets
), wanted AS (
    SELECT * FROM unnest(%(scopes)s::text[], %(keys)s::text[], %(sinces)s::date[])
        AS w (scope, key, since)
), held AS MATERIALIZED (
    SELECT b.id,
        EXISTS (SELECT FROM wanted w WHERE (w.scope, w.key, w.since) = (b.scope, b.key, b.since))
            AS counts
    FROM organizations_budget b
    WHERE b.organization_id = %(organization)s AND (
        (b.scope, b.key, b.since) IN (SELECT scope, key, since FROM wanted)
        OR b.id IN (SELECT unnest(budgets) FROM freed)
    )
    ORDER BY b.id
    FOR UPDATE OF b
)
UPDATE organizations_budget b
SET tokens = b.tokens + CASE WHEN held.counts THEN sums.prompt + sums.answer ELSE 0 END,
    cost = b.cost + CASE WHEN held.counts THEN coalesce(sums.cost, 0) ELSE 0 END,
    held_tokens = b.held_tokens
        - coalesce((SELECT sum(f.tokens) FROM freed f WHERE b.id = ANY (f.budgets)), 0),
    held_cost = b.held_cost
        - coalesce((SELECT sum(f.cost) FROM freed f WHERE b.id = ANY (f.budgets)), 0)
FROM held, sums WHERE b.id = held.id
"""


def sweep() -> int:
    """Free what is held for attempts that are over or have died; how many there were."""
    with connection.cursor() as cursor:
        cursor.execute(SWEEP)
        freed: int = cursor.rowcount
        if freed:
            log.info("%d reservations of answers that were never booked were freed", freed)
    return freed


# A worker that is alive keeps its lease until it has booked; one that lost it has lost this, too.
SWEEP = """
WITH dead AS MATERIALIZED (
    SELECT r.id FROM chat_reservation r
    WHERE r.created_at < statement_timestamp() - interval '2 seconds'
        AND coalesce(r.until < statement_timestamp(), NOT EXISTS (
            SELECT FROM chat_turn t
            WHERE t.id = r.turn_id AND t.attempt = r.attempt AND t.status = 'running'
                AND t.lease_until > statement_timestamp()
        ))
    FOR UPDATE OF r SKIP LOCKED
), freed AS MATERIALIZED (
    DELETE FROM chat_reservation r USING dead WHERE r.id = dead.id
    RETURNING r.tokens, r.cost, r.budgets
), sums AS (
    SELECT budget, sum(tokens) AS tokens, sum(cost) AS cost
    FROM freed, unnest(budgets) AS budget GROUP BY budget
), held AS MATERIALIZED (
    SELECT id FROM organizations_budget
    WHERE id IN (SELECT budget FROM sums) ORDER BY id FOR UPDATE
), given AS (
    UPDATE organizations_budget b
    SET held_tokens = b.held_tokens - sums.tokens, held_cost = b.held_cost - sums.cost
    FROM held JOIN sums ON sums.budget = held.id WHERE b.id = held.id
)
SELECT tokens FROM freed
"""
