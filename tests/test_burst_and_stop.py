"""Three quick messages, the pause before an answer, the sign of typing, and the stop button."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async

import ai
from ai.scripted import ScriptedModel
from chat import assistant, turns
from chat.delivery.deltas import DeltaPipe
from chat.models import Message, Turn
from tests.test_chat_socket import client
from tests.wire import Client, run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> ScriptedModel:
    scripted = ScriptedModel()
    monkeypatch.setattr(ai, "chat_model", lambda name, fallback: scripted)
    return scripted


async def arrived(acme: Any) -> Client:
    one = client()
    await one.open()
    await one.register(acme.widget.key)
    return one


async def say(one: Client, text: str) -> None:
    client_id = str(uuid.uuid4())
    await one.send("message", client_id=client_id, text=text)
    await one.expect("message_saved", client_id=client_id)


get_turn = sync_to_async(Turn.unscoped.get)


def test_three_quick_messages_get_one_answer(acme: Any, model: ScriptedModel) -> None:
    acme.agent.reply_delay = 0.2
    acme.agent.save()
    model.enqueue("All three: yes.")

    async def scenario() -> None:
        visitor = await arrived(acme)
        for text in ("Hi, I have three questions", "Do you take cards?", "And dogs?"):
            await say(visitor, text)
        turn = await get_turn()
        assert (turn.from_seq, turn.upto_seq, turn.widened) == (1, 3, 2)
        pipe = DeltaPipe()
        # As many tasks as messages were sent; the pause passes in them.
        await asyncio.gather(*(assistant.answer(turn.pk, pipe) for _task in range(3)))
        await visitor.expect("ai_response")
        await pipe.aclose()
        await visitor.close()

    run(scenario)
    assert Message.unscoped.filter(role="assistant").count() == 1
    assert len(model.requests) == 1
    assert (
        "three questions\nDo you take cards?\nAnd dogs?" in model.requests[0].messages[-1].content
    )


def test_the_answer_is_due_after_the_pause_and_each_message_begins_it_anew(
    acme: Any, model: ScriptedModel
) -> None:
    acme.agent.reply_delay = 3.0
    acme.agent.save()

    async def scenario() -> None:
        visitor = await arrived(acme)
        await say(visitor, "Hello there, one thing")
        first = await get_turn()
        # By the database's own clock, of one statement.
        assert (first.due_at - first.created_at).total_seconds() == pytest.approx(3.0, abs=0.01)
        assert isinstance(await sync_to_async(turns.claim)(first.pk), turns.NotYet)
        await say(visitor, "Do you take cards?")
        assert (await get_turn()).due_at > first.due_at
        await visitor.close()

    run(scenario)


def test_the_sign_of_typing_comes_before_the_first_word(acme: Any, model: ScriptedModel) -> None:
    model.enqueue("By ", "card.")

    async def scenario() -> None:
        visitor = await arrived(acme)
        await say(visitor, "How can I pay for it?")
        turn, pipe = await get_turn(), DeltaPipe()
        await assistant.answer(turn.pk, pipe)
        await visitor.expect("ai_response")
        kinds = [frame["type"] for frame in visitor.seen]
        assert kinds.index("ai_typing") < kinds.index("ai_delta") < kinds.index("ai_response")
        await pipe.aclose()
        await visitor.close()

    run(scenario)


def test_a_stopped_answer_stays_as_far_as_it_was_shown(acme: Any, model: ScriptedModel) -> None:
    acme.agent.only_from_sources = False
    acme.agent.save()

    async def scenario() -> None:
        visitor = await arrived(acme)
        await say(visitor, "Tell me all about it")
        turn, pipe, more = await get_turn(), DeltaPipe(), asyncio.Event()
        model.enqueue("It is long, very long ", more, "and never ends.")
        answering = asyncio.ensure_future(assistant.answer(turn.pk, pipe))
        shown = (await visitor.expect("ai_delta"))["text"]
        # What may still become something else is held back.
        assert shown
        assert "It is long, very long".startswith(shown.strip())
        while not (await get_turn()).draft:
            await asyncio.sleep(0.05)
        await visitor.send("stop")
        line = (await visitor.expect("message"))["message"]
        while line["role"] != "assistant":
            line = (await visitor.expect("message"))["message"]
        assert (line["text"], line["is_stopped"]) == (shown, True)
        await visitor.expect("ai_typing", active=False)
        more.set()
        await answering
        await pipe.aclose()
        # A newcomer is shown the same, and nothing more.
        other = client()
        other.token = visitor.token
        await other.open()
        chat = await other.register(acme.widget.key)
        assert [one["text"] for one in chat["history"]] == ["Tell me all about it", shown]
        assert (chat["is_answering"], chat["draft"]) == (False, None)
        await visitor.close()
        await other.close()

    run(scenario)
    assert Turn.unscoped.get().status == "stopped"
