"""From a coroutine to the ORM: a thread of our own pool, its connection given back after.

And the few statements that every message goes through, which PostgreSQL keeps prepared.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.conf import settings
from django.db import close_old_connections, connection
from django.db.backends.utils import CursorWrapper

P = ParamSpec("P")
T = TypeVar("T")


@functools.cache
def _threads() -> ThreadPoolExecutor:
    # As many as there are connections: a thread without one would only wait in the pool's queue.
    size = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]
    return ThreadPoolExecutor(size, thread_name_prefix="database")


async def in_database(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` in a database thread and return what it returns."""

    def run() -> T:
        try:
            return work(*args, **kwargs)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(_threads(), run)


def row_of(statement: str, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """The first row of a statement, or an empty one; parsed and planned once a connection.

    For our own texts that never change: each stays with the server until its connection goes.
    """
    with _preparing() as cursor:
        cursor.execute(statement, values)
        row: tuple[Any, ...] = cursor.fetchone() or ()
    return row


def _preparing() -> CursorWrapper:
    # Django's own cursor puts the values into the text, so that no two are the same. Whoever logs
    # the statements wants them so.
    if connection.queries_logged:
        return connection.cursor()
    connection.ensure_connection()
    plain: Any = psycopg.Cursor(connection.connection)
    return connection.make_cursor(plain)
