"""PostgreSQL's advisory locks by name: who comes second waits for who came first, or goes away."""

from __future__ import annotations

from django.db import connection


def hold(name: str) -> None:
    """Wait until nobody holds the name, and hold it until the transaction ends.

    A statement after it sees what was committed while this one waited.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def hold_if_free(name: str) -> bool:
    """Hold the name until the transaction ends, unless somebody does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        return bool(cursor.fetchone()[0])
