"""No frame of a socket reaches another organization: every command, with the other one's ids."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any, get_args

import pytest
from asgiref.sync import sync_to_async

from chat import protocol
from chat.consumers import VisitorConsumer
from chat.delivery import events
from chat.models import Chat, ContactRequest, MemoryFact, ToolCall
from operators.consumers import OperatorConsumer
from organizations.models import ChatType, Member, User
from tests.conftest import House
from tests.rows import Rows, fill, snapshot, word_of
from tests.wire import Client, run

pytestmark = pytest.mark.django_db(transaction=True)


def types_of(commands: Any) -> set[str]:
    """The types of all commands of a union."""
    return {
        get_args(command.model_fields["type"].annotation)[0]
        for command in get_args(get_args(commands)[0])
    }


def operator_client(user: Any) -> Client:
    """A console of this user."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await OperatorConsumer.as_asgi()({**scope, "user": user}, receive, send)

    return Client(application, "/ws/operator/")


@pytest.fixture
def rows(acme: House, globex: House) -> dict[str, Rows]:
    return {"acme": fill(acme), "globex": fill(globex)}


def foreign_frames(rows: Rows) -> dict[str, dict[str, Any]]:
    """Each operator command, about the other organization's things."""
    chat = {"chat_id": rows[Chat].chat_id}
    return {
        "presence": {"status": "online"},
        "watch": chat,
        "join_support_chat": chat,
        "message": {**chat, "client_id": uuid.uuid4(), "text": "hello"},
        "note": {**chat, "client_id": uuid.uuid4(), "text": "hello"},
        "typing": chat,
        "hand_back": chat,
        "transfer": {**chat, "member_id": rows[Member].pk},
        "close_chat": chat,
        "handle_contact": {"contact_id": rows[ContactRequest].pk},
        "learn": {**chat, "seq": 2},
        "reveal": {**chat, "seq": 1},
        "unmute": chat,
        "regenerate": {**chat, "seq": 2},
        "decide_call": {"call_id": rows[ToolCall].pk, "approve": True},
        "finish": chat,
    }


def test_operator_cannot_touch_anothers_chat(
    acme: House, globex: House, rows: dict[str, Rows]
) -> None:
    frames = foreign_frames(rows["globex"])
    assert frames.keys() == types_of(protocol.OperatorCommand)
    before, user = snapshot(globex), acme.operator.user

    async def scenario() -> None:
        operator = operator_client(user)
        await operator.open()
        await operator.expect("queue")
        for type_, fields in frames.items():
            await operator.send(type_, **fields)
            if type_ not in ("presence", "typing"):
                error = await operator.expect("error")
                assert error["code"] in (
                    "unknown_chat",
                    "unknown_contact",
                    "unknown_member",
                    "unknown_call",
                )
        await operator.send("watch", chat_id=rows["acme"][Chat].chat_id)
        await operator.expect("watching")
        assert word_of(globex) not in json.dumps(operator.seen)
        assert word_of(acme) in json.dumps(operator.seen)
        await operator.close()

    run(scenario)
    assert snapshot(globex) == before


def test_visitor_cannot_touch_anothers_chat(
    acme: House, globex: House, rows: dict[str, Rows]
) -> None:
    chat = {"chat_id": rows["globex"][Chat].chat_id}
    frames: dict[str, dict[str, Any]] = {
        "message": {**chat, "client_id": uuid.uuid4(), "text": "hello"},
        "switch_chat": chat,
        "restore_chat": {"last_seq": 0},
        "typing": {},
        "stop": {},
        "cancel_support": {},
        "feedback": {"seq": 1, "helpful": True},
        "rate": {"rating": 1},
        "end_chat": {},
        "get_user_chats": {},
        "page": {"url": "https://acme.example/"},
        "request_support": {},
        "leave_contact": {
            "client_id": uuid.uuid4(),
            "name": "A",
            "email": "a@example.com",
            "text": "hi",
        },
        "finish": {},
        "new_chat": {"client_id": uuid.uuid4(), "kind": rows["globex"][ChatType].slug},
        "get_memory": {},
        "forget_memory": {"fact": rows["globex"][MemoryFact].pk},
    }
    assert frames.keys() | {"register"} == types_of(protocol.VisitorCommand)
    before = snapshot(globex)

    async def scenario() -> None:
        visitor = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        await visitor.open()
        await visitor.register(acme.widget.key, chat_id=chat["chat_id"])
        for type_, fields in frames.items():
            await visitor.send(type_, **fields)
        await visitor.send("get_user_chats")
        await visitor.expect("user_chats")
        await visitor.expect("user_chats")
        assert word_of(globex) not in json.dumps(visitor.seen)
        codes = [frame["code"] for frame in visitor.seen if frame["type"] == "error"]
        assert codes.count("unknown_chat") >= 2
        assert "unknown_chat_type" in codes
        await visitor.close()

    run(scenario)
    assert snapshot(globex) == before


