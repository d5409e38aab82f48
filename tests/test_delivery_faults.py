"""What a fault may not do: kill a socket, a heartbeat or a turn that it has nothing to do with."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest
import redis
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now
from django.test import override_settings
from django.utils import timezone

import ai
from ai.scripted import ScriptedModel
from chat import conversation, identity, protocol, snapshots, turns, visitor
from chat.consumers import VisitorConsumer
from chat.delivery import closing, events, heartbeat, socket
from chat.delivery.slow import MAX_WAITING_FRAMES, Outgoing
from chat.management.commands.dispatch import dispatch_once
from chat.models import Chat, Handoff, Message, Session, Turn, Visitor
from operators import presence, queue
from organizations.models import Member, User
from tests.answering import answer
from tests.conftest import House
from tests.test_isolation_sockets import operator_client
from tests.wire import Client, run
from webassistant.security import SameOrigin

pytestmark = pytest.mark.django_db(transaction=True)

SECONDS = 10


def client(**headers: str) -> Client:
    return Client(SameOrigin(VisitorConsumer.as_asgi()), "/ws/chat/", **headers)


def wait_until(condition: Callable[[], bool]) -> None:
    """Poll until it is so; fails after a while."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


def is_somebody_waiting_for_a_row() -> bool:
    """Whether a connection of this database waits for another one's row."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


@contextmanager
def in_thread(work: Callable[[], Any]) -> Iterator[list[Any]]:
    """Run `work` beside the block; its result is in the list when the block has ended."""
    results: list[Any] = []

    def run_it() -> None:
        try:
            results.append(work())
        finally:
            connection.close()

    thread = threading.Thread(target=run_it)
    thread.start()
    try:
        yield results
    finally:
        thread.join(SECONDS)
        assert not thread.is_alive()


def claimed(house: House) -> tuple[Chat, turns.Claim]:
    """A chat of this house whose answer a worker has begun."""
    chat = visitor.say(house.visitor(), house.visit, "Which one is it?", uuid.uuid4()).chat
    claim = turns.claim(Turn.unscoped.get(chat=chat).pk)
    assert isinstance(claim, turns.Claim)
    return chat, claim


# --- turns --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "late",
    [
        pytest.param(lambda claim: turns.release(claim, "late", 0), id="release"),
        pytest.param(turns.show, id="show"),
        pytest.param(lambda claim: turns.record(claim, error="late"), id="record"),
    ],
)
def test_worker_that_waited_for_a_takeover_finds_its_turn_over(
    acme: House, late: Callable[[turns.Claim], bool]
) -> None:
    chat, claim = claimed(acme)
    with ExitStack() as beside, transaction.atomic():
        conversation.change_mode(
            conversation.lock(chat),
            Message.Event.JOINED,
            actor="member",
            operator=acme.operator,
        )
        before = Turn.unscoped.values().get(pk=claim.turn_id)
        results = beside.enter_context(in_thread(lambda: late(claim)))
        wait_until(is_somebody_waiting_for_a_row)
    assert results == [False]
    assert Turn.unscoped.values().get(pk=claim.turn_id) == before


def test_no_worker_claims_a_turn_that_is_about_to_cover_more(acme: House) -> None:
    person, turn = often_widened(acme)
    with ExitStack() as beside, transaction.atomic():
        visitor.say(person, acme.visit, "Four?", uuid.uuid4())
        results = beside.enter_context(in_thread(lambda: turns.claim(turn.pk)))
        wait_until(is_somebody_waiting_for_a_row)
    turn.refresh_from_db()
    assert isinstance(results[0], turns.Claim)
    assert (turn.from_seq, turn.upto_seq) == (1, 4)


def test_message_that_waited_for_a_claim_is_not_covered_by_it(acme: House) -> None:
    person, turn = often_widened(acme)
    with ExitStack() as beside, transaction.atomic():
        claim = turns.claim(turn.pk)
        beside.enter_context(
            in_thread(lambda: visitor.say(person, acme.visit, "Four?", uuid.uuid4()))
        )
        wait_until(is_somebody_waiting_for_a_row)
    assert isinstance(claim, turns.Claim)
    turn.refresh_from_db()
    assert (turn.status, turn.upto_seq) == ("running", 3)
    assert conversation.answer(claim, "The first three.") is not None
    assert Turn.unscoped.get(status="queued").from_seq == 4


def test_answer_shown_in_the_moment_of_widening_goes_on(acme: House) -> None:
    chat, claim = claimed(acme)
    person = chat.session.visitor
    assert person is not None
    with ExitStack() as beside, transaction.atomic():
        assert turns.show(claim)
        beside.enter_context(
            in_thread(lambda: visitor.say(person, acme.visit, "The blue?", uuid.uuid4()))
        )
        wait_until(is_somebody_waiting_for_a_row)
    turn = Turn.unscoped.get()
    assert (turn.status, turn.attempt, turn.upto_seq) == ("running", claim.attempt, 1)
    assert turns.renew({claim: "It is"}) == ({claim}, set())


def often_widened(house: House) -> tuple[Visitor, Turn]:
    """A visitor who has written on and on, and the turn that waits."""
    person = house.visitor()
    for text in ("One?", "Two?", "Three?"):
        visitor.say(person, house.visit, text, uuid.uuid4())
    turn = Turn.unscoped.get()
    assert turn.widened == turns.MAX_WIDENED
    return person, turn


def test_message_from_nowhere_leaves_the_page_seen_meanwhile(acme: House) -> None:
    chat, _claim = claimed(acme)
    person = chat.session.visitor
    assert person is not None
    page = protocol.Page(url="https://shop.example/b", title="B", context={"price": 5})
    with ExitStack() as beside, transaction.atomic():
        visitor.look_at(chat, visitor.Visit(acme.widget, page, "en"))
        russian = visitor.Visit(acme.widget, protocol.Page(), "ru")
        beside.enter_context(
            in_thread(lambda: visitor.say(person, russian, "And this?", uuid.uuid4()))
        )
        wait_until(is_somebody_waiting_for_a_row)
    session = Session.unscoped.get()
    assert (session.page_url, session.page_title, session.page_context) == (
        page.url,
        page.title,
        page.context,
    )
    assert (session.title, session.language) == ("Which one is it?", "ru")


def test_three_dead_workers_are_three_attempts(acme: House) -> None:
    chat, _claim = claimed(acme)
    turn = Turn.unscoped.get()
    for _dead in range(turns.MAX_FAILURES - 1):
        Turn.unscoped.update(lease_until=Now() - timedelta(seconds=1))
        assert isinstance(turns.claim(turn.pk), turns.Claim)
    assert turns.exhausted() == []
    Turn.unscoped.update(lease_until=Now() - timedelta(seconds=1))
    assert turns.claim(turn.pk) is None
    dispatch_once()
    dispatch_once()
    chat.refresh_from_db()
    assert (chat.mode, Turn.unscoped.get().status) == ("waiting", "failed")
    assert chat.messages.filter(role="assistant").count() == 1


def test_doubled_task_of_an_exhausted_turn_goes_home(acme: House) -> None:
    _chat, claim = claimed(acme)
    Turn.unscoped.update(status="queued", failures=turns.MAX_FAILURES)
    assert turns.claim(claim.turn_id) is None


def test_question_asked_during_a_stopped_answer_is_answered(acme: House) -> None:
    chat, claim = claimed(acme)
    assert turns.show(claim)
    assert turns.renew({claim: "It is the"}) == ({claim}, set())
    person = chat.session.visitor
    assert person is not None
    visitor.say(person, acme.visit, "And how much?", uuid.uuid4())
    visitor.stop(person, chat)
    assert conversation.answer(claim, "It is the blue one.") is None
    turn = Turn.unscoped.get(status="queued")
    assert (turn.from_seq, turn.upto_seq) == (2, 2)
    assert chat.messages.get(role="assistant").content == "It is the"


def test_model_that_says_what_cannot_be_stored_is_still_heard(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ScriptedModel(["By\0 ca", "\ud83d", "rd."])
    monkeypatch.setattr(ai, "chat_model", lambda name, fallback: model)
    chat = visitor.say(acme.visitor(), acme.visit, "Which one is it?", uuid.uuid4()).chat
    answer()
    assert chat.messages.get(role="assistant").content == "By card."


# --- sockets ------------------------------------------------------------------------------------


def test_bug_in_a_handler_is_an_error_and_the_socket_stays(
    acme: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any) -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        one, client_id = client(), str(uuid.uuid4())
        await one.open()
        await one.register(acme.widget.key, language="en")
        with monkeypatch.context() as patch:
            patch.setattr(visitor, "say", broken)
            await one.send("message", client_id=client_id, text="Hello")
            error = await one.expect("error")
        assert (error["code"], error["client_id"]) == ("internal", client_id)
        assert error["message"] == "Something went wrong here. Try again."
        await one.send("message", client_id=client_id, text="Hello")
        await one.expect("message_saved", client_id=client_id)
        await one.close()

    run(scenario)
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("error", [OperationalError("gone"), redis.ConnectionError("gone")])
def test_missing_server_is_told_with_a_time_to_try_again(
    acme: House, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def away(*args: Any) -> None:
        raise error

    async def scenario() -> None:
        one, client_id = client(), str(uuid.uuid4())
        await one.open()
        await one.register(acme.widget.key)
        with monkeypatch.context() as patch:
            patch.setattr(visitor, "say", away)
            await one.send("message", client_id=client_id, text="Hello")
            told = await one.expect("error")
        assert (told["code"], told["client_id"]) == ("unavailable", client_id)
        assert told["retry_after"] == 2
        await one.send("message", client_id=client_id, text="Hello")
        await one.expect("message_saved", client_id=client_id)
        await one.close()

    run(scenario)


def test_socket_that_cannot_listen_acks_and_asks_to_come_back(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(group: str, channel: str) -> None:
        raise redis.ConnectionError

    async def scenario() -> None:
        one, client_id = client(), str(uuid.uuid4())
        await one.open()
        await one.register(acme.widget.key)
        monkeypatch.setattr(events, "subscribe", away)
        # The first message makes the chat, which is to be heard from then on.
        await one.send("message", client_id=client_id, text="Hello")
        await one.expect("message_saved", client_id=client_id)
        assert (await one.expect("error"))["code"] == "unavailable"
        assert await one.closed_with() == closing.AWAY

    run(scenario)
    assert Message.unscoped.count() == 1


def test_sockets_leave_no_listener_behind(acme: House, outsider: User) -> None:
    async def scenario() -> None:
        layer = get_channel_layer()
        console = operator_client(outsider)
        await console.open()
        await console.closed_with()
        one = client()
        await one.open()
        await one.register(acme.widget.key)
        await one.send("message", client_id=uuid.uuid4(), text="Hello")
        await one.expect("chat_restored")
        assert len(layer.listeners) == 1
        await one.close()
        assert layer.listeners == layer.channels == layer.groups == {}

    run(scenario)


@override_settings(PING_SECONDS=0.05)
def test_slow_socket_does_not_stop_the_others_heartbeat(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario() -> None:
        slow, quick = client(), client()
        for one in (slow, quick):
            await one.open()
            await one.register(acme.widget.key)
        await quick.expect("ping")
        laggard = next(s for s in VisitorConsumer.standing if _token(s) == slow.token)
        # As after a client has stopped reading: what is sent waits, and much waits already.
        laggard._outgoing = Outgoing()
        for _ in range(MAX_WAITING_FRAMES):
            laggard._outgoing.put("{}")
        await quick.expect("ping")
        await quick.expect("ping")
        assert await slow.closed_with() == closing.SLOW
        await quick.close()

    heartbeat._hearts.clear()
    run(scenario)


def _token(one: socket.Socket) -> str:
    assert isinstance(one, VisitorConsumer)
    return one.token


def test_broken_heartbeat_beats_again(
    acme: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    beats: list[Exception] = [OperationalError("gone"), ZeroDivisionError()]
    read = heartbeat.head_seqs

    def heads(chat_ids: set[uuid.UUID]) -> dict[uuid.UUID | None, int]:
        if beats:
            raise beats.pop()
        return read(chat_ids)

    async def scenario() -> None:
        one = client()
        await one.open()
        await one.register(acme.widget.key)
        await one.expect("ping")
        await one.close()

    monkeypatch.setattr(heartbeat, "head_seqs", heads)
    heartbeat._hearts.clear()
    with override_settings(PING_SECONDS=0.02):
        run(scenario)
    assert beats == []
    assert "ZeroDivisionError" in caplog.text


def test_console_outlives_a_short_absence_of_the_database(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures, heard = [OperationalError("gone")], asyncio.Event()
    note = presence.hear

    async def scenario() -> None:
        console = operator_client(acme.operator.user)
        await console.open()
        await console.expect("presence")
        loop = asyncio.get_running_loop()

        def hear(member: Member) -> object:
            if failures:
                raise failures.pop()
            loop.call_soon_threadsafe(heard.set)
            return note(member)

        monkeypatch.setattr(presence, "hear", hear)
        await asyncio.wait_for(heard.wait(), SECONDS)
        await console.close()

    monkeypatch.setattr(presence, "HEARD_EVERY", 0.02)
    run(scenario)


def test_console_whose_desk_cannot_be_read_comes_back(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any) -> None:
        raise OperationalError("gone")

    async def scenario() -> None:
        console = operator_client(acme.operator.user)
        await console.open()
        await console.expect("presence")
        monkeypatch.setattr(queue, "load", away)
        person = await sync_to_async(acme.visitor)()
        await sync_to_async(visitor.request_support)(person, acme.visit, None, Handoff.Reason.ASKED)
        assert (await console.expect("error"))["code"] == "unavailable"
        assert await console.closed_with() == closing.AWAY

    run(scenario)


def test_picture_of_a_chat_is_not_older_than_the_events_before_it(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = acme.visitor()
    take, done = snapshots.chat_state, threading.Event()

    async def scenario() -> None:
        one = client()
        await one.open()
        await one.register(acme.widget.key)
        await one.send("message", client_id=uuid.uuid4(), text="Which one is it?")
        await one.expect("chat_restored")
        claim = await sync_to_async(lambda: turns.claim(Turn.unscoped.get().pk))()
        assert isinstance(claim, turns.Claim)
        (listener,) = VisitorConsumer.standing

        def slowly(chat: Chat, last_seq: int = 0) -> protocol.ChatState:
            state = take(chat, last_seq)
            if not done.is_set():
                done.set()
                before = listener._events_heard
                assert conversation.answer(claim, "The blue one.") is not None
                wait_until(lambda: listener._events_heard > before)
            return state

        monkeypatch.setattr(snapshots, "chat_state", slowly)
        await one.send("restore_chat")
        await one.expect("ai_response")
        chat = (await one.expect("chat_restored"))["chat"]
        assert (chat["head_seq"], chat["is_answering"]) == (2, False)
        await one.close()

    assert person
    run(scenario)


# --- the last word ------------------------------------------------------------------------------


def test_unknown_widget_is_told_in_the_language_asked_for(acme: House) -> None:
    async def scenario() -> None:
        one = client()
        await one.open()
        await one.send("register", widget="nonsense", token=one.token, language="ru")
        error = await one.expect("error")
        assert (error["code"], error["message"]) == ("unknown_widget", "Такого виджета нет.")
        assert await one.closed_with() == closing.NOT_FOUND

    run(scenario)


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        ("en-GB,en;q=0.9", "Nothing was said on this connection, so it was closed."),
        ("tt, ru;q=0.5", "По этому соединению ничего не пришло, и оно закрыто."),
        ("", "По этому соединению ничего не пришло, и оно закрыто."),
    ],
)
def test_silent_socket_is_told_in_its_browsers_language(
    acme: House, monkeypatch: pytest.MonkeyPatch, header: str, sentence: str
) -> None:
    monkeypatch.setattr("chat.consumers.HELLO_SECONDS", 0.05)

    async def scenario() -> None:
        one = client(**{"accept-language": header})
        await one.open()
        error = await one.expect("error")
        assert (error["code"], error["message"]) == ("not_registered", sentence)
        assert await one.closed_with() == closing.LATE

    run(scenario)


def test_foreign_page_is_told_before_the_close(acme: House) -> None:
    async def scenario() -> None:
        one = client(origin="https://evil.example", **{"accept-language": "en"})
        await one.open()
        error = await one.receive()
        assert (error["code"], error["message"]) == (
            "wrong_origin",
            "This page may not open the chat.",
        )
        assert await one.closed_with() == closing.NOBODY

    run(scenario)


def test_outsider_is_told_before_the_close(outsider: User) -> None:
    async def scenario() -> None:
        console = operator_client(outsider)
        await console.open()
        assert (await console.receive())["code"] == "not_a_member"
        assert await console.closed_with() == closing.NOBODY

    run(scenario)


def test_flood_is_told_before_the_close(acme: House) -> None:
    async def scenario() -> None:
        one = client()
        await one.open()
        await one.register(acme.widget.key, language="en")
        for _ in range(socket.BURST + socket.PATIENCE + 5):
            await one.send("typing")
        assert await one.closed_with() == closing.FLOOD
        assert one.seen[-1]["code"] == "too_many_frames"
        assert one.seen[-1]["message"] == "Too much at once. Wait a little."

    run(scenario)


def test_every_final_close_has_a_sentence() -> None:
    finals = {closing.NOBODY, closing.NOT_FOUND, closing.LATE, closing.FLOOD}
    assert finals <= closing.FAREWELLS.keys()


def test_escaped_backslash_is_no_forbidden_character(acme: House) -> None:
    async def scenario() -> None:
        one = client()
        await one.open()
        await one.register(acme.widget.key)
        await one.send("message", client_id=uuid.uuid4(), text="what is \\u0000 for?")
        await one.expect("message_saved")
        await one.close()

    run(scenario)


def test_secret_changed_on_a_socket_is_counted_anew(acme: House) -> None:
    async def scenario() -> None:
        one = client()
        await one.open()
        await one.register(acme.widget.key)
        one.token = "n" * 43
        await one.register(acme.widget.key)
        assert list(VisitorConsumer._sockets) == [identity.token_hash(acme.organization, one.token)]
        await one.close()
        assert VisitorConsumer._sockets == {}

    run(scenario)


def test_one_lost_or_busy_turn_costs_the_others_no_lease(acme: House) -> None:
    claims = []
    for _ in range(3):
        visitor.say(acme.visitor(), acme.visit, "How much?", uuid.uuid4())
        claim = turns.claim(Turn.unscoped.latest("pk").pk)
        assert isinstance(claim, turns.Claim)
        claims.append(claim)
    kept, lost, busy = claims
    Turn.unscoped.filter(pk=lost.turn_id).update(attempt=lost.attempt + 1)
    Turn.unscoped.update(lease_until=timezone.now())
    with transaction.atomic():
        Turn.unscoped.select_for_update().get(pk=busy.turn_id)
        with ThreadPoolExecutor(1) as elsewhere:
            renewal = elsewhere.submit(_renew, dict.fromkeys(claims, "It is the"))
            assert renewal.result(10) == ({kept}, {lost})
    assert Turn.unscoped.filter(lease_until__gt=timezone.now()).get().pk == kept.turn_id
    assert turns.renew({busy: "It is the"}) == ({busy}, set())
    drafts = dict(Turn.unscoped.values_list("pk", "draft"))
    assert drafts == {kept.turn_id: "It is the", lost.turn_id: "", busy.turn_id: "It is the"}


def _renew(drafts: dict[turns.Claim, str]) -> tuple[set[turns.Claim], set[turns.Claim]]:
    try:
        return turns.renew(drafts)
    finally:
        connection.close()
