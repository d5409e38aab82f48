"""What a client has made of every event is what a fresh look shows, whatever people did before.

Hypothesis walks over all verbs of visitors, assistant and operators, through real sockets and the
real database. `DELIVERY_RUNS=500` makes as many walks of 50 steps; `make test` makes a few.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from channels.layers import channel_layers
from django.db.models import F
from django.db.models.functions import Now
from django.test import override_settings
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import ai
from ai.interface import ToolUse
from ai.scripted import ScriptedModel
from chat import approvals, assistant, conversation, handoffs, protocol, results, turns
from chat.delivery import closing, events, socket
from chat.delivery.deltas import DeltaPipe
from chat.delivery.heartbeat import heart
from chat.management.commands.dispatch import dispatch_once
from chat.models import Chat, ChatResult, ContactRequest, Handoff, Message, ToolCall, Turn
from operators.tasks import expire_waiting
from organizations.models import Agent, Tool
from tests import transcript
from tests.conftest import build
from tests.kinds import offer
from tests.people import Console, Person, Tab
from tests.racing import check_whole

pytestmark = pytest.mark.django_db(transaction=True)

RUNS = int(os.environ.get("DELIVERY_RUNS", "6"))
STEPS = int(os.environ.get("DELIVERY_STEPS", "50"))
JS = Path(__file__).resolve().parent / "js" / "replay.mjs"
WORDS = [
    *("Hello", "How much is it?", "И сколько?", "🙂🙂", "I want to talk to a human please"),
    "You idiot",
]


@pytest.fixture(autouse=True)
def quick_and_unlimited(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The limits of how many have tests of their own."""
    monkeypatch.setattr(socket, "BURST", 10**9)
    monkeypatch.setattr("chat.consumers.TYPING_EVERY", 0.0)
    monkeypatch.setattr("operators.consumers.TYPING_EVERY", 0.0)
    monkeypatch.setattr("operators.consumers.RELOAD_SECONDS", 0.01)
    model = ScriptedModel()
    monkeypatch.setattr(ai, "chat_model", lambda name, fallback: model)
    monkeypatch.setattr(Walk, "model", model, raising=False)
    with override_settings(MESSAGES_PER_MINUTE=10**9, PING_SECONDS=3600.0):
        yield


@dataclass
class Work:
    """A worker's attempt, which may be void without its knowing."""

    claim: turns.Claim
    chat_id: uuid.UUID
    epoch: int
    text: str = ""
    is_shown: bool = False


tabs = st.integers(0, 2)
consoles = st.integers(0, 1)
which = st.integers(0, 5)
hurry = st.booleans()


