"""The same id sent again, after a second or a year: one row, and the ack of the first time."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.apps import apps
from django.db.models import DateTimeField, F
from django.test import override_settings

from chat import conversation, identity, visitor
from chat.consumers import VisitorConsumer
from chat.models import Chat, ContactRequest, Handoff, Message, Note, Session, Visitor
from chat.refusals import Refused
from chat.tasks import end_idle_sessions
from operators import desk
from tests.conftest import House
from tests.racing import check_whole
from tests.test_chat_visitor import at_once
from tests.test_isolation_sockets import operator_client
from tests.wire import Client, run

pytestmark = pytest.mark.django_db(transaction=True)

AGES = [
    timedelta(seconds=1),
    timedelta(seconds=31),
    timedelta(hours=2),
    timedelta(days=30),
    timedelta(days=400),
]


def age(by: timedelta) -> None:
    """Let time pass: every moment in every table moves into the past."""
    for model in apps.get_models():
        moments = [
            field.name for field in model._meta.concrete_fields if isinstance(field, DateTimeField)
        ]
        if moments:
            model._base_manager.update(**{name: F(name) - by for name in moments})


def nothing(house: House, chat: Chat) -> None:
    """The chat goes on."""


def closed(house: House, chat: Chat) -> None:
    desk.accept(chat, house.operator)
    desk.close(chat, house.operator)


def ended(house: House, chat: Chat) -> None:
    """The visit ends as it does when nobody touches it for long."""
    age(timedelta(days=8))
    assert end_idle_sessions() == 1


def held(house: House, chat: Chat) -> None:
    desk.accept(chat, house.operator)


def client(token: str) -> Client:
    one = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
    one.token = token
    return one


Then = Callable[[House, Chat], None]


@pytest.mark.parametrize("by", AGES, ids=str)
@pytest.mark.parametrize("then", [nothing, closed, ended, held], ids=lambda then: then.__name__)
def test_visitors_message_is_one_line(acme: House, by: timedelta, then: Then) -> None:
    token, client_id = "v" * 43, str(uuid.uuid4())

    async def send() -> dict[str, Any]:
        one = client(token)
        await one.open()
        await one.register(acme.widget.key)
        await one.send("message", client_id=client_id, text="Once")
        ack = await one.expect("message_saved")
        await one.send("message", client_id=client_id, text="Other words")
        error = await one.expect("error")
        assert (error["code"], error["client_id"]) == ("client_id_reused", client_id)
        await one.close()
        return ack

    async def scenario() -> None:
        first = await send()
        chat = await sync_to_async(Chat.unscoped.select_related("organization").get)()
        await sync_to_async(then)(acme, chat)
        await sync_to_async(age)(by)
        assert await send() == first

    run(scenario)
    assert Message.unscoped.filter(role="user").count() == 1
    assert Chat.unscoped.count() == 1
    check_whole(Chat.unscoped.get())


def test_forgotten_secret_is_acked_and_opens_nothing(acme: House) -> None:
    token, client_id = "v" * 43, str(uuid.uuid4())

    async def scenario() -> None:
        one = client(token)
        await one.open()
        await one.register(acme.widget.key)
        await one.send("message", client_id=client_id, text="A secret")
        ack = await one.expect("message_saved")
        await one.close()
        await sync_to_async(age)(timedelta(days=31))
        late = client(token)
        await late.open()
        assert (await late.register(acme.widget.key))["has_existing_chat"] is False
        await late.send("message", client_id=client_id, text="A secret")
        assert await late.expect("message_saved") == ack
        await late.send("restore_chat")
        assert (await late.expect("chat_restored"))["chat"]["has_existing_chat"] is False
        await late.send("switch_chat", chat_id=ack["chat_id"])
        assert (await late.expect("error"))["code"] == "unknown_chat"
        await late.send("get_user_chats")
        assert (await late.expect("user_chats"))["chats"] == []
        await late.send("message", client_id=uuid.uuid4(), text="Something new")
        assert (await late.expect("message_saved"))["chat_id"] != ack["chat_id"]
        assert (await late.expect("chat_restored"))["chat"]["message_count"] == 1
        await late.close()

    run(scenario)


def test_secret_forgotten_twice_remembers_both_lives(acme: House) -> None:
    token, client_ids = "v" * 43, [uuid.uuid4() for _ in range(3)]
    said = []
    for client_id in client_ids:
        person = identity.introduce(acme.organization, token, identity.Details())
        said.append(visitor.say(person, acme.visit, "Hello", client_id))
        age(timedelta(days=31))
    person = identity.introduce(acme.organization, token, identity.Details())
    again = [visitor.say(person, acme.visit, "Hello", client_id) for client_id in client_ids]
    assert [line.pk for line in again] == [line.pk for line in said]
    assert Message.unscoped.count() == 3
    # Nobody else knows those ids.
    other = visitor.say(acme.visitor(), acme.visit, "Hello", client_ids[0])
    assert other.pk not in [line.pk for line in said]


def test_tabs_that_come_late_together_forget_once(acme: House) -> None:
    token, client_id = "v" * 43, uuid.uuid4()
    person = identity.introduce(acme.organization, token, identity.Details())
    line = visitor.say(person, acme.visit, "Hello", client_id)
    age(timedelta(days=31))
    found = at_once(
        *[
            lambda: identity.introduce(acme.organization, token, identity.Details())
            for _ in range(6)
        ]
    )
    assert len({one.pk for one in found} | {person.pk}) == 2
    assert visitor.say(found[0], acme.visit, "Hello", client_id).pk == line.pk


@pytest.mark.parametrize("by", AGES, ids=str)
@pytest.mark.parametrize("end", ["stays", "hand_back", "transfer", "close_chat"])
def test_operators_reply_and_note_are_one_each(acme: House, by: timedelta, end: str) -> None:
    line = visitor.say(acme.visitor(), acme.visit, "Hello", uuid.uuid4())
    ids = {"message": str(uuid.uuid4()), "note": str(uuid.uuid4())}
    chat_id = line.chat.chat_id

    async def send(console: Client) -> list[dict[str, Any]]:
        acks = []
        for command, client_id in ids.items():
            fields = {"chat_id": chat_id, "client_id": client_id}
            await console.send(command, **fields, text="Once")
            acks.append(await console.expect("message_saved"))
            await console.send(command, **fields, text="Other words")
            assert (await console.expect("error"))["code"] == "client_id_reused"
        return acks

    async def with_console(work: Callable[[Client], Awaitable[Any]]) -> Any:
        console = operator_client(acme.operator.user)
        await console.open()
        await console.expect("presence")
        result = await work(console)
        await console.close()
        return result

    async def begin(console: Client) -> Any:
        await console.send("join_support_chat", chat_id=chat_id)
        acks = await send(console)
        if end != "stays":
            more = {"member_id": acme.owner.pk} if end == "transfer" else {}
            await console.send(end, chat_id=chat_id, **more)
            await console.send("presence", status="online")
            await console.expect("presence")
        return acks

    async def scenario() -> None:
        first = await with_console(begin)
        await sync_to_async(age)(by)
        assert await with_console(send) == first

    run(scenario)
    assert Message.unscoped.filter(role="operator").count() == 1
    assert Note.unscoped.count() == 1
    check_whole(line.chat)


@pytest.mark.parametrize("by", AGES, ids=str)
def test_contact_is_one_with_the_ack_of_its_line(acme: House, by: timedelta) -> None:
    token = "v" * 43
    form = {"client_id": str(uuid.uuid4()), "name": "Anna", "email": "anna@example.com"}

    async def send() -> dict[str, Any]:
        one = client(token)
        await one.open()
        await one.register(acme.widget.key)
        await one.send("leave_contact", **form, text="Call me")
        ack = await one.expect("message_saved")
        await one.send("leave_contact", **form, text="Do not call me")
        assert (await one.expect("error"))["code"] == "client_id_reused"
        await one.send("message", client_id=form["client_id"], text="Call me")
        assert (await one.expect("error"))["code"] == "client_id_reused"
        await one.send("message", client_id=uuid.uuid4(), text="And another thing")
        await one.expect("message_saved")
        await one.close()
        return ack

    async def scenario() -> None:
        first = await send()
        await sync_to_async(age)(by)
        assert await send() == first

    run(scenario)
    assert ContactRequest.unscoped.count() == 1
    assert Message.unscoped.filter(event="contact").count() == 1


@pytest.mark.parametrize("by", AGES[:3], ids=str)
def test_new_chat_is_one_though_its_session_has_ended(acme: House, by: timedelta) -> None:
    person, client_id = acme.visitor(), uuid.uuid4()
    chat = visitor.new_chat(person, acme.visit, client_id, "Another", "general")
    Session.unscoped.update(is_active=False)
    age(by)
    assert visitor.new_chat(person, acme.visit, client_id, "Another", "general").pk == chat.pk
    assert Chat.unscoped.count() == 1


# --- what else a verb may not do twice, or too often ---------------------------------------------


def test_open_chat_is_found_behind_one_closed_long_ago(acme: House) -> None:
    person = acme.visitor()
    chat = visitor.say(person, acme.visit, "Hello", uuid.uuid4()).chat
    other = visitor.new_chat(person, acme.visit, uuid.uuid4(), "Another", "general")
    visitor.end_chat(person, other)
    assert visitor.current_chat(person, acme.widget) == other
    age(visitor.RATING_TIME)
    assert visitor.current_chat(person, acme.widget) == chat


@override_settings(NEW_VISITORS_PER_HOUR=3)
def test_network_brings_no_more_than_its_share_even_at_once(acme: House) -> None:
    details = identity.Details(ip="203.0.113.0")

    def arrive(name: str) -> Visitor:
        return identity.introduce(acme.organization, name * 43, details)

    results = at_once(*[partial(arrive, name) for name in "abcdefgh"])
    refused = [result for result in results if isinstance(result, identity.TooManyVisitors)]
    assert Visitor.unscoped.count() == 3
    assert len(refused) == 5
    wait = refused[0].retry_after
    assert wait is not None
    age(timedelta(seconds=wait - 5))
    with pytest.raises(identity.TooManyVisitors):
        arrive("x")
    age(timedelta(seconds=5))
    assert arrive("x").ip == details.ip


@override_settings(MESSAGES_PER_MINUTE=3)
def test_forms_chats_and_requests_are_limited_as_messages_are(acme: House) -> None:
    person = acme.visitor()

    def contact() -> None:
        visitor.leave_contact(person, acme.visit, None, uuid.uuid4(), "A", "a@example.com", "Hi")

    def chat() -> None:
        visitor.new_chat(person, acme.visit, uuid.uuid4(), "", "general")

    def support() -> None:
        asked = visitor.request_support(person, acme.visit, None, Handoff.Reason.ASKED)
        visitor.cancel_support(person, asked)

    for often in (contact, chat, support):
        for _ in range(3):
            often()
        with pytest.raises(Refused) as refused:
            often()
        assert refused.value.code == "too_many_messages"
        assert 0 < (refused.value.retry_after or 0) <= 60
    age(timedelta(seconds=60))
    for often in (contact, chat, support):
        often()


def test_request_made_anew_has_its_own_time_to_wait(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = acme.visitor()
    chat = visitor.request_support(person, acme.visit, None, Handoff.Reason.ASKED)
    age(timedelta(minutes=acme.widget.support_timeout, seconds=1))
    lock = conversation.lock

    def meanwhile(locked: Chat) -> Chat:
        monkeypatch.setattr(conversation, "lock", lock)
        visitor.cancel_support(person, chat)
        visitor.request_support(person, acme.visit, chat.chat_id, Handoff.Reason.ASKED)
        return lock(locked)

    monkeypatch.setattr(conversation, "lock", meanwhile)
    assert desk.expire_waiting() == 0
    chat.refresh_from_db()
    assert chat.mode == "waiting"
