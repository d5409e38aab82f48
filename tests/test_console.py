"""What the console's page brings along, and what it asks for beside its socket."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from chat import conversation, snapshots, visitor
from chat.models import Chat, Message
from chat.protocol import PAGE_SIZE
from operators import desk, presence
from operators.models import Availability, ReadyReply
from organizations.models import User
from tests.answering import answer
from tests.conftest import House, client_of
from tests.test_isolation_sockets import operator_client
from tests.wire import run


def config_of(page: str) -> dict[str, Any]:
    """What the page tells its script."""
    found = re.search(r'<script id="console-config" type="application/json">(.+?)</script>', page)
    assert found
    config: dict[str, Any] = json.loads(found[1])
    return config


def add(locked: Chat, role: Message.Role, text: str) -> None:
    conversation.append(locked, role=role, content=text, sender=str(role))


def chat_of(house: House, lines: int) -> Chat:
    """A chat of so many lines."""
    said = visitor.say(house.visitor(), house.visit, "line 1", uuid.uuid4())
    with transaction.atomic():
        locked = conversation.lock(said.chat)
        for number in range(2, lines + 1):
            add(locked, Message.Role.OPERATOR, f"line {number}")
    return Chat.unscoped.select_related("organization", "session__widget").get(pk=said.chat.pk)


def test_ready_replies_come_with_the_page(acme: House, globex: House) -> None:
    for house in (acme, globex):
        name = house.organization.slug
        ReadyReply.unscoped.create(organization=house.organization, shortcut=name, text="Hello!")
    config = config_of(client_of(acme.operator).get(reverse("admin:console")).text)
    assert config["replies"] == [{"shortcut": "acme", "text": "Hello!"}]


def test_reloading_the_page_is_no_return_to_work(acme: House) -> None:
    def shown() -> str:
        page = client_of(acme.operator).get(reverse("admin:console")).text
        return str(config_of(page)["presence"])

    assert shown() == "online"
    presence.say(acme.operator, Availability.Status.AWAY)
    assert shown() == "away"
    # Whoever was gone for longer comes to work.
    Availability.unscoped.update(seen_at=timezone.now() - 2 * presence.SILENCE)
    assert shown() == "online"


@pytest.mark.parametrize("shortcut", ["two words", "/slash", "HELLO", ""])
def test_a_shortcut_is_one_word_of_its_own(acme: House, shortcut: str) -> None:
    """An operator may write replies; what cannot be found by a slash is refused at its field."""
    ReadyReply.unscoped.create(organization=acme.organization, shortcut="hello", text="Hello!")
    page = client_of(acme.operator).post(
        reverse("admin:operators_readyreply_add"), {"shortcut": shortcut, "text": "x"}
    )
    assert page.status_code == 200
    assert page.context["adminform"].form.errors
    assert ReadyReply.unscoped.count() == 1


def test_an_operator_writes_a_reply(acme: House) -> None:
    fields = {"shortcut": "привет", "text": "Здравствуйте, {visitor}!"}
    client_of(acme.operator).post(reverse("admin:operators_readyreply_add"), fields)
    reply = ReadyReply.objects.of(acme.organization).get()
    assert (reply.shortcut, reply.text) == ("привет", "Здравствуйте, {visitor}!")


def test_earlier_lines_follow_without_a_gap(acme: House) -> None:
    """From what the socket gives back to the first line."""
    chat = chat_of(acme, PAGE_SIZE + 30)
    shown = snapshots.chat_state(chat)
    seqs = [line.seq for line in shown.history]
    assert shown.has_more
    client, address = (
        client_of(acme.operator),
        reverse("admin:console_earlier", args=[chat.chat_id]),
    )
    lines = client.get(address, {"before": seqs[0]}).json()["lines"]
    assert [line["seq"] for line in lines] + seqs == list(range(1, PAGE_SIZE + 31))
    assert lines[0]["text"] == "line 1"
    assert client.get(address, {"before": 1}).json() == {"lines": []}


@pytest.mark.parametrize("before", ["", "x", "-1", "9" * 30, "١"])
def test_a_wrong_number_is_refused(acme: House, before: str) -> None:
    said = visitor.say(acme.visitor(), acme.visit, "Hello", uuid.uuid4())
    address = reverse("admin:console_earlier", args=[said.chat.chat_id])
    answer = client_of(acme.operator).get(address, {"before": before})
    assert (answer.status_code, answer.json()) == (400, {"code": "bad_seq"})


def test_earlier_lines_are_read_by_their_own_people(
    acme: House, globex: House, outsider: User
) -> None:
    said = visitor.say(acme.visitor(), acme.visit, "Hello", uuid.uuid4())
    address = reverse("admin:console_earlier", args=[said.chat.chat_id])
    assert client_of(acme.operator).get(address, {"before": 9}).status_code == 200
    assert client_of(globex.owner).get(address, {"before": 9}).status_code == 404
    for stranger in (outsider, None):
        assert client_of(stranger).get(address, {"before": 9}).status_code == 302


def test_last_words_are_shown_without_markup(acme: House) -> None:
    """An answer's Markdown is no picture for a line in a list; a visitor's words stay as typed."""
    person = acme.visitor()
    said = visitor.say(person, acme.visit, "How *much*?", uuid.uuid4())
    assert snapshots.desk_chat(said.chat).last_text == "How *much*?"
    answer = "**Kazan** in `one` day [1]\n\n- Price: 2900\n- [Dates](https://example.com/)"
    with transaction.atomic():
        add(conversation.lock(said.chat), Message.Role.ASSISTANT, answer)
    assert snapshots.desk_chat(said.chat).last_text == "Kazan in one day · Price: 2900 · Dates"


@pytest.mark.django_db(transaction=True)
def test_the_list_shows_a_new_answer_of_the_watched_chat(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The regular look at the desk would hide that nothing else has shown it.
    monkeypatch.setattr(presence, "HEARD_EVERY", 3600.0)
    said = visitor.say(acme.visitor(), acme.visit, "Do you have a heliport?", uuid.uuid4())

    async def scenario() -> None:
        console = operator_client(acme.operator.user)
        await console.open()
        await console.expect("presence")
        await console.send("watch", chat_id=said.chat.chat_id)
        await console.expect("watching")
        await sync_to_async(answer)()
        text = (await console.expect("ai_response"))["message"]["text"]
        [line] = (await console.expect("queue"))["recent"]
        assert (line["last_text"], line["last_role"]) == (text, "assistant")
        await console.close()

    run(scenario)


@pytest.mark.django_db(transaction=True)
def test_an_operators_words_come_to_the_list_without_markup(acme: House) -> None:
    said = visitor.say(acme.visitor(), acme.visit, "Hello", uuid.uuid4())
    desk.accept(said.chat, acme.operator)

    async def scenario() -> None:
        console = operator_client(acme.operator.user)
        await console.open()
        await console.expect("presence")
        await sync_to_async(desk.reply)(said.chat, acme.operator, "**One** _moment_", uuid.uuid4())
        assert (await console.expect("desk_message"))["last_text"] == "One moment"
        await console.close()

    run(scenario)
