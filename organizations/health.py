"""The circuit breaker of each model: one that keeps failing is left alone for a while.

Its state is in PostgreSQL, where every worker reads it in the statement that it reads the question
by; only failures, and the first answer after them, write it. After its rest one answer tries the
model for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Now

from ai import metering
from ai.interface import Call, Choice
from organizations.models import ModelHealth, Organization, Provider

# So many failures within so many seconds open it; with each try that fails the rest doubles.
OPENS_AFTER = 5
WINDOW_SECONDS = 60
REST_SECONDS = 30
LONGEST_REST_SECONDS = 300
# One who tries and is never heard of again holds up the next for so long.
PROBE = timedelta(seconds=60)
OPEN = "ai_circuit_open"
# Ends that tell nothing of the model's health: what is ours, the question's, or the visitor's.
SILENT = frozenset(
    {
        *("stopped", *metering.CUT, "ai_refused", "ai_empty", "ai_address", OPEN),
        *("ai_key_unreadable", "ai_provider_off", "ai_provider_gone"),
    }
)

Key = tuple[int | None, str]
Rows = Mapping[Key, ModelHealth]


def usable(choices: Iterable[Choice], rows: Rows) -> list[Choice]:
    """The choices, of which those that rest are marked as not to be asked."""
    return [_checked(choice, rows.get((choice.provider, choice.model))) for choice in choices]


def _checked(choice: Choice, row: ModelHealth | None) -> Choice:
    if row is None or not row.is_open or choice.problem:
        return choice
    if not row.is_resting and _may_try(row):
        return choice
    return replace(choice, connection=None, problem=OPEN)


def _may_try(row: ModelHealth) -> bool:
    """Whether this answer is the one that tries; one conditional UPDATE decides."""
    return bool(
        ModelHealth.unscoped.filter(
            Q(probing_until=None) | Q(probing_until__lt=Now()), pk=row.pk, open_until__lte=Now()
        ).update(probing_until=Now() + PROBE)
    )


def note(organization_id: int, calls: Iterable[Call], rows: Rows) -> None:
    """Learn from calls that have ended; `rows` as they were before them."""
    failed: set[Key] = set()
    for call in calls:
        key = (call.provider, call.model)
        if not call.code:
            if key in failed or (key in rows and (rows[key].failures or rows[key].is_open)):
                _answered(organization_id, key)
        elif call.code not in SILENT:
            _failed(organization_id, key, call.code)
            failed.add(key)


def _answered(organization_id: int, key: Key) -> None:
    provider, model = key
    ModelHealth.unscoped.filter(
        organization=organization_id, provider=provider, model=model
    ).update(failures=0, opened=0, open_until=None, probing_until=None)


def _failed(organization_id: int, key: Key, code: str) -> None:
    provider, model = key
    with connection.cursor() as cursor:
        cursor.execute(
            FAILED,
            {
                "organization": organization_id,
                "provider": provider,
                "model": model[:120],
                "error": code[:60],
                "window": WINDOW_SECONDS,
                "most": OPENS_AFTER,
                "rest": REST_SECONDS,
                "longest": LONGEST_REST_SECONDS,
            },
        )


# A failure while it is open is that of a try, or of one that was asked before it opened; only the
# first lengthens the rest. A provider that was deleted meanwhile is nobody's to remember.
FAILED = """
INSERT INTO organizations_modelhealth AS h (
    organization_id, provider_id, model, failures, since, opened, error, failed_at
)
SELECT %(organization)s, %(provider)s, %(model)s, 1, statement_timestamp(), 0, %(error)s,
    statement_timestamp()
WHERE %(provider)s::bigint IS NULL
    OR EXISTS (SELECT FROM organizations_provider WHERE id = %(provider)s FOR KEY SHARE)
ON CONFLICT (organization_id, provider_id, model) DO UPDATE SET
    error = excluded.error,
    failed_at = excluded.failed_at,
    failures = CASE
        WHEN h.since < excluded.since - %(window)s * interval '1 second' THEN 1
        ELSE h.failures + 1
    END,
    since = CASE
        WHEN h.since < excluded.since - %(window)s * interval '1 second' THEN excluded.since
        ELSE h.since
    END,
    opened = CASE
        WHEN h.open_until <= excluded.since THEN h.opened + 1
        WHEN h.open_until IS NULL AND h.failures + 1 >= %(most)s
            AND h.since >= excluded.since - %(window)s * interval '1 second' THEN 1
        ELSE h.opened
    END,
    open_until = CASE
        WHEN h.open_until <= excluded.since THEN excluded.since
            + least(%(rest)s * 2 ^ least(h.opened, 10), %(longest)s) * interval '1 second'
        WHEN h.open_until IS NULL AND h.failures + 1 >= %(most)s
            AND h.since >= excluded.since - %(window)s * interval '1 second'
            THEN excluded.since + %(rest)s * interval '1 second'
        ELSE h.open_until
    END,
    probing_until = NULL
"""


def of(organization: Organization) -> dict[Key, ModelHealth]:
    """An organization's models that have failed."""
    rows = ModelHealth.objects.of(organization)
    return {(row.provider_id, row.model): row for row in rows}


def forget(provider: Provider) -> None:
    """Ask a provider's models at once again: its settings have changed."""
    ModelHealth.objects.of(provider.organization).filter(provider=provider).delete()
