"""Somebody is erased while their tab is open: the tab begins anew, and nothing of them is left."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.admin.models import LogEntry
from django.urls import reverse

import ai
from ai.interface import ChatRequest, Delta
from ai.scripted import ScriptedModel
from chat import assistant, protocol, visitor
from chat.consumers import VisitorConsumer
from chat.database import in_database
from chat.delivery.closing import GONE, NOBODY
from chat.delivery.deltas import DeltaPipe
from chat.models import Chat, Customer, Message, ModelCall, Session, Turn, Visitor
from organizations.models import Member
from tests.conftest import House, client_of
from tests.test_isolation_sockets import operator_client, types_of
from tests.wire import Client, run

COMMANDS: dict[str, dict[str, Any]] = {
    "message": {"client_id": str(uuid.uuid4()), "text": "hello again"},
    "typing": {},
    "restore_chat": {"last_seq": 0},
    "switch_chat": {"chat_id": str(uuid.uuid4())},
    "new_chat": {"client_id": str(uuid.uuid4()), "name": "another"},
    "finish": {},
    "get_user_chats": {},
    "get_memory": {},
    "forget_memory": {},
    "request_support": {},
    "cancel_support": {},
    "stop": {},
    "feedback": {"seq": 1, "helpful": True},
    "rate": {"rating": 5},
    "end_chat": {},
    "page": {"url": "https://acme.example/"},
    "leave_contact": {
        "client_id": str(uuid.uuid4()),
        "name": "Anna",
        "email": "a@example.com",
        "text": "Call me",
    },
}


def test_every_command_is_tried() -> None:
    assert {*COMMANDS, "register"} == types_of(protocol.VisitorCommand)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_an_erased_visitors_tab_begins_anew(
    acme: House, caplog: pytest.LogCaptureFixture, command: str
) -> None:
    async def scenario() -> None:
        client = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        await client.open()
        await client.register(acme.widget.key)
        await client.send("message", client_id=uuid.uuid4(), text="hello")
        await client.expect("message_saved")
        await sync_to_async(Visitor.objects.of(acme.organization).all().delete)()
        await client.send(command, **COMMANDS[command])
        # This one needs the visitor, where the first one did not.
        await client.send("forget_memory")
        assert await client.closed_with() == GONE
        codes = {frame["code"] for frame in client.seen if frame["type"] == "error"}
        assert "internal" not in codes

        again = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        again.token = client.token
        await again.open()
        assert not (await again.register(acme.widget.key))["has_existing_chat"]
        await again.send("message", client_id=uuid.uuid4(), text="I am new here")
        await again.expect("message_saved")
        await again.close()

    run(scenario)
    assert not [record for record in caplog.records if record.exc_info]
    assert Message.objects.of(acme.organization).filter(role="user").count() == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_said_in_an_erased_chat_is_not_lost_in_silence(acme: House) -> None:
    async def scenario() -> None:
        client = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        await client.open()
        await client.register(acme.widget.key)
        await client.send("message", client_id=uuid.uuid4(), text="hello")
        await client.expect("message_saved")
        await sync_to_async(Session.objects.of(acme.organization).all().delete)()
        lost = uuid.uuid4()
        await client.send("message", client_id=lost, text="are you there?")
        assert await client.closed_with() == GONE

        again = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
        again.token = client.token
        await again.open()
        await again.register(acme.widget.key)
        await again.send("message", client_id=lost, text="are you there?")
        await again.expect("message_saved", client_id=str(lost))
        await again.close()

    run(scenario)


@pytest.mark.django_db(transaction=True)
def test_a_member_who_was_removed_is_let_go(acme: House, caplog: pytest.LogCaptureFixture) -> None:
    other = acme.member("acme-leaving")

    async def scenario() -> None:
        operator = operator_client(other.user)
        await operator.open()
        await operator.expect("queue")
        await sync_to_async(Member.objects.of(acme.organization).filter(pk=other.pk).delete)()
        await operator.send("presence", status="online")
        assert await operator.closed_with() == NOBODY

    run(scenario)
    assert not [record for record in caplog.records if record.exc_info]


class Erasing(ScriptedModel):
    """A model whose visitor is erased while it speaks."""

    house: House

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        async for delta in super().stream(request):
            yield delta
        await in_database(Visitor.objects.of(self.house.organization).all().delete)


@pytest.mark.django_db(transaction=True)
def test_an_answer_to_an_erased_visitor_is_paid_for_and_dropped(
    acme: House, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Erasing()
    model.house = acme
    model.enqueue("By card.")
    monkeypatch.setattr(ai, "chat_model", lambda name, fallback: model)
    visitor.say(acme.visitor(), acme.visit, "Which cards are taken where?", uuid.uuid4())
    turn = Turn.objects.of(acme.organization).get()

    async def work() -> None:
        pipe = DeltaPipe()
        await assistant.answer(turn.pk, pipe)
        await pipe.aclose()

    asyncio.run(work())
    assert not [record for record in caplog.records if record.exc_info]
    assert not Turn.objects.of(acme.organization).exists()
    booked = ModelCall.objects.of(acme.organization).get()
    assert (booked.chat, booked.turn, booked.completion_tokens) == (None, None, 1)


@pytest.mark.django_db
def test_the_record_of_changes_keeps_no_name(acme: House) -> None:
    """Django writes a row's name into it, also that of a row which is about to be deleted."""
    client = client_of(acme.owner)
    fields = {"name": "Anna Petrova", "username": "", "email": "anna@example.com", "phone": ""}
    client.post(reverse("admin:chat_customer_add"), fields)
    customer = Customer.objects.of(acme.organization).get()
    assert LogEntry.objects.filter(object_repr="Anna Petrova").exists()
    gone = reverse("admin:chat_customer_delete", args=[customer.pk])
    assert client.post(gone, {"post": "yes"}).status_code == 302
    left = LogEntry.objects.filter(object_id=str(customer.pk))
    assert {entry.object_repr for entry in left} == {f"#{customer.pk}"}
    assert not Chat.objects.of(acme.organization).exists()
