"""Races on the real database: `DELIVERY_N=1000` runs each a thousand times.

Small random pauses before a start only move the meeting point of two transactions about; nothing
relies on how long they are.
"""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

import pytest

import ai
from ai.interface import ChatModel, ChatRequest, Delta
from ai.scripted import ScriptedModel
from chat import assistant, conversation, turns, visitor
from chat.consumers import VisitorConsumer
from chat.delivery.deltas import DeltaPipe
from chat.models import Chat, Message, Session, Turn, Visitor
from operators import desk
from tests.conftest import House
from tests.racing import RACES, check_whole, racers
from tests.wire import Client, run

pytestmark = pytest.mark.django_db(transaction=True)

RANDOM = random.Random(20)


def after_a_moment(work: Callable[[], Any], longest: float = 0.004) -> Callable[[], Any]:
    """The work, begun a little later than the others."""
    pause = RANDOM.uniform(0, longest)

    def begin() -> Any:
        time.sleep(pause)
        return work()

    return begin


def test_assistant_says_nothing_after_a_takeover(
    acme: House, record_property: Callable[[str, object], None]
) -> None:
    outcomes: Counter[str] = Counter()
    with racers(2) as threads:
        for _ in range(RACES):
            chat = visitor.say(acme.visitor(), acme.visit, "Which one is it?", uuid.uuid4()).chat
            claim = turns.claim(Turn.unscoped.get(chat=chat).pk)
            assert isinstance(claim, turns.Claim)
            assert turns.show(claim)
            assert turns.renew({claim: "It is the"}) == ({claim}, set())
            taken, answered = threads.race(
                after_a_moment(partial(desk.accept, chat, acme.operator)),
                after_a_moment(partial(conversation.answer, claim, "It is the blue one.")),
            )
            assert isinstance(taken, Chat), taken
            assert answered is None or isinstance(answered, Message), answered
            check_whole(chat)
            lines = list(Message.unscoped.filter(chat=chat).order_by("seq"))
            assert [line.role for line in lines] == ["user", "assistant", "system"]
            spoken, turn = lines[1], Turn.unscoped.get(chat=chat)
            if answered is None:
                outcomes["taken over first"] += 1
                assert (spoken.content, spoken.is_stopped) == ("It is the", True)
                assert turn.status == "stopped"
            else:
                outcomes["answered first"] += 1
                assert (spoken.content, spoken.is_stopped) == ("It is the blue one.", False)
                assert turn.status == "done"
            assert claim not in turns.renew({claim: "It is"})[0]
            assert turns.release(claim, "late", 0) is False
            chat.refresh_from_db()
            assert (chat.mode, chat.operator_id) == ("operator", acme.operator.pk)
    record_property("outcomes", dict(outcomes))


def test_worker_that_fails_at_a_takeover_revives_nothing(acme: House) -> None:
    with racers(2) as threads:
        for _ in range(RACES):
            chat = visitor.say(acme.visitor(), acme.visit, "Which one is it?", uuid.uuid4()).chat
            claim = turns.claim(Turn.unscoped.get(chat=chat).pk)
            assert isinstance(claim, turns.Claim)
            threads.race(
                after_a_moment(partial(desk.accept, chat, acme.operator)),
                after_a_moment(partial(turns.release, claim, "ai_unavailable", 0)),
            )
            check_whole(chat)
            assert Turn.unscoped.get(chat=chat).status == "stopped"
            assert turns.claim(claim.turn_id) is None


def test_two_operators_accept_and_one_holds(acme: House) -> None:
    winners: Counter[int] = Counter()
    with racers(2) as threads:
        for _ in range(RACES):
            chat = visitor.say(acme.visitor(), acme.visit, "Hello", uuid.uuid4()).chat
            both = [acme.operator, acme.owner]
            results = threads.race(*[partial(desk.accept, chat, member) for member in both])
            check_whole(chat)
            chat.refresh_from_db()
            lost = [result for result in results if isinstance(result, desk.AlreadyTaken)]
            won = [result for result in results if isinstance(result, Chat)]
            assert (len(lost), len(won)) == (1, 1), results
            assert chat.operator is not None
            assert won[0].operator_id == chat.operator_id
            assert chat.operator.name in str(lost[0].sentence)
            assert chat.messages.filter(event="joined").count() == 1
            assert chat.handoffs.count() == 1
            winners[chat.operator.pk] += 1
    assert sum(winners.values()) == RACES


