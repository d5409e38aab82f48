"""The visitors' socket: the wire, what it refuses, and that nothing acked is lost or doubled."""

from __future__ import annotations

import asyncio
import json
import threading
import uuid
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from channels.layers import channel_layers
from django.db import InterfaceError, OperationalError
from django.test import override_settings

from chat import consumers
from chat.consumers import VisitorConsumer
from chat.delivery import closing, heartbeat, slow, socket
from chat.models import Chat, Message, Turn, Visitor
from chat.protocol import MAX_TEXT
from operators import presence
from operators.consumers import OperatorConsumer
from operators.models import Availability
from organizations.models import Member
from tests.wire import Client, run
from webassistant.security import SameOrigin

pytestmark = pytest.mark.django_db(transaction=True)

APPLICATION = SameOrigin(VisitorConsumer.as_asgi())


def client(**headers: str) -> Client:
    return Client(APPLICATION, "/ws/chat/", **headers)


def test_nothing_is_stored_before_the_first_message(acme: Any) -> None:
    async def scenario() -> None:
        visitor = client()
        await visitor.open()
        chat = await visitor.register(acme.widget.key)
        assert chat["has_existing_chat"] is False
        await visitor.close()

    run(scenario)
    assert not Visitor.unscoped.exists()


def test_message_is_acked_after_it_is_stored(acme: Any) -> None:
    async def scenario() -> None:
        visitor, client_id = client(), str(uuid.uuid4())
        await visitor.open()
        await visitor.register(acme.widget.key)
        await visitor.send("message", client_id=client_id, text="Hello")
        ack = await visitor.expect("message_saved", client_id=client_id)
        stored = await sync_to_async(Message.unscoped.get)(client_id=client_id)
        assert (ack["seq"], stored.content) == (1, "Hello")
        await visitor.close()

    run(scenario)


def test_return_restores_the_chat_and_only_what_is_missing(acme: Any) -> None:
    async def scenario() -> None:
        first = client()
        await first.open()
        await first.register(acme.widget.key)
        for text in ("One", "Two", "Three"):
            await first.send("message", client_id=uuid.uuid4(), text=text)
            ack = await first.expect("message_saved")
        await first.close()
        again = client()
        again.token = first.token
        await again.open()
        chat = await again.register(acme.widget.key, chat_id=ack["chat_id"], last_seq=1)
        assert [line["text"] for line in chat["history"]] == ["Two", "Three"]
        assert (chat["head_seq"], chat["message_count"], chat["mode"]) == (3, 3, "ai")
        await again.close()

    run(scenario)


def test_other_tab_sees_the_message(acme: Any) -> None:
    async def scenario() -> None:
        first, second = client(), client()
        second.token = first.token
        for tab in (first, second):
            await tab.open()
        await first.register(acme.widget.key)
        await first.send("message", client_id=uuid.uuid4(), text="One")
        await first.expect("message_saved")
        await second.register(acme.widget.key)
        await first.send("message", client_id=uuid.uuid4(), text="Two")
        seen = await second.expect("message")
        assert seen["message"]["text"] == "Two"
        await asyncio.gather(first.close(), second.close())

    run(scenario)


def test_resend_on_a_new_socket_is_one_line(acme: Any) -> None:
    async def scenario() -> None:
        client_id, first = uuid.uuid4(), client()
        await first.open()
        await first.register(acme.widget.key)
        await first.send("message", client_id=client_id, text="Once")
        await first.expect("message_saved")
        await first.close()
        again = client()
        again.token = first.token
        await again.open()
        await again.register(acme.widget.key)
        await again.send("message", client_id=client_id, text="Once")
        assert (await again.expect("message_saved"))["seq"] == 1
        await again.close()

    run(scenario)
    assert Message.unscoped.count() == 1


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("not json", "bad_json"),
        ("[]", "unknown_command"),
        ("null", "unknown_command"),
        ('{"type": "rm -rf"}', "unknown_command"),
        ('{"text": "no type"}', "unknown_command"),
        ('{"type": "message", "client_id": "x", "text": "a"}', "bad_frame"),
        ('{"type": "message", "client_id": "%s", "text": "  "}', "text_empty"),
        ('{"type": "message", "client_id": "%s", "text": "' + "x" * 4001 + '"}', "text_too_long"),
        ('{"type": "message", "client_id": "%s", "text": "a\\u0000b"}', "bad_character"),
        ('{"type": "message", "client_id": "%s", "text": "a", "is_admin": true}', "bad_frame"),
        ('{"type": "message", "client_id": "%s", "text": "' + "ы" * 9000 + '"}', "frame_too_large"),
        ('{"type": "rate", "rating": 6}', "bad_frame"),
        ('{"type": "rate", "rating": 3}', "unknown_chat"),
        ('{"type": "feedback", "seq": 1, "helpful": true}', "unknown_chat"),
        ('{"type": "switch_chat", "chat_id": "%s"}', "unknown_chat"),
        ('{"type": "stop"}', "unknown_chat"),
    ],
)
def test_wrong_frame_is_answered_and_the_socket_stays(acme: Any, frame: str, code: str) -> None:
    async def scenario() -> None:
        visitor, client_id = client(), str(uuid.uuid4())
        await visitor.open()
        await visitor.register(acme.widget.key)
        text = frame.replace("%s", client_id)
        await visitor.socket.send_to(text_data=text)
        error = await visitor.expect("error")
        assert error["code"] == code
        assert error["message"]
        if '"message"' in text and code not in ("bad_json", "frame_too_large") and "%s" in frame:
            assert error["client_id"] == client_id
        await visitor.send("message", client_id=uuid.uuid4(), text="Still here")
        await visitor.expect("message_saved")
        await visitor.close()

    run(scenario)