class Walk(RuleBasedStateMachine):
    """Two tabs of Anna, one of Boris, two consoles, any number of workers; and Redis forgets."""

    model: ClassVar[ScriptedModel]
    heard: ClassVar[set[str]] = set()
    # Every client's frames and what it made of them, for the reducer in JavaScript.
    logs: ClassVar[list[tuple[list[Any], transcript.State]]] = []
    walks: ClassVar[int] = 0
    compared: ClassVar[int] = 0
    steps: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.people: list[Person] = []

    def do(self, work: Awaitable[Any]) -> Any:
        """Let the loop, and with it every socket, run until this is done."""

        async def main() -> Any:
            return await work

        return self.runner.run(main())

    @initialize()
    def open(self) -> None:
        """An organization of its own for every walk."""
        Walk.walks += 1
        self.house = build(f"walk-{uuid.uuid4().hex[:12]}")
        # Nobody is there to be asked: what is confirmed fails, which is told like a success.
        self.tool = Tool.unscoped.create(
            organization=self.house.organization,
            name="book",
            label="Book a table",
            url="https://nowhere.invalid/",
            method="POST",
            is_changing=True,
        )
        Agent.objects.of(self.house.organization).update(tools=[self.tool.pk])
        self.works: list[Work] = []
        # Begun by a text, and by the model.
        self.kinds = [offer(self.house, "ticket"), offer(self.house, "plan")]
        anna, boris = uuid.uuid4().hex * 2, uuid.uuid4().hex * 2
        self.tabs = [Tab(self.house, token) for token in (anna, anna, boris)]
        members = [self.house.operator, self.house.owner]
        self.consoles = [Console(self.house, member) for member in members]
        self.people = [*self.tabs, *self.consoles]
        for person in self.people:
            self.do(person.arrive())
        self.settle(False)

    @invariant()
    def count(self) -> None:
        """Called after every step."""
        Walk.steps["all"] += 1

    def settle(self, hurry: bool) -> None:
        """Let everyone hear everything, unless somebody is in a hurry to do more before."""
        if hurry:
            return

        async def all_of_them() -> None:
            for person in self.people:
                await person.settle()

        self.do(all_of_them())

    def chats(self) -> list[Chat]:
        rows = Chat.objects.of(self.house.organization).select_related("organization")
        return list(rows.order_by("pk"))

    # --- visitors ---------------------------------------------------------------------------

    @rule(tab=tabs, text=st.sampled_from(WORDS), hurry=hurry, twice=st.booleans())
    def say(self, tab: int, text: str, hurry: bool, twice: bool) -> None:
        own = self.tabs[tab]
        frame = own.say(text)
        for _time in range(2 if twice else 1):
            self.do(own.send("message", **frame))
        self.settle(hurry)

    @rule(tab=tabs, hurry=hurry)
    def ask_for_a_person(self, tab: int, hurry: bool) -> None:
        self.do(self.tabs[tab].send("request_support"))
        self.settle(hurry)

    @rule(
        tab=tabs,
        command=st.sampled_from(
            [
                *("cancel_support", "stop", "end_chat", "get_user_chats", "typing"),
                *("get_memory", "forget_memory"),
            ]
        ),
        hurry=hurry,
    )
    def command(self, tab: int, command: str, hurry: bool) -> None:
        self.do(self.tabs[tab].send(command))
        self.settle(hurry)

    @rule(tab=tabs, which=which, helpful=st.booleans(), hurry=hurry)
    def judge(self, tab: int, which: int, helpful: bool, hurry: bool) -> None:
        own = self.tabs[tab]
        lines = [line["seq"] for line in own.state["lines"] if line["role"] == "assistant"]
        seq = lines[which % len(lines)] if lines else which + 1
        self.do(own.send("feedback", seq=seq, helpful=helpful))
        self.settle(hurry)

    @rule(tab=tabs, rating=st.integers(1, 5), hurry=hurry)
    def rate(self, tab: int, rating: int, hurry: bool) -> None:
        self.do(self.tabs[tab].send("rate", rating=rating))
        self.settle(hurry)

    @rule(tab=tabs, hurry=hurry)
    def look_at_a_page(self, tab: int, hurry: bool) -> None:
        self.do(self.tabs[tab].send("page", url="https://a.example/", context={"price": 10}))
        self.settle(hurry)

    @rule(tab=tabs, hurry=hurry)
    def leave_contact(self, tab: int, hurry: bool) -> None:
        form = {"name": "Anna", "email": "anna@example.com", "text": "Call me"}
        self.do(self.tabs[tab].send("leave_contact", client_id=uuid.uuid4(), **form))
        self.settle(hurry)

    @rule(tab=tabs)
    def open_another_chat(self, tab: int) -> None:
        self.do(self.tabs[tab].send("new_chat", client_id=uuid.uuid4(), name="Another"))
        self.settle(False)

    @rule(tab=tabs, which=which)
    def open_a_chat_of_a_type(self, tab: int, which: int) -> None:
        slug = self.kinds[which % len(self.kinds)].slug
        self.do(self.tabs[tab].send("new_chat", client_id=uuid.uuid4(), kind=slug))
        self.settle(False)

    @rule(tab=tabs, hurry=hurry)
    def finish(self, tab: int, hurry: bool) -> None:
        self.do(self.tabs[tab].send("finish"))
        self.settle(hurry)

    @rule(tab=tabs, which=which)
    def switch(self, tab: int, which: int) -> None:
        if chats := self.chats():
            chat = chats[which % len(chats)]
            self.do(self.tabs[tab].send("switch_chat", chat_id=chat.chat_id))
            self.settle(False)

    # --- operators --------------------------------------------------------------------------

    def some_chat(self, console: int, which: int) -> Chat | None:
        """Mostly the watched one."""
        chats, watched = self.chats(), self.consoles[console].state["chatId"]
        if which and watched:
            return next(chat for chat in chats if str(chat.chat_id) == watched)
        return chats[which % len(chats)] if chats else None

    @rule(console=consoles, which=which)
    def watch(self, console: int, which: int) -> None:
        if chats := self.chats():
            chat = chats[which % len(chats)]
            own = self.consoles[console]
            last_seq = own.state["lastSeq"] if own.state["chatId"] == str(chat.chat_id) else 0
            self.do(own.send("watch", chat_id=chat.chat_id, last_seq=last_seq))
            self.settle(False)

    @rule(
        console=consoles,
        which=which,
        command=st.sampled_from(
            [*["join_support_chat"] * 3, "hand_back", "close_chat", "typing", "transfer"]
        ),
        hurry=hurry,
    )
    def work_at_the_desk(self, console: int, which: int, command: str, hurry: bool) -> None:
        if chat := self.some_chat(console, which):
            other = self.consoles[1 - console].member.pk
            more = {"member_id": other} if command == "transfer" else {}
            self.do(self.consoles[console].send(command, chat_id=chat.chat_id, **more))
            self.settle(hurry)

    @rule(
        console=consoles,
        which=which,
        command=st.sampled_from(["message", "message", "note"]),
        hurry=hurry,
    )
    def write(self, console: int, which: int, command: str, hurry: bool) -> None:
        if chat := self.some_chat(console, which):
            fields = {"client_id": uuid.uuid4(), "text": "It costs **ten**."}
            self.do(self.consoles[console].send(command, chat_id=chat.chat_id, **fields))
            self.settle(hurry)

    @rule(console=consoles, which=which)
    def learn(self, console: int, which: int) -> None:
        spoken = Message.objects.of(self.house.organization).filter(role="operator").order_by("pk")
        if lines := list(spoken.select_related("chat")):
            line = lines[which % len(lines)]
            person = self.consoles[console]
            self.do(person.send("learn", chat_id=line.chat.chat_id, seq=line.seq))
            self.settle(False)

    @rule(console=consoles, which=which, hurry=hurry)
    def reveal(self, console: int, which: int, hurry: bool) -> None:
        hidden = Message.objects.of(self.house.organization).exclude(original="").order_by("pk")
        if lines := list(hidden.select_related("chat")):
            line = lines[which % len(lines)]
            person = self.consoles[console]
            self.do(person.send("reveal", chat_id=line.chat.chat_id, seq=line.seq))
            self.settle(hurry)

    @rule(console=consoles, which=which, hurry=hurry)
    def unmute(self, console: int, which: int, hurry: bool) -> None:
        if chat := self.some_chat(console, which):
            self.do(self.consoles[console].send("unmute", chat_id=chat.chat_id))
            self.settle(hurry)

    @rule(console=consoles, which=which, hurry=hurry)
    def have_it_answered_anew(self, console: int, which: int, hurry: bool) -> None:
        if chat := self.some_chat(console, which):
            last = Message.unscoped.filter(chat=chat, role="assistant").last()
            frame = {"chat_id": chat.chat_id, "seq": last.seq if last else 1}
            self.do(self.consoles[console].send("regenerate", **frame))
            self.settle(hurry)

    @rule(which=which, hurry=hurry)
    def sum_up(self, which: int, hurry: bool) -> None:
        open_ones = Handoff.objects.of(self.house.organization).filter(ended_at=None)
        if waiting := list(open_ones.order_by("pk")):
            self.model._scripts.clear()
            self.model.enqueue("WANTS: a price\nSAID: nothing\nTRIED: nothing")
            self.do(handoffs.write(waiting[which % len(waiting)].pk))
            self.settle(hurry)

    @rule(console=consoles, which=which, hurry=hurry)
    def finish_at_the_desk(self, console: int, which: int, hurry: bool) -> None:
        if chat := self.some_chat(console, which):
            self.do(self.consoles[console].send("finish", chat_id=chat.chat_id))
            self.settle(hurry)

    @rule(console=consoles, status=st.sampled_from(["online", "away"]))
    def say_presence(self, console: int, status: str) -> None:
        self.do(self.consoles[console].send("presence", status=status))
        self.settle(False)

    @rule(console=consoles)
    def handle_contact(self, console: int) -> None:
        if contact := ContactRequest.objects.of(self.house.organization).last():
            self.do(self.consoles[console].send("handle_contact", contact_id=contact.pk))
            self.settle(False)

    # --- the assistant ----------------------------------------------------------------------

    def open_turns(self) -> list[Turn]:
        rows = Turn.objects.of(self.house.organization).select_related("chat").order_by("pk")
        return list(rows.filter(status__in=["queued", "running"]))

    @rule(which=which)
    def answer_wholly(self, which: int) -> None:
        if waiting := self.open_turns():
            turn = waiting[which % len(waiting)]

            async def work() -> None:
                pipe = DeltaPipe()
                await assistant.answer(turn.pk, pipe)
                await pipe.aclose()

            self.model._scripts.clear()
            self.model.enqueue("By ", "card ", "or in cash.")
            self.do(work())
            self.settle(False)

    @rule(which=which)
    def propose_a_change(self, which: int) -> None:
        """Answer with a call that waits for a person."""
        if waiting := self.open_turns():
            turn = waiting[which % len(waiting)]

            async def work() -> None:
                pipe = DeltaPipe()
                await assistant.answer(turn.pk, pipe)
                await pipe.aclose()

            self.model._scripts.clear()
            self.model.enqueue((ToolUse("call", "book", "{}"),))
            self.model.enqueue("A colleague ", "must confirm.")
            self.do(work())
            self.settle(False)

    def asked_calls(self, *statuses: str) -> list[ToolCall]:
        rows = ToolCall.objects.of(self.house.organization).filter(status__in=statuses)
        return list(rows.order_by("pk"))

    @rule(console=consoles, which=which, approve=st.booleans(), hurry=hurry)
    def decide(self, console: int, which: int, approve: bool, hurry: bool) -> None:
        if pending := self.asked_calls("pending", "refused"):
            call = pending[which % len(pending)]
            person = self.consoles[console]
            self.do(person.send("decide_call", call_id=call.pk, approve=approve))
            self.settle(hurry)

    @rule(which=which, hurry=hurry)
    def make_the_call(self, which: int, hurry: bool) -> None:
        if approved := self.asked_calls("approved"):
            self.do(approvals.run(approved[which % len(approved)].pk))
            self.settle(hurry)

    @rule(which=which, hurry=hurry)
    def claim(self, which: int, hurry: bool) -> None:
        if waiting := self.open_turns():
            turn = waiting[which % len(waiting)]
            claim = turns.claim(turn.pk)
            if isinstance(claim, turns.Claim):
                self.works.append(Work(claim, turn.chat.chat_id, turn.epoch))
                typing = protocol.AITyping(chat_id=turn.chat.chat_id, turn=turn.pk)
                events.send(events.packed(typing, turn.chat.chat_id))
            self.settle(hurry)

    @precondition(lambda self: self.works)
    @rule(which=which, text=st.sampled_from(["Ten. ", "Сто ", "🙂", "and "]), hurry=hurry)
    def speak(self, which: int, text: str, hurry: bool) -> None:
        work = self.works[which % len(self.works)]
        if not work.is_shown and not turns.show(work.claim):
            self.works.remove(work)
            return
        work.is_shown = True
        delta = protocol.AIDelta(
            chat_id=work.chat_id,
            turn=work.claim.turn_id,
            attempt=work.claim.attempt,
            epoch=work.epoch,
            offset=len(work.text),
            text=text,
        )
        work.text += text
        events.send(events.packed(delta, work.chat_id))
        self.settle(hurry)

    @precondition(lambda self: self.works)
    @rule(which=which)
    def keep(self, which: int) -> None:
        work = self.works[which % len(self.works)]
        _kept, lost = turns.renew({work.claim: work.text})
        if lost:
            self.works.remove(work)

    @precondition(lambda self: self.works)
    @rule(which=which, end=st.sampled_from(["answer", "answer", "fail", "hand over"]), hurry=hurry)
    def end_work(self, which: int, end: str, hurry: bool) -> None:
        work = self.works.pop(which % len(self.works))
        if end == "answer":
            conversation.answer(work.claim, work.text + "That is all.")
        elif end == "fail":
            turns.release(work.claim, "ai_unavailable", 0)
        else:
            conversation.hand_over(work.claim, Handoff.Reason.NO_KNOWLEDGE)
        self.settle(hurry)

    @rule(which=which, end=st.sampled_from(["keep", "keep", "fail", "release"]), hurry=hurry)
    def make_a_result(self, which: int, end: str, hurry: bool) -> None:
        rows = ChatResult.objects.of(self.house.organization).order_by("pk")
        waiting = list(rows.filter(status__in=["queued", "running"]))
        if waiting and (claim := results.claim(waiting[which % len(waiting)].pk)):
            if end == "keep":
                results.keep(claim, {"subject": "It is broken", "goal": "Tatar"})
            elif end == "fail":
                results.fail(claim, "result_invalid")
            else:
                results.release(claim, "ai_unavailable", 0)
            self.settle(hurry)

    @rule()
    def leases_run_out(self) -> None:
        """Every worker is taken for dead; those that are not go on for a while."""
        making = ChatResult.objects.of(self.house.organization).filter(status="running")
        making.update(lease_until=Now() - timedelta(seconds=1))
        running = Turn.objects.of(self.house.organization).filter(status="running")
        running.update(lease_until=Now() - timedelta(seconds=1))

    @rule(hurry=hurry)
    def sweep(self, hurry: bool) -> None:
        dispatch_once()
        self.settle(hurry)

    @rule(hurry=hurry)
    def nobody_comes(self, hurry: bool) -> None:
        waiting = Handoff.objects.of(self.house.organization).filter(accepted_at=None)
        waiting.update(requested_at=F("requested_at") - timedelta(days=1))
        expire_waiting()
        self.settle(hurry)

    # --- the network ------------------------------------------------------------------------

    @rule(who=st.integers(0, 4))
    def lose_the_network(self, who: int) -> None:
        self.do(self.people[who].leave())

    @rule(who=st.integers(0, 4))
    def come_back(self, who: int) -> None:
        if self.people[who].client is None:
            self.do(self.people[who].arrive())
            self.settle(False)

    @rule(who=st.integers(0, 4), lost=st.integers(1, 6))
    def redis_forgets(self, who: int, lost: int) -> None:
        self.people[who].go_deaf(lost)

    @rule()
    def heartbeat(self) -> None:
        async def beat() -> None:
            await heart().beat()

        self.do(beat())
        self.settle(False)

    # --- what must be so --------------------------------------------------------------------

    @rule()
    def compare(self) -> None:
        """Everyone's picture is the one that a newcomer is shown."""
        for person in self.people:
            person.deaf_for = 0
            if person.client is None:
                self.do(person.arrive())
        self.settle(False)
        self.heartbeat()
        for person in self.people:
            self.do(self.compare_one(person))
        for chat in self.chats():
            check_whole_but_handed_over(chat)

    async def compare_one(self, person: Person) -> None:
        state = person.state
        assert [own for own in state["pending"] if own["status"] == "sending"] == []
        assert state["early"] == {}
        if state["chatId"] is None:
            return
        other: Person
        if isinstance(person, Tab):
            other = Tab(self.house, person.token)
        else:
            assert isinstance(person, Console)
            other = Console(self.house, person.member)
        # All that a newcomer knows is the name of the chat.
        other.state = transcript.empty() | {"chatId": state["chatId"]}
        await other.arrive()
        await other.settle()
        await other.leave()
        # A client would ask again; on a starved machine this tells why its picture is empty.
        assert "unavailable" not in {frame.get("code") for frame in other.log}
        Walk.compared += 1
        Walk.heard |= other.heard
        seen, fresh = state, other.state
        # Not the name, which is shown in lists only, and these are asked for anew.
        keys = ["chatId", "mode", "epoch", "lastSeq", "operator", "kind"]
        if not person.may_miss_hints:
            # A visitor's place in the queue is told to that visitor.
            keys += ["rating", "results"]
            keys += ["place"] if isinstance(person, Tab) else []
        assert {key: seen[key] for key in keys} == {key: fresh[key] for key in keys}
        without = {"helpful"} if person.may_miss_judgements else set()
        assert lines(seen, without) == lines(fresh, without)
        if not fresh["isAnswering"] and not person.may_miss_hints:
            assert (seen["isAnswering"], seen["draft"]) == (False, None), "a ghost of an answer"

    def teardown(self) -> None:
        """Look once more, say goodbye, and close everything."""
        try:
            if self.people:
                self.compare()
                self.do(self.goodbye())
                for person in self.people:
                    Walk.heard |= person.heard
                    Walk.logs.append((person.log, person.state))
        finally:
            self.do(self.hang_up())
            self.runner.close()

    async def goodbye(self) -> None:
        """As when the server is stopped."""
        await socket.say_goodbye()
        for person in self.people:
            assert person.client
            assert await person.client.closed_with() == closing.RESTART
            assert person.client.seen[-1]["type"] == "bye"
            person.heard.add("bye")
            person.client = None

    async def hang_up(self) -> None:
        for person in self.people:
            await person.leave()
        await channel_layers["default"].flush()


