"""Statements of our own that every message goes through; PostgreSQL keeps them prepared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection
from django.db.backends.utils import CursorWrapper

# So many stay with a connection, those that were asked last. The search has one for each
# organization, of half a megabyte in the server's memory.
MOST_KEPT = 50


def row_of(statement: str, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """The first row of a statement, or an empty one; parsed and planned once a connection.

    For our own texts that never change: each stays with the server until its connection goes.
    """
    with _preparing() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] = cursor.fetchone() or ()
    return row


def rows_of(statement: str, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """All rows of a statement, kept like that of `row_of`."""
    with _preparing() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _preparing() -> CursorWrapper:
    # Django's own cursor puts the values into the text, so that no two are the same. Whoever logs
    # the statements wants them so.
    if connection.queries_logged:
        return connection.cursor()
    connection.ensure_connection()
    plain: Any = psycopg.Cursor(connection.connection)
    plain.connection.prepared_max = MOST_KEPT
    return connection.make_cursor(plain)
