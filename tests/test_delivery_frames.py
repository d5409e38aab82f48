"""Hostile frames against both sockets: `DELIVERY_FRAMES=100000` sends that many in all."""

from __future__ import annotations

import gc
import json
import logging
import os
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import override_settings

from chat import protocol, visitor
from chat.consumers import VisitorConsumer
from chat.delivery import closing, socket
from chat.models import Chat
from operators import desk
from tests import mutations
from tests.conftest import House
from tests.mutations import FAMILIES, Fields, Mutation, Source
from tests.test_isolation_sockets import operator_client, types_of
from tests.wire import Client, run

pytestmark = pytest.mark.django_db(transaction=True)

FRAMES = int(os.environ.get("DELIVERY_FRAMES", "2400"))
# A connection carries so many, then another one is opened.
PER_SOCKET = 500
# Growth is judged only where there is enough of it to see a leak.
ENOUGH_TO_MEASURE = 20_000
GROWTH = 1.05


@pytest.fixture(autouse=True)
def no_limits(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The limits of how many have tests of their own; here every frame is to be read."""
    monkeypatch.setattr(socket, "BURST", 10**9)
    with override_settings(MESSAGES_PER_MINUTE=10**9):
        yield


def visitors_frames(house: House, dice: random.Random) -> Source:
    def named(**fields: Any) -> Callable[[], Fields]:
        return lambda: {"client_id": str(uuid.UUID(int=dice.getrandbits(128))), **fields}

    token = "f" * 43
    return Source(
        dice=dice,
        commands={
            "register": lambda: {"widget": house.widget.key, "token": token},
            "message": named(text="How much is it?"),
            "typing": dict,
            "restore_chat": lambda: {"last_seq": 1},
            "switch_chat": lambda: {"chat_id": str(uuid.uuid4())},
            "new_chat": named(name="Another"),
            "finish": dict,
            "get_user_chats": dict,
            "get_memory": dict,
            "forget_memory": dict,
            "request_support": dict,
            "cancel_support": dict,
            "stop": dict,
            "feedback": lambda: {"seq": 1, "helpful": True},
            "rate": lambda: {"rating": 5},
            "end_chat": dict,
            "page": lambda: {"url": "https://acme.example/", "context": {"price": 1}},
            "leave_contact": named(name="Anna", email="a@example.com", text="Call me"),
        },
        harmless=["message", "typing", "restore_chat", "page", "rate", "get_user_chats"],
        required={
            "register": ["widget", "token"],
            "message": ["client_id", "text"],
            "switch_chat": ["chat_id"],
            "new_chat": ["client_id"],
            "feedback": ["seq", "helpful"],
            "rate": ["rating"],
            "leave_contact": ["client_id", "name", "email", "text"],
        },
        numbers=[
            ("restore_chat", "last_seq"),
            ("switch_chat", "last_seq"),
            ("feedback", "seq"),
            ("rate", "rating"),
        ],
        foreign=[("switch_chat", "chat_id"), ("message", "chat_id")],
        other_sockets=sorted(
            types_of(protocol.OperatorCommand) - types_of(protocol.VisitorCommand)
        ),
        closing=[({"type": "register", "widget": "nonsense", "token": token}, closing.NOT_FOUND)],
    )


def operators_frames(house: House, chats: list[Chat], dice: random.Random) -> Source:
    """Frames about the last of the chats."""

    def about(**fields: Any) -> Callable[[], Fields]:
        return lambda: {"chat_id": str(chats[-1].chat_id), **fields}

    def named() -> Fields:
        client_id = str(uuid.UUID(int=dice.getrandbits(128)))
        return {"chat_id": str(chats[-1].chat_id), "client_id": client_id, "text": "It is ten."}

    return Source(
        dice=dice,
        commands={
            "presence": lambda: {"status": "online"},
            "watch": about(),
            "join_support_chat": about(),
            "message": named,
            "note": named,
            "typing": about(),
            "hand_back": about(),
            "transfer": about(member_id=house.operator.pk),
            "close_chat": about(),
            "handle_contact": lambda: {"contact_id": 1},
            "learn": about(seq=1),
            "reveal": about(seq=1),
            "unmute": about(),
            "regenerate": about(seq=2),
            "decide_call": lambda: {"call_id": 1, "approve": False},
            "finish": about(),
        },
        harmless=["message", "note", "typing", "join_support_chat", "presence"],
        required={
            "presence": ["status"],
            "watch": ["chat_id"],
            "message": ["client_id", "text", "chat_id"],
            "note": ["client_id", "text", "chat_id"],
            "transfer": ["chat_id", "member_id"],
            "handle_contact": ["contact_id"],
            "learn": ["chat_id", "seq"],
            "reveal": ["chat_id", "seq"],
            "unmute": ["chat_id"],
            "regenerate": ["chat_id", "seq"],
            "decide_call": ["call_id", "approve"],
            "finish": ["chat_id"],
        },
        numbers=[
            ("watch", "last_seq"),
            ("transfer", "member_id"),
            ("handle_contact", "contact_id"),
            ("learn", "seq"),
            ("reveal", "seq"),
            ("regenerate", "seq"),
            ("decide_call", "call_id"),
        ],
        foreign=[
            (command, "chat_id")
            for command in ("watch", "join_support_chat", "message", "note", "hand_back")
        ],
        other_sockets=sorted(
            types_of(protocol.VisitorCommand) - types_of(protocol.OperatorCommand)
        ),
    )


async def answers(one: Client, mutation: Mutation, marker: Fields) -> list[dict[str, Any]]:
    """Send the frame and one whose answer is known; the errors that came before that answer."""
    part = "bytes" if isinstance(mutation.raw, bytes) else "text"
    await one.socket.send_input({"type": "websocket.receive", part: mutation.raw})
    errors: list[dict[str, Any]] = []
    if mutation.closes:
        assert await one.closed_with() == mutation.closes
        return [frame for frame in one.seen if frame["type"] == "error"][-1:]
    client_id = str(uuid.uuid4())
    await one.socket.send_to(text_data=json.dumps(marker | {"client_id": client_id, "text": " "}))
    while True:
        frame = await one.receive()
        if frame.get("client_id") == client_id:
            assert frame["code"] == "text_empty"
            return errors
        if frame["type"] == "error":
            errors.append(frame)


def check(family: str, mutation: Mutation, errors: list[dict[str, Any]]) -> None:
    """The errors are those that the family may get."""
    about = f"{family}: {mutation.raw[:300]!r} was answered {errors}"
    codes = [error["code"] for error in errors]
    assert all(error["message"] for error in errors), about
    if mutation.closes:
        assert codes == ["unknown_widget"], about
    elif mutation.is_fine:
        assert len(codes) <= 1, about
        assert set(codes) <= mutation.codes, about
    else:
        assert len(codes) == 1, about
        assert codes[0] in mutation.codes, about
    is_read = codes and codes[0] not in ("bad_json", "frame_too_large")
    if is_read and (client_id := mutation.client_id):
        assert errors[0]["client_id"] == client_id, about


def resident() -> int:
    """Bytes of memory this process has."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def bombard(
    source: Source,
    connect: Callable[[], Any],
    marker: Fields,
    count: int,
    sizes: list[int],
) -> Counter[str]:
    """Send so many frames of all families in turn; how many of each."""
    sent: Counter[str] = Counter()
    families = [*FAMILIES, *([mutations.final] if source.closing else [])]
    while sent.total() < count:
        async with connect() as one:
            source.begin()
            for _ in range(min(PER_SOCKET, count - sent.total())):
                make = families[sent.total() % len(families)]
                mutation = make(source)
                check(make.__name__, mutation, await answers(one, mutation, marker))
                one.seen.clear()
                sent[make.__name__] += 1
                if mutation.closes:
                    break
        sizes.append(resident())
    return sent


