"""From a coroutine to the ORM: a thread of our own pool, its connection given back after."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import close_old_connections

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
