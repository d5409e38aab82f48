"""Visitors' tabs and operators' consoles as clients: a real socket, and what they make of it."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

from chat import protocol
from chat.consumers import VisitorConsumer
from chat.database import in_database
from chat.delivery import events
from tests import transcript
from tests.conftest import House
from tests.test_isolation_sockets import operator_client
from tests.wire import Client

Frame = dict[str, Any]


class Person:
    """Somebody at a socket. Every frame is folded into `state`, as the real clients do."""

    ask_command: str

    def __init__(self, house: House) -> None:
        self.house = house
        self.state = transcript.empty()
        self.log: list[Frame] = []
        self.heard: set[str] = set()
        # Published events that this one is not told of, as when Redis was away.
        self.deaf_for = 0
        # What no seq numbers is not healed by one: judgements of lines, and hints about the wait.
        self.may_miss_judgements = False
        self.may_miss_hints = False
        self.client: Client | None = None

    def connect(self) -> Client:
        raise NotImplementedError

    async def hello(self) -> None:
        raise NotImplementedError

    def probe(self) -> Frame:
        """A command that is refused without a look into the database."""
        raise NotImplementedError

    def question(self, last_seq: int) -> Frame:
        """The command that asks for what is missing."""
        raise NotImplementedError

    async def arrive(self) -> None:
        """Connect and say hello, and send again what was never acked."""
        self.client = self.connect()
        await self.client.open()
        await self.hello()
        self.deaf_for, self.may_miss_hints = 0, False
        for own in self.state["pending"]:
            if own["status"] == "sending":
                await self.send("message", client_id=own["clientId"], text=own["text"])

    async def leave(self) -> None:
        """Hang up."""
        if self.client:
            await self.client.close()
        self.client = None
        self.may_miss_judgements = True

    def go_deaf(self, events_lost: int) -> None:
        """Miss so many published events."""
        self.deaf_for = events_lost
        self.may_miss_judgements = self.may_miss_hints = True

    async def send(self, type: str, **fields: Any) -> None:
        """Send a command, where there is a socket."""
        if self.client:
            await self.client.send(type, **fields)

    def say(self, text: str) -> dict[str, Any]:
        """Note a text as one's own before it is sent."""
        client_id = str(uuid.uuid4())
        sent = {"clientId": client_id, "chatId": self.state["chatId"], "text": text, "at": 0}
        self.fold({"type": "local_sent", **sent})
        return {"client_id": client_id, "text": text}

    def fold(self, frame: Frame) -> None:
        """Take a frame in."""
        self.heard.add(frame["type"])
        self.log.append(frame)
        self.state = transcript.reduce(self.state, frame)

    async def take(self, is_last: Callable[[Frame], bool]) -> None:
        """Fold frames until the one that is waited for; ask for what is missing as it shows."""
        assert self.client
        while True:
            frame = await self.client.receive()
            if is_last(frame):
                return
            if self.deaf_for and frame["type"] in PUBLISHED:
                self.deaf_for -= 1
                continue
            before = self.state
            self.fold(frame)
            needs = self.state["needs"]
            # Of an answer whose beginning was lost and is not saved yet the server has nothing. The
            # clients ask again when they may, and it is saved by then; here it may never be.
            is_in_vain = frame["type"] in RESTORED and all(
                self.state[key] == before[key] for key in ("chatId", "lastSeq")
            )
            if needs and needs is not before["needs"] and not is_in_vain:
                await self.send(**self.question(needs["after_seq"]))

    async def settle(self) -> None:
        """Hear all that there is to hear, until nothing more is asked for."""
        if not self.client:
            return
        for _round in range(20):
            heard, client_id = len(self.log), str(uuid.uuid4())
            await self.send(**self.probe(), client_id=client_id, text=" ")
            await self.take(with_text(client_id))
            if self.state["chatId"]:
                # What was published before the marker comes before the marker.
                marker = str(uuid.uuid4())
                marking = asyncio.ensure_future(self.mark(marker))
                await self.take(with_text(marker))
                marking.cancel()
            if len(self.log) == heard:
                return
        raise AssertionError("this client asks for ever")

    async def mark(self, marker: str) -> None:
        """Publish an event with a mark; again, as Redis may be told of a subscription after it."""
        while True:
            event = self.marked(uuid.UUID(self.state["chatId"]), marker)
            await in_database(events.send, event)
            await asyncio.sleep(1)

    def marked(self, chat_id: uuid.UUID, marker: str) -> list[tuple[str, bytes]]:
        """An event for this one's side of a chat, with a mark in it."""
        raise NotImplementedError


def with_text(text: str) -> Callable[[Frame], bool]:
    """Whether a frame has this text anywhere."""
    return lambda frame: text in json.dumps(frame)


# The answers to what was asked.
RESTORED = {"chat_restored", "watching"}
# What may be lost on the way from Redis; everything else is an answer of the socket itself.
PUBLISHED = {
    *("message", "ai_typing", "ai_delta", "ai_response", "support_pending", "support_joined"),
    *("support_left", "feedback_saved", "rated", "result"),
}


class Tab(Person):
    """A visitor's tab."""

    def __init__(self, house: House, token: str) -> None:
        super().__init__(house)
        self.token = token

    def connect(self) -> Client:
        client = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        client.token = self.token
        return client

    async def hello(self) -> None:
        await self.send(
            "register",
            widget=self.house.widget.key,
            token=self.token,
            last_seq=self.state["lastSeq"],
            chat_id=self.state["chatId"],
        )
        await self.take(lambda f: f["type"] == "registered")
        self.heard.add("registered")

    def probe(self) -> Frame:
        return {"type": "message"}

    def question(self, last_seq: int) -> Frame:
        return {"type": "restore_chat", "last_seq": last_seq}

    def marked(self, chat_id: uuid.UUID, marker: str) -> list[tuple[str, bytes]]:
        return events.packed(protocol.OperatorTyping(chat_id=chat_id, operator=marker), chat_id)


class Console(Person):
    """An operator's console."""

    def __init__(self, house: House, member: Any) -> None:
        super().__init__(house)
        self.member = member

    def connect(self) -> Client:
        return operator_client(self.member.user)

    async def hello(self) -> None:
        await self.take(lambda f: f["type"] == "presence")
        self.heard.add("presence")
        if self.state["chatId"]:
            await self.send(**self.question(self.state["lastSeq"]))

    def probe(self) -> Frame:
        return {"type": "note", "chat_id": str(uuid.uuid4())}

    def question(self, last_seq: int) -> Frame:
        return {"type": "watch", "chat_id": self.state["chatId"], "last_seq": last_seq}

    def marked(self, chat_id: uuid.UUID, marker: str) -> list[tuple[str, bytes]]:
        colleague = protocol.Colleague(member_id=0, name=marker, status="online")
        return events.packed(protocol.Presence(members=[colleague]), chat_id)