def test_one_task_run_three_times_is_one_reply(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ScriptedModel()
    monkeypatch.setattr(ai, "chat_model", lambda name, fallback: model)
    chats = [
        visitor.say(acme.visitor(), acme.visit, "Which one is it?", uuid.uuid4()).chat
        for _ in range(RACES)
    ]

    turn_ids = list(Turn.unscoped.order_by("pk").values_list("pk", flat=True))

    async def answer_all() -> None:
        pipes = [DeltaPipe() for _ in range(3)]
        for turn_id in turn_ids:
            model.enqueue("The ", "blue ", "one.")
            await asyncio.gather(*(assistant.answer(turn_id, pipe) for pipe in pipes))
        for pipe in pipes:
            await pipe.aclose()

    asyncio.run(answer_all())
    assert len(model.requests) == RACES
    for chat in chats:
        check_whole(chat)
        turn = Turn.unscoped.get(chat=chat)
        assert (turn.status, turn.attempt, turn.failures) == ("done", 1, 0)
        assert chat.messages.get(role="assistant").content == "The blue one."


class Gated(ChatModel):
    """Stops at its gate in the first answer, before or after its first word; then runs freely."""

    name = "gated"

    def __init__(self, gate: asyncio.Event, speaks_first: bool) -> None:
        self.gate = gate
        self.speaks_first = speaks_first
        self.questions: list[str] = []

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """A word, the gate, and a word; or the gate first."""
        self.questions.append("\n".join(m.content for m in request.messages if m.role == "user"))
        if self.speaks_first:
            yield Delta(text="Yes", model=self.name)
        await self.gate.wait()
        yield Delta(text=" indeed." if self.speaks_first else "Yes indeed.", model=self.name)


def test_burst_while_answering_is_at_most_two_replies(
    acme: House,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    replies: Counter[int] = Counter()

    async def once() -> None:
        loop = asyncio.get_running_loop()
        model = Gated(asyncio.Event(), speaks_first=RANDOM.random() < 0.5)
        monkeypatch.setattr(ai, "chat_model", lambda name, fallback: model)
        pipe, person = DeltaPipe(), await loop.run_in_executor(None, acme.visitor)

        def say(text: str) -> Message:
            return visitor.say(person, acme.visit, text, uuid.uuid4())

        first = await loop.run_in_executor(None, say, "Question 0?")
        chat = first.chat

        def open_turns() -> list[int]:
            rows = Turn.unscoped.filter(chat=chat, status__in=["queued", "running"])
            return list(rows.values_list("pk", flat=True))

        async def burst() -> None:
            await asyncio.sleep(RANDOM.uniform(0, 0.02))
            texts = ["Question 1?", "Question 2?", "Question 3?"]
            if RANDOM.random() < 0.5:
                await asyncio.gather(*(loop.run_in_executor(None, say, text) for text in texts))
            else:
                for text in texts:
                    await loop.run_in_executor(None, say, text)
            model.gate.set()

        turn_ids = await loop.run_in_executor(None, open_turns)
        await asyncio.gather(assistant.answer(turn_ids[0], pipe), burst())
        for _ in range(10):
            turn_ids = await loop.run_in_executor(None, open_turns)
            if not turn_ids:
                break
            await assistant.answer(turn_ids[0], pipe)
        await pipe.aclose()
        await loop.run_in_executor(None, check, chat, model)

    def check(chat: Chat, model: Gated) -> None:
        check_whole(chat)
        chat.refresh_from_db()
        said = list(Turn.unscoped.filter(chat=chat, status="done").order_by("pk"))
        assert 1 <= len(said) <= 2, f"{len(said)} replies"
        covered = {n for turn in said for n in range(turn.from_seq, turn.upto_seq + 1)}
        asked = set(chat.messages.filter(role="user").values_list("seq", flat=True))
        assert len(asked) == 4
        assert asked <= covered, "a question was left unanswered"
        assert chat.messages.filter(role="assistant").count() == len(said)
        # And what was covered was read as well.
        read = "\n".join(model.questions)
        assert all(f"Question {number}?" in read for number in range(4))
        replies[len(said)] += 1

    async def all_of_them() -> None:
        for _ in range(RACES):
            await once()

    asyncio.run(all_of_them())
    record_property("replies", dict(replies))


def tab(token: str) -> Client:
    one = Client(VisitorConsumer.as_asgi(), "/ws/chat/")
    one.token = token
    return one


def test_one_message_resent_on_two_sockets_is_one_line(acme: House) -> None:
    async def scenario() -> None:
        for number in range(RACES):
            first, client_id = tab(f"{number:043d}"), str(uuid.uuid4())
            second = tab(first.token)
            for one in (first, second):
                await one.open()
                await one.register(acme.widget.key)
            for one in (first, second):
                await one.send("message", client_id=client_id, text="Once")
            acks = [await one.expect("message_saved") for one in (first, second)]
            assert acks[0] == acks[1]
            assert (acks[0]["seq"], acks[0]["client_id"]) == (1, client_id)
            await second.send("message", client_id=client_id, text="Twice")
            error = await second.expect("error")
            assert (error["code"], error["client_id"]) == ("client_id_reused", client_id)
            await asyncio.gather(first.close(), second.close())

    run(scenario)
    assert Visitor.unscoped.count() == Chat.unscoped.count() == RACES
    assert set(Message.unscoped.values_list("content", "seq")) == {("Once", 1)}
    assert Message.unscoped.count() == RACES


def test_two_tabs_that_begin_at_once_share_one_chat(acme: House) -> None:
    async def scenario() -> None:
        for number in range(RACES):
            first = tab(f"{number:043d}")
            both = [first, tab(first.token)]
            for one in both:
                await one.open()
                await one.register(acme.widget.key)
            for one in both:
                await one.send("message", client_id=uuid.uuid4(), text="Hello")
            acks = [await one.expect("message_saved") for one in both]
            assert sorted(ack["seq"] for ack in acks) == [1, 2]
            assert acks[0]["chat_id"] == acks[1]["chat_id"]
            # One click that two sockets carried, on "a new chat".
            client_id = str(uuid.uuid4())
            for one in both:
                await one.send("new_chat", client_id=client_id, name="Another")
            switched = [(await one.expect("chat_switched"))["chat"] for one in both]
            assert switched[0]["chat_id"] == switched[1]["chat_id"] != acks[0]["chat_id"]
            await asyncio.gather(*(one.close() for one in both))

    run(scenario)
    assert Visitor.unscoped.count() == Session.unscoped.count() == RACES
    assert Chat.unscoped.count() == 2 * RACES
    for chat in Chat.unscoped.all():
        check_whole(chat)