def test_a_visitors_secret_opens_nothing_elsewhere(acme: House, globex: House) -> None:
    async def scenario() -> None:
        here = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        await here.open()
        await here.register(acme.widget.key)
        await here.send("message", client_id=uuid.uuid4(), text="acme only")
        await here.expect("message_saved")
        there = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        there.token = here.token
        await there.open()
        chat = await there.register(globex.widget.key)
        assert chat["has_existing_chat"] is False
        await asyncio.gather(here.close(), there.close())

    run(scenario)


def test_only_members_have_a_console(acme: House, outsider: User) -> None:
    async def scenario() -> None:
        console = operator_client(outsider)
        await console.open()
        assert await console.closed_with() == 4403

    run(scenario)


def test_a_dismissed_member_has_no_console(acme: House) -> None:
    acme.operator.user.is_active = False
    acme.operator.user.save()

    async def scenario() -> None:
        console = operator_client(acme.operator.user)
        await console.open()
        assert await console.closed_with() == 4403

    run(scenario)


def test_desk_events_stay_in_the_organization(acme: House, globex: House) -> None:
    async def scenario() -> None:
        ours, theirs = operator_client(acme.operator.user), operator_client(globex.operator.user)
        for console in (ours, theirs):
            await console.open()
            await console.expect("presence")
        visitor = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        await visitor.open()
        await visitor.register(acme.widget.key)
        await visitor.send("request_support")
        await ours.expect("new_support_request")
        await visitor.send("message", text="Still here", client_id=uuid.uuid4())
        assert (await ours.expect("desk_message"))["last_text"] == "Still here"
        await theirs.send("presence", status="away")
        await theirs.expect("presence")
        told = {"new_support_request", "desk_message"}
        assert not [f for f in theirs.seen if f["type"] in told]
        await asyncio.gather(ours.close(), theirs.close(), visitor.close())

    run(scenario)


@pytest.mark.parametrize("event", protocol.EVENTS, ids=lambda event: event.__name__)
def test_an_events_audience_decides_its_groups(event: type[protocol.Event]) -> None:
    chat_id = uuid.uuid4()
    groups = events.groups_for(event.audience, chat_id)
    assert (events.visitor_group(chat_id) in groups) == (event.audience in ("visitor", "both"))
    assert (events.desk_group(chat_id) in groups) == (event.audience in ("operators", "both"))


def test_note_never_reaches_the_visitor(acme: House) -> None:
    async def scenario() -> None:
        visitor = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        await visitor.open()
        await visitor.register(acme.widget.key)
        await visitor.send("request_support")
        # The chat was made by this very command, so its state comes whole.
        assert (await visitor.expect("chat_restored"))["chat"]["place"] == 1
        chat = await sync_to_async(Chat.unscoped.get)()
        operator = operator_client(acme.operator.user)
        await operator.open()
        await operator.send("watch", chat_id=chat.chat_id)
        await operator.expect("watching")
        await operator.send("join_support_chat", chat_id=chat.chat_id)
        await operator.send("note", chat_id=chat.chat_id, client_id=uuid.uuid4(), text="a secret")
        await operator.expect("note")
        await operator.send("message", chat_id=chat.chat_id, client_id=uuid.uuid4(), text="hello")
        await visitor.expect("message", epoch=3)
        await visitor.send("restore_chat")
        await visitor.expect("chat_restored")
        assert "a secret" not in json.dumps(visitor.seen)
        await asyncio.gather(visitor.close(), operator.close())

    run(scenario)
