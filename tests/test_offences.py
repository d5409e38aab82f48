"""Rude words and spam: hidden, warned of, muted; and what operators may do about it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import ai
from ai.scripted import ScriptedModel
from chat import assistant, offences, visitor
from chat.delivery.deltas import DeltaPipe
from chat.models import Chat, Message, Turn, Visitor
from chat.refusals import Refused
from operators import desk
from organizations.models import Moderation
from tests.answering import answer
from tests.conftest import House, client_of
from tests.test_chat_socket import client
from tests.test_isolation_sockets import operator_client
from tests.wire import run

pytestmark = pytest.mark.django_db(transaction=True)

RUDE = "Ты дебил"
HIDDEN = "Ты д****"


@pytest.fixture
def say(acme: House) -> Callable[..., Message]:
    person = acme.visitor()

    def speak(text: str, client_id: uuid.UUID | None = None) -> Message:
        return visitor.say(person, acme.visit, text, client_id or uuid.uuid4())

    return speak


def settings_of(house: House, **fields: Any) -> Moderation:
    return Moderation.unscoped.create(organization=house.organization, **fields)


def lines(chat: Chat) -> list[tuple[str, str]]:
    rows = Message.unscoped.filter(chat=chat).order_by("seq")
    return [(line.event or line.role, line.content) for line in rows]


# --- the visitor --------------------------------------------------------------------------------


def test_rude_words_are_hidden_everywhere_and_kept_for_operators(say: Any) -> None:
    message = say(RUDE)
    chat = Chat.unscoped.select_related("session").get(pk=message.chat_id)
    assert (message.content, message.original) == (HIDDEN, RUDE)
    assert (chat.name, chat.session.title) == (HIDDEN, HIDDEN)


def test_the_prompt_has_no_rude_words(say: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = ScriptedModel(["Calm down."])
    monkeypatch.setattr(ai, "chat_model", lambda name, fallback: model)
    say(f"{RUDE}, which cards do you take?")
    answer()
    prompt = "\n".join(message.content for message in model.requests[0].messages)
    assert "дебил" not in prompt
    assert HIDDEN in prompt


def test_first_a_warning_then_silence_and_what_was_said_stays(say: Any) -> None:
    first, second = say(RUDE), say(RUDE)
    third = say("You idiot")
    chat = third.chat
    assert [kind for kind, _text in lines(chat)] == ["user", "warned"] * 2 + ["user", "muted"]
    with pytest.raises(offences.Muted) as refused:
        say("And now?")
    assert (refused.value.code, refused.value.retry_after) == ("muted", None)
    assert "15" in str(refused.value.sentence)
    # What was accepted is acked again, whatever came later.
    assert say(RUDE, second.client_id).pk == second.pk
    assert [line.seq for line in (first, second, third)] == [1, 3, 5]
    assert Message.unscoped.filter(chat=chat).count() == 6


def test_silence_ends_by_itself_and_the_next_time_there_is_no_warning(say: Any) -> None:
    for _time in range(3):
        chat = say(RUDE).chat
    Visitor.unscoped.update(muted_until=Now() - timedelta(seconds=1))
    say("I am sorry")
    say(RUDE)
    assert [kind for kind, _text in lines(chat)][-3:] == ["user", "user", "muted"]


def test_a_day_later_the_count_begins_anew(say: Any) -> None:
    for _time in range(2):
        chat = say(RUDE).chat
    Visitor.unscoped.update(offended_at=Now() - timedelta(days=2))
    say(RUDE)
    assert lines(chat)[-1][0] == "warned"
    assert Visitor.unscoped.get().offences == 1


def test_the_warning_is_in_the_visitors_language(acme: House) -> None:
    visit = visitor.Visit(acme.widget, acme.visit.page, "ru")
    chat = visitor.say(acme.visitor(), visit, RUDE, uuid.uuid4()).chat
    assert "вежлив" in lines(chat)[-1][1]


def test_spam_is_cut_and_warned_of(say: Any) -> None:
    message = say("казино тут https://a.example https://b.example")
    assert "https" not in message.content
    assert message.original.startswith("казино")
    assert lines(message.chat)[-1][0] == "warned"


def test_an_ordinary_message_costs_no_statement_more(acme: House, say: Any) -> None:
    settings_of(acme, blocked_words=["casino"], masked_words=["globex"], topics=["refund*"])

    def statements(text: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            say(text)
        return len(captured)

    statements("Hello")
    assert statements("How much is it?") == statements("Где вы находитесь?")
    assert statements(RUDE) > statements("And now?")


def test_whoever_is_muted_leaves_no_contact(acme: House) -> None:
    person = acme.visitor()
    Visitor.unscoped.update(muted_until=Now() + timedelta(minutes=5))
    with pytest.raises(offences.Muted):
        visitor.leave_contact(
            person, acme.visit, None, uuid.uuid4(), "Anna", "anna@example.com", "Call me"
        )


def test_another_organizations_visitor_is_not_muted(acme: House, globex: House) -> None:
    here, there = acme.visitor(), globex.visitor()
    for _time in range(3):
        visitor.say(here, acme.visit, RUDE, uuid.uuid4())
    assert visitor.say(there, globex.visit, "Hello", uuid.uuid4()).seq == 1


# --- the owner's settings -----------------------------------------------------------------------


def test_moderation_can_be_switched_off(acme: House, say: Any) -> None:
    settings_of(acme, is_on=False, blocked_words=["casino"])
    assert say(f"{RUDE} casino").content == f"{RUDE} casino"
    assert not Message.unscoped.filter(role="system").exists()


def test_the_owner_says_how_often_and_how_long(acme: House, say: Any) -> None:
    settings_of(acme, warnings=0, mute_minutes=90)
    chat = say(RUDE).chat
    assert lines(chat)[-1][0] == "muted"
    with pytest.raises(offences.Muted, match="muted") as refused:
        say("Hello")
    assert "90" in str(refused.value.sentence)


def test_a_word_that_is_not_accepted_refuses_the_message(acme: House, say: Any) -> None:
    settings_of(acme, blocked_words=["казин*", "free money"])
    for text in ("Лучшее к@зино!", "Get FREE  money now"):
        with pytest.raises(Refused) as refused:
            say(text)
        assert refused.value.code == "word_refused"
    assert not Message.unscoped.exists()


def test_a_word_to_hide_is_hidden_without_a_warning(acme: House, say: Any) -> None:
    settings_of(acme, masked_words=["globex"])
    message = say("Is Globex better?")
    assert message.content == "Is G***** better?"
    assert not Message.unscoped.filter(role="system").exists()


def test_the_owner_fills_in_the_one_page(acme: House) -> None:
    owner = client_of(acme.owner)
    page = reverse("admin:organizations_moderation_changelist")
    assert owner.get(page, follow=True).status_code == 200
    form = {"is_on": "on", "warnings": "1", "mute_minutes": "30", "blocked_words": "a b\n\na b"}
    form |= {"masked_words": "", "topics": "refund*", "linked_sites": "https://a.example/"}
    assert owner.post(reverse("admin:organizations_moderation_add"), form).status_code == 302
    row = Moderation.objects.of(acme.organization).get()
    assert (row.blocked_words, row.topics) == (["a b"], ["refund*"])
    assert row.linked_sites == ["https://a.example"]
    change = reverse("admin:organizations_moderation_change", args=[row.pk])
    assert owner.get(reverse("admin:organizations_moderation_add")).status_code == 403
    wrong = {**form, "topics": "*", "mute_minutes": "0", "linked_sites": "nowhere"}
    response = owner.post(change, wrong)
    assert {"topics", "mute_minutes", "linked_sites"} <= set(
        response.context["adminform"].form.errors
    )
    assert client_of(acme.operator).get(page).status_code == 403


# --- operators ----------------------------------------------------------------------------------


def test_an_operator_lets_a_muted_visitor_write_again(acme: House, say: Any) -> None:
    for _time in range(3):
        chat = say(RUDE).chat
    desk.unmute(chat, acme.operator)
    assert lines(chat)[-1] == ("unmuted", "You can write again.")
    assert say("Thank you").content == "Thank you"
    desk.unmute(chat, acme.operator)
    assert [kind for kind, _text in lines(chat)].count("unmuted") == 1


def test_an_outsider_neither_looks_nor_lifts(acme: House, globex: House, say: Any) -> None:
    message = say(RUDE)
    for verb in (
        lambda: desk.reveal(message.chat, globex.operator, message.seq),
        lambda: desk.unmute(message.chat, globex.operator),
        lambda: desk.regenerate(message.chat, globex.operator, message.seq),
    ):
        with pytest.raises(desk.UnknownChat):
            verb()


def test_console_sees_the_count_and_reveals_on_demand(acme: House) -> None:
    async def scenario() -> None:
        person, console = client(), operator_client(acme.operator.user)
        await person.open()
        await person.register(acme.widget.key)
        await person.send("message", client_id=uuid.uuid4(), text=RUDE)
        saved = await person.expect("message_saved")
        await console.open()
        await console.send("watch", chat_id=saved["chat_id"])
        watching = await console.expect("watching")
        assert watching["visitor"]["offences"] == 1
        line = watching["chat"]["history"][0]
        assert (line["text"], line["is_masked"]) == (HIDDEN, True)
        await console.send("reveal", chat_id=saved["chat_id"], seq=line["seq"])
        assert (await console.expect("revealed"))["text"] == RUDE
        await console.send("reveal", chat_id=saved["chat_id"], seq=2)
        assert (await console.expect("error"))["code"] == "nothing_hidden"
        for _time in range(2):
            await person.send("message", client_id=uuid.uuid4(), text=RUDE)
        muted = await console.expect("visitor_muted", offences=3)
        assert muted["until"]
        refused = str(uuid.uuid4())
        await person.send("message", client_id=refused, text="Hello")
        error = await person.expect("error", client_id=refused)
        assert (error["code"], error["retry_after"]) == ("muted", None)
        await console.send("unmute", chat_id=saved["chat_id"])
        await console.expect("visitor_muted", offences=0, until="")
        again = str(uuid.uuid4())
        await person.send("message", client_id=again, text="Hello")
        await person.expect("message_saved", client_id=again)
        assert not any("дебил" in str(frame) for frame in person.seen)
        await person.close()
        await console.close()

    run(scenario)


def test_two_tabs_at_once_are_counted_one_by_one(acme: House) -> None:
    person = acme.visitor()
    visitor.say(person, acme.visit, "Hello", uuid.uuid4())

    async def scenario() -> None:
        speak = sync_to_async(visitor.say, thread_sensitive=False)
        said = [speak(person, acme.visit, RUDE, uuid.uuid4()) for _time in range(8)]
        results = await asyncio.gather(*said, return_exceptions=True)
        assert sum(isinstance(result, Message) for result in results) == 3
        assert sum(isinstance(result, offences.Muted) for result in results) == 5

    run(scenario)
    assert Visitor.unscoped.get(pk=person.pk).offences == 3


# --- the assistant ------------------------------------------------------------------------------


def test_what_streams_and_what_is_saved_are_the_same_and_lead_nowhere(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings_of(acme, masked_words=["globex"], linked_sites=["https://good.example"])
    pieces = ["Look ![", "x](http://ev", "il.test/?q=1) at [the", " page](https://good.example/a)"]
    model = ScriptedModel(
        [*pieces, ", not Glo", "bex: sk-ab", "cdef123456 ", "or http://evil.test"]
    )
    monkeypatch.setattr(ai, "chat_model", lambda name, fallback: model)
    said = "Look x at [the page](https://good.example/a), not G*****: … or …"

    async def scenario() -> None:
        person = client()
        await person.open()
        await person.register(acme.widget.key)
        await person.send("message", client_id=uuid.uuid4(), text="Which one is it?")
        await person.expect("message_saved")
        turn = await sync_to_async(Turn.unscoped.get)()
        pipe = DeltaPipe()
        await assistant.answer(turn.pk, pipe)
        whole = await person.expect("ai_response")
        shown = ""
        for frame in person.seen:
            if frame["type"] == "ai_delta":
                assert frame["offset"] == len(shown)
                shown += frame["text"]
        assert shown == whole["message"]["text"] == said
        await pipe.aclose()
        await person.close()

    run(scenario)