def test_longest_message_is_taken(acme: Any) -> None:
    async def scenario() -> None:
        visitor = client()
        await visitor.open()
        await visitor.register(acme.widget.key)
        await visitor.send("message", client_id=uuid.uuid4(), text="x" * MAX_TEXT)
        await visitor.expect("message_saved")
        await visitor.close()

    run(scenario)


def test_command_before_register_is_refused(acme: Any) -> None:
    async def scenario() -> None:
        visitor = client()
        await visitor.open()
        await visitor.send("message", client_id=uuid.uuid4(), text="Hello")
        assert (await visitor.expect("error"))["code"] == "not_registered"
        await visitor.close()

    run(scenario)


def test_unknown_widget_closes_for_good(acme: Any) -> None:
    async def scenario() -> None:
        visitor = client()
        await visitor.open()
        await visitor.send("register", widget="nonsense", token=visitor.token)
        assert await visitor.closed_with() == closing.NOT_FOUND

    run(scenario)


def test_silent_socket_is_closed(acme: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chat.consumers.HELLO_SECONDS", 0.05)

    async def scenario() -> None:
        visitor = client()
        await visitor.open()
        assert await visitor.closed_with() == closing.LATE

    run(scenario)


def test_hello_that_waits_for_the_database_is_not_late(
    acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.consumers.HELLO_SECONDS", 0.05)
    arrive, late = consumers._arrive, threading.Event()

    def slowly(*args: Any) -> consumers.Arrival:
        # Longer than the patience with the silent, which a second socket measures.
        assert late.wait(5)
        return arrive(*args)

    monkeypatch.setattr("chat.consumers._arrive", slowly)

    async def scenario() -> None:
        speaking, silent = client(), client()
        await speaking.open()
        await speaking.send("register", widget=acme.widget.key, token=speaking.token)
        await silent.open()
        assert await silent.closed_with() == closing.LATE
        late.set()
        await speaking.expect("registered")
        await speaking.close()

    run(scenario)


@override_settings(SOCKETS_PER_VISITOR=1)
def test_socket_that_ends_without_redis_is_counted_out(
    acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def without_redis(group: str, channel: str) -> None:
        raise redis.ConnectionError

    async def scenario() -> None:
        first, second = client(), client()
        second.token = first.token
        await first.open()
        await first.register(acme.widget.key)
        await first.send("message", client_id=uuid.uuid4(), text="Hello")
        await first.expect("chat_restored")
        with monkeypatch.context() as broken:
            broken.setattr("chat.delivery.events.unsubscribe", without_redis)
            await first.close()
        assert VisitorConsumer._sockets == {}
        await second.open()
        chat = await second.register(acme.widget.key)
        assert chat["head_seq"] == 1
        await second.close()

    run(scenario)


def test_refused_socket_leaves_no_channel_behind(outsider: Any) -> None:
    async def scenario() -> None:
        stranger = Client(OperatorConsumer.as_asgi(), "/ws/operator/")
        await stranger.open()
        assert await stranger.closed_with() == closing.NOBODY
        await stranger.socket.wait()
        assert channel_layers["default"]._get_layer().channels == {}

    run(scenario)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://testserver.evil"])
def test_foreign_origin_is_not_let_in(acme: Any, origin: str) -> None:
    async def scenario() -> None:
        visitor = client(origin=origin)
        await visitor.open()
        await visitor.send("register", widget=acme.widget.key, token=visitor.token)
        assert (await visitor.receive())["code"] == "wrong_origin"
        assert await visitor.closed_with() == closing.NOBODY

    run(scenario)


def test_flood_is_warned_then_closed(acme: Any) -> None:
    async def scenario() -> None:
        visitor = client()
        await visitor.open()
        await visitor.register(acme.widget.key)
        for _ in range(socket.BURST + socket.PATIENCE + 5):
            await visitor.send("typing")
        codes = []
        while True:
            message = await visitor.socket.receive_output(5)
            if message["type"] == "websocket.close":
                assert message["code"] == closing.FLOOD
                break
            codes.append(json.loads(message["text"]).get("code"))
        assert "too_many_frames" in codes

    run(scenario)


@override_settings(SOCKETS_PER_VISITOR=2)
def test_too_many_tabs_let_the_oldest_go(acme: Any) -> None:
    async def scenario() -> None:
        tabs = [client() for _ in range(3)]
        for tab in tabs:
            tab.token = tabs[0].token
            await tab.open()
            await tab.register(acme.widget.key, language="ru")
        error = await tabs[0].expect("error")
        assert error["code"] == "too_many_sockets"
        assert error["message"] == "Чат открыт в слишком многих вкладках. Закройте часть из них."
        assert await tabs[0].closed_with() == closing.FLOOD
        for tab in tabs[1:]:
            await tab.send("get_user_chats")
            await tab.expect("user_chats")
            await tab.close()

    run(scenario)


@override_settings(PING_SECONDS=0.05)
def test_ping_carries_the_head_seq(acme: Any) -> None:
    async def scenario() -> None:
        visitor = client()
        await visitor.open()
        await visitor.register(acme.widget.key)
        await visitor.send("message", client_id=uuid.uuid4(), text="Hello")
        ack = await visitor.expect("message_saved")
        # A line that no event told of, as when Redis was away.
        await sync_to_async(Chat.unscoped.update)(seq=7)
        ping = await visitor.expect("ping", head_seq=7)
        assert ping["chat_id"] == ack["chat_id"]
        await visitor.close()

    heartbeat._hearts.clear()
    run(scenario)


def test_errors_are_in_the_visitors_language(acme: Any) -> None:
    async def scenario() -> None:
        visitor = client()
        await visitor.open()
        await visitor.register(acme.widget.key, language="ru")
        await visitor.send("rate", rating=3)
        assert (await visitor.expect("error"))["message"] == "Такого чата нет."
        await visitor.close()

    run(scenario)


def test_slow_client_loses_deltas_first_and_then_the_socket() -> None:
    async def scenario() -> None:
        outgoing = slow.Outgoing()
        outgoing.put("first")
        for _ in range(500):
            outgoing.put("delta", droppable=True)
        for number in range(slow.MAX_WAITING_FRAMES - 1):
            outgoing.put(f"frame {number}")
        with pytest.raises(closing.Closed) as closed:
            outgoing.put("one too many")
        assert closed.value.code == closing.SLOW
        assert outgoing.get() == "first"
        assert outgoing.get() == "frame 0"

    asyncio.run(scenario())


def test_other_visitors_frames_do_not_reach(acme: Any) -> None:
    async def scenario() -> None:
        anna, boris = client(), client()
        for visitor in (anna, boris):
            await visitor.open()
            await visitor.register(acme.widget.key)
            await visitor.send("message", client_id=uuid.uuid4(), text="Hello")
            await visitor.expect("message_saved")
        await boris.expect("chat_restored")
        await anna.send("message", client_id=uuid.uuid4(), text="Secret")
        await anna.expect("message_saved", seq=2)
        await boris.send("get_user_chats")
        await boris.expect("user_chats")
        assert "Secret" not in json.dumps(boris.seen)
        await asyncio.gather(anna.close(), boris.close())

    run(scenario)
    assert Turn.unscoped.count() == 2


def test_console_outlives_a_short_absence_of_the_database(
    acme: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("operators.presence.HEARD_EVERY", 0.05)
    hear, failures = presence.hear, [OperationalError("gone"), InterfaceError("gone")]

    def sometimes(member: Member) -> Availability:
        if failures and started:
            raise failures.pop()
        return hear(member)

    monkeypatch.setattr("operators.presence.hear", sometimes)
    started: list[bool] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        await OperatorConsumer.as_asgi()({**scope, "user": acme.operator.user}, receive, send)

    async def scenario() -> None:
        console = Client(application, "/ws/operator/")
        await console.open()
        await console.expect("presence")
        started.append(True)
        async with asyncio.timeout(5):
            while failures:
                await asyncio.sleep(0.01)
        # Nobody did anything: it comes from the console's own round.
        await console.expect("presence")
        await console.close()

    run(scenario)


def test_sockets_of_one_widget_share_it_until_it_is_changed(acme: Any) -> None:
    async def scenario() -> None:
        tabs = [client(), client(), client()]
        for tab in tabs[:2]:
            await tab.open()
            await tab.register(acme.widget.key)
        acme.agent.reply_delay = 3.0
        await sync_to_async(acme.agent.save)()
        await tabs[2].open()
        await tabs[2].register(acme.widget.key)
        standing = [one for one in socket.Socket.standing if isinstance(one, VisitorConsumer)]
        widgets = {one.token: one.visit.widget for one in standing if one.visit}
        first, second, changed = (widgets[tab.token] for tab in tabs)
        assert first is second
        assert changed is not first
        assert (first.agent.reply_delay, changed.agent.reply_delay) == (0, 3.0)
        for tab in tabs:
            await tab.close()

    run(scenario)