def test_hostile_frames_of_visitors(
    acme: House,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
) -> None:
    sizes: list[int] = []
    sent: Counter[str] = Counter()

    @asynccontextmanager
    async def connect() -> AsyncIterator[Client]:
        one = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        await one.open()
        await one.register(acme.widget.key)
        await one.send("message", client_id=uuid.uuid4(), text="Hello")
        await one.expect("message_saved")
        yield one
        await one.close()

    async def scenario() -> None:
        source = visitors_frames(acme, random.Random(1))
        assert source.commands.keys() == types_of(protocol.VisitorCommand)
        sent.update(await bombard(source, connect, {"type": "message"}, FRAMES // 2, sizes))

    run(scenario)
    judge(sent, sizes, caplog, record_property)


def test_hostile_frames_of_operators(
    acme: House,
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
) -> None:
    sizes: list[int] = []
    sent: Counter[str] = Counter()
    chats: list[Chat] = []

    def take_a_chat() -> None:
        chats.append(visitor.say(acme.visitor(), acme.visit, "Hello", uuid.uuid4()).chat)
        desk.accept(chats[-1], acme.operator)

    @asynccontextmanager
    async def connect() -> AsyncIterator[Client]:
        await sync_to_async(take_a_chat)()
        console = operator_client(acme.operator.user)
        await console.open()
        await console.expect("presence")
        yield console
        await console.close()

    async def scenario() -> None:
        source = operators_frames(acme, chats, random.Random(2))
        assert set(source.commands) == types_of(protocol.OperatorCommand)
        marker = {"type": "note", "chat_id": str(uuid.uuid4())}
        sent.update(await bombard(source, connect, marker, FRAMES // 2, sizes))

    run(scenario)
    judge(sent, sizes, caplog, record_property)


def judge(
    sent: Counter[str],
    sizes: list[int],
    caplog: pytest.LogCaptureFixture,
    record_property: Callable[[str, object], None],
) -> None:
    """Nothing was logged as an error, every family was sent, and the memory stayed."""
    assert sent.total() == FRAMES // 2
    assert len(sent) >= len(FAMILIES)
    failures = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert not failures, failures[0].getMessage() + str(failures[0].exc_text)
    # After a third the caches are warm.
    warm, last = sizes[len(sizes) // 3], max(sizes[-3:])
    record_property("frames", sent.total())
    record_property("families", len(sent))
    record_property("growth", round(last / warm, 4))
    if sent.total() * 2 >= ENOUGH_TO_MEASURE:
        assert last <= warm * GROWTH, f"{warm} bytes have become {last}"


@pytest.mark.parametrize(
    "command", sorted(types_of(protocol.VisitorCommand) - {"register", "typing"})
)
def test_command_before_register_says_so(acme: House, command: str) -> None:
    source = visitors_frames(acme, random.Random(3))

    async def scenario() -> None:
        one = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        await one.open()
        await one.socket.send_to(text_data=json.dumps(source.frame(command)))
        assert (await one.expect("error"))["code"] == "not_registered"
        await one.register(acme.widget.key)
        await one.close()

    run(scenario)


def test_random_bytes_for_a_whole_connection(acme: House) -> None:
    dice = random.Random(4)

    async def scenario() -> None:
        one = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        await one.open()
        for size in range(200):
            await one.socket.send_to(bytes_data=b"\xfe" + dice.randbytes(size))
            assert (await one.expect("error"))["code"] == "bad_json"
        await one.register(acme.widget.key)
        await one.close()

    run(scenario)
