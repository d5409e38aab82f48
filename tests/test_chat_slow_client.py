"""A client that does not read: what waits for it is bounded, in order, and let go in the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from channels.layers import get_channel_layer
from pydantic import Field, TypeAdapter

from chat.delivery import closing, slow, socket
from chat.protocol import Error, Event, Frame
from tests.wire import run


class Join(Frame):
    type: Literal["join"]


class Leave(Frame):
    type: Literal["leave"]


class Done(Event):
    audience = "visitor"
    type: Literal["done"] = "done"


class Plain(socket.Socket):
    """The smallest socket that hears a group."""

    commands = TypeAdapter(Annotated[Join | Leave, Field(discriminator="type")])
    audience = "visitor"
    is_closed = False

    async def hear(self, frame: Join) -> None:
        await self.join("group", "scope")
        self.send_event(Done())

    async def go(self, frame: Leave) -> None:
        for number in range(1000):
            self.send_event(Error(code=str(number), message=""))

    async def closed(self) -> None:
        self.is_closed = True

    handlers = {Join: hear, Leave: go}


class Connection:
    """The server's side of a socket whose client can stop reading."""

    def __init__(self) -> None:
        self.frames: list[str] = []
        self.code: int | None = None
        self.socket = Plain()
        self.reads = asyncio.Event()
        self.reads.set()
        self._received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._received.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.ensure_future(self.socket.run({}, self._received.get, self._send))

    async def _send(self, message: dict[str, Any]) -> None:
        await self.reads.wait()
        if message["type"] == "websocket.send":
            self.frames.append(message["text"])
        elif message["type"] == "websocket.close":
            self.code = message["code"]

    def say(self, type: str) -> None:
        self._received.put_nowait({"type": "websocket.receive", "text": f'{{"type":"{type}"}}'})

    def hang_up(self) -> None:
        self._received.put_nowait({"type": "websocket.disconnect", "code": 1000})


async def until(is_true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 10
    while not is_true():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.01)


async def publish(frame: str, kind: str = "message", **changes: str) -> None:
    event = {"type": "deliver", "scope": "scope", "kind": kind, "audience": "both", "frame": frame}
    await get_channel_layer().group_send("group", event | changes)


async def joined() -> Connection:
    connection = Connection()
    connection.say("join")
    await until(lambda: connection.frames, "joined")
    connection.frames.clear()
    return connection


def test_frames_that_waited_come_in_order_once_the_client_reads() -> None:
    async def scenario() -> None:
        connection = await joined()
        connection.reads.clear()
        for number in range(20):
            await publish(str(number))
        await until(lambda: len(connection.socket._outgoing or ()) == 19, "they wait")
        assert connection.frames == []
        connection.reads.set()
        await until(lambda: len(connection.frames) == 20, "all are sent")
        await publish("20")
        await until(lambda: len(connection.frames) == 21, "the next one too")
        assert connection.frames == [str(number) for number in range(21)]
        # Nothing is kept for a client that reads.
        assert connection.socket._writer is None
        connection.hang_up()
        await connection.task

    run(scenario)


def test_client_that_stops_reading_is_let_go(monkeypatch: Any) -> None:
    monkeypatch.setattr(socket, "GOODBYE_SECONDS", 0.05)

    async def scenario() -> None:
        connection = await joined()
        connection.reads.clear()
        for _ in range(500):
            await publish("piece", kind="ai_delta")
        await publish("first")
        await until(lambda: _waits(connection, "first"), "what must arrive waits")
        for _ in range(slow.MAX_WAITING_FRAMES):
            await publish("frame")
        await connection.task
        assert connection.socket._end is not None
        assert connection.socket._end.code == closing.SLOW
        assert connection.socket.is_closed
        assert connection.socket not in socket.Socket.standing
        assert get_channel_layer()._get_layer().listeners == {}

    run(scenario)


def _waits(connection: Connection, frame: str) -> bool:
    outgoing = connection.socket._outgoing
    return outgoing is not None and (False, frame) in outgoing._frames


def test_handler_whose_own_frames_are_too_many_ends_the_socket(monkeypatch: Any) -> None:
    monkeypatch.setattr(socket, "GOODBYE_SECONDS", 0.05)

    async def scenario() -> None:
        connection = await joined()
        connection.reads.clear()
        connection.say("leave")
        await connection.task
        assert connection.socket._end is not None
        assert connection.socket._end.code == closing.SLOW
        assert connection.socket.is_closed

    run(scenario)


def test_foreign_and_unmeant_events_are_not_sent() -> None:
    async def scenario() -> None:
        connection = await joined()
        await publish("of another chat", scope="another")
        await publish("for operators", audience="operators")
        await publish("mine", audience="visitor")
        await until(lambda: connection.frames, "the right one comes")
        assert connection.frames == ["mine"]
        connection.hang_up()
        await connection.task
        assert connection.code is None

    run(scenario)


def test_socket_ended_from_outside_says_why() -> None:
    async def scenario() -> None:
        connection = await joined()
        connection.socket.end(4444)
        connection.socket.end(4445)
        await connection.task
        assert connection.code == 4444
        connection.socket.end(4446)
        assert connection.code == 4444

    run(scenario)
