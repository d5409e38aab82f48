"""PostgreSQL's connections stay within the pool, whatever comes and goes, and none is kept."""

from __future__ import annotations

import asyncio
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import Client as Browser

from chat import visitor
from chat.consumers import VisitorConsumer
from chat.database import in_database
from chat.models import Message
from tests.conftest import House
from tests.test_delivery_faults import SECONDS, wait_until
from tests.test_isolation_sockets import operator_client
from tests.wire import Client, run

pytestmark = pytest.mark.django_db(transaction=True)

POOL = settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"]


class Watcher:
    """Counts this database's connections from outside the pool, until it is told to stop."""

    def __init__(self) -> None:
        wrapper = cast(DatabaseWrapper, connection)
        parameters = wrapper.get_connection_params()
        parameters.pop("pool", None)
        keep = {
            key: parameters[key]
            for key in ("dbname", "user", "password", "host", "port")
            if parameters.get(key)
        }
        self._connection = psycopg.connect(**keep, autocommit=True)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.most = 0
        self.looks = 0

    def count(self) -> int:
        row = self._connection.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"
        ).fetchone()
        assert row
        return int(row[0])

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self.most = max(self.most, self.count())
            self.looks += 1

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._connection.close()


def lent_out() -> int:
    """Connections that somebody has and has not given back."""
    wrapper = cast(DatabaseWrapper, connections["default"])
    pool = wrapper.pool
    assert pool is not None
    stats = pool.get_stats()
    return int(stats["pool_size"] - stats["pool_available"])


def test_sockets_and_requests_share_the_pool_and_keep_nothing(acme: House) -> None:
    key = acme.widget.key
    before = lent_out()

    async def visit(number: int) -> None:
        one = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        await one.open()
        await one.register(key)
        for _ in range(3):
            await one.send("message", client_id=uuid.uuid4(), text=f"Hello {number}")
            await one.expect("message_saved")
        if number % 3:
            await one.close()
        else:
            # Gone in the middle of a command.
            await one.send("get_user_chats")
            await one.socket.send_input({"type": "websocket.disconnect", "code": 1006})
            await one.socket.wait()

    async def work_at_a_console() -> None:
        console = operator_client(acme.operator.user)
        await console.open()
        await console.expect("presence")
        await console.close()

    async def scenario() -> None:
        for _wave in range(3):
            await asyncio.gather(*(visit(number) for number in range(40)), work_at_a_console())

    def look(_number: int) -> int:
        status = Browser().get(f"/widget/{key}/config.json").status_code
        # As at the end of every request under ASGI.
        connections.close_all()
        return status

    with Watcher() as watcher:
        run(scenario)
        with ThreadPoolExecutor(POOL // 2) as threads:
            assert set(threads.map(look, range(200))) == {200}
        assert watcher.looks > 10
    assert 1 < watcher.most <= POOL
    assert lent_out() == before


def test_failing_work_gives_its_connection_back(acme: House) -> None:
    before = lent_out()

    def fail() -> None:
        acme.organization.refresh_from_db()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    async def scenario() -> None:
        results: list[Any] = await asyncio.gather(
            *(in_database(fail) for _ in range(5 * POOL)), return_exceptions=True
        )
        assert {type(result).__name__ for result in results} == {"DataError"}

    run(scenario)
    assert lent_out() == before


def test_abandoned_work_gives_its_connection_back(acme: House) -> None:
    """Whoever waited is cancelled; the thread goes on to its end and keeps nothing."""
    before, person, count = lent_out(), acme.visitor(), 10
    begun, go_on = threading.Semaphore(0), threading.Event()

    def say() -> None:
        begun.release()
        go_on.wait(SECONDS)
        visitor.say(person, acme.visit, "Hello", uuid.uuid4())

    async def scenario() -> None:
        tasks = [asyncio.ensure_future(in_database(say)) for _ in range(count)]
        for _ in tasks:
            assert await asyncio.to_thread(begun.acquire, timeout=SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        go_on.set()

    run(scenario)
    wait_until(lambda: Message.unscoped.count() == count)
    wait_until(lambda: lent_out() == before)