def lines(state: transcript.State, without: set[str]) -> list[dict[str, Any]]:
    """The lines as they are shown."""
    return [
        {key: value for key, value in line.items() if key not in without} for line in state["lines"]
    ]


def check_whole_but_handed_over(chat: Chat) -> None:
    """As `check_whole`, but a turn may also end by giving the chat to people."""
    handed_over = Turn.unscoped.filter(chat=chat, status="done", message=None)
    assert handed_over.count() <= chat.handoffs.count()
    handed_over.update(status="stopped")
    check_whole(chat)


def walk(runs: int, steps: int) -> None:
    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            # A walk that fails is short enough to be read; shrinking it takes minutes.
            phases=[Phase.explicit, Phase.generate],
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def tour() -> None:
    """Everything once, in an order in which everything is possible."""
    one = Walk()
    one.open()
    one.say(0, "Hello", False, True)
    one.claim(0, False)
    one.watch(0, 0)
    one.speak(0, "Ten. ", False)
    one.keep(0)
    one.command(0, "typing", False)
    one.end_work(0, "answer", False)
    one.judge(0, 0, True, False)
    # Whole by itself: the words of a follow-up would go to the model first.
    one.say(0, "Please book a table for Anna this evening", False, False)
    one.propose_a_change(0)
    one.decide(1, 0, True, False)
    one.make_the_call(0, False)
    one.answer_wholly(0)
    one.say(0, "How much is it?", False, False)
    one.answer_wholly(0)
    one.have_it_answered_anew(0, 1, False)
    one.answer_wholly(0)
    for _time in range(3):
        one.say(0, "You idiot", False, False)
    one.reveal(0, 0, False)
    one.unmute(0, 1, False)
    one.answer_wholly(0)
    one.ask_for_a_person(0, False)
    one.sum_up(0, False)
    one.work_at_the_desk(0, 1, "join_support_chat", False)
    one.work_at_the_desk(0, 1, "typing", False)
    one.write(0, 1, "message", False)
    one.write(0, 1, "note", False)
    one.learn(0, 0)
    one.say_presence(1, "away")
    one.work_at_the_desk(0, 1, "hand_back", False)
    one.leave_contact(0, False)
    one.handle_contact(0)
    one.open_another_chat(0)
    one.switch(0, 0)
    one.open_a_chat_of_a_type(0, 0)
    one.say(0, "It is broken", False, False)
    one.finish(0, False)
    one.make_a_result(0, "keep", False)
    one.command(0, "get_user_chats", False)
    one.command(0, "get_memory", False)
    one.command(0, "forget_memory", False)
    one.command(2, "stop", False)
    one.lose_the_network(1)
    one.say(0, "И сколько?", False, False)
    one.come_back(1)
    one.redis_forgets(1, 2)
    one.say(0, "🙂🙂", False, False)
    one.heartbeat()
    one.command(0, "end_chat", False)
    one.rate(0, 5, False)
    one.teardown()


def test_replay_of_the_events_is_what_a_fresh_look_shows(
    record_property: Callable[[str, object], None],
) -> None:
    Walk.heard, Walk.logs, Walk.walks, Walk.compared = set(), [], 0, 0
    Walk.steps.clear()
    tour()
    walk(RUNS, STEPS)
    types = {event.model_fields["type"].default for event in protocol.EVENTS}
    assert types - Walk.heard == set(), "events that nothing here exercises"
    assert Walk.walks > RUNS
    record_property("walks", Walk.walks)
    record_property("steps", Walk.steps.total())
    record_property("pictures compared", Walk.compared)
    if program := shutil.which("node"):
        record_property("clients replayed in JavaScript", replay_in_javascript(program))


def replay_in_javascript(program: str) -> int:
    """Fold every client's frames with the reducer that browsers run; both must agree."""
    asked = json.dumps([log for log, _state in Walk.logs])
    done = subprocess.run(
        [program, str(JS)], input=asked, capture_output=True, text=True, check=True
    )
    for (_log, state), theirs in zip(Walk.logs, json.loads(done.stdout), strict=True):
        ours = json.loads(json.dumps(state))
        assert ours == theirs
    return len(Walk.logs)
