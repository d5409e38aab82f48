"""What an operator can do, through the verbs, on the real database."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from chat import turns, visitor, waiting
from chat.models import Chat, ContactRequest, Handoff, Message, Note, Turn
from chat.refusals import ChatClosed, Refused
from operators import desk, presence, queue
from operators.models import Availability
from operators.tasks import expire_waiting
from tests.conftest import House
from tests.test_chat_visitor import at_once

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def waiting_chat(acme: House) -> Chat:
    """A visitor of Acme who has asked for a person."""
    person = acme.visitor()
    visitor.say(person, acme.visit, "Hello", uuid.uuid4())
    return visitor.request_support(person, acme.visit, None, Handoff.Reason.ASKED)


def asked(turn: Turn) -> list[str]:
    """The visitor's lines that a turn answers."""
    lines = Message.unscoped.filter(chat=turn.chat, role="user")
    covered = lines.filter(seq__range=(turn.from_seq, turn.upto_seq))
    return list(covered.order_by("seq").values_list("content", flat=True))


def fresh(chat: Chat) -> Chat:
    return Chat.unscoped.select_related("operator", "organization").get(pk=chat.pk)


def test_operator_takes_a_waiting_chat(acme: House, waiting_chat: Chat) -> None:
    desk.accept(waiting_chat, acme.operator)
    chat = fresh(waiting_chat)
    assert (chat.mode, chat.operator, chat.epoch) == ("operator", acme.operator, 3)
    handoff = chat.handoffs.get()
    assert (handoff.operator, handoff.ended_at) == (acme.operator, None)
    assert handoff.accepted_at is not None
    assert chat.messages.latest("seq").event == "joined"


def test_second_operator_cannot_accept(acme: House, waiting_chat: Chat) -> None:
    others = [acme.member(f"operator-{number}") for number in range(6)]
    results = at_once(*[lambda m=m: desk.accept(waiting_chat, m) for m in others])
    refused = [result for result in results if isinstance(result, desk.AlreadyTaken)]
    assert len(refused) == 5
    chat = fresh(waiting_chat)
    assert chat.operator is not None
    assert all(chat.operator.name in str(error.sentence) for error in refused)
    assert Message.unscoped.filter(chat=chat, event="joined").count() == 1


def test_accepting_ones_own_chat_again_changes_nothing(acme: House, waiting_chat: Chat) -> None:
    desk.accept(waiting_chat, acme.operator)
    desk.accept(waiting_chat, acme.operator)
    assert fresh(waiting_chat).epoch == 3


def test_stepping_in_stops_the_assistant(acme: House) -> None:
    chat = visitor.say(acme.visitor(), acme.visit, "Hello", uuid.uuid4()).chat
    claim = turns.claim(Turn.unscoped.get().pk)
    assert isinstance(claim, turns.Claim)
    desk.accept(chat, acme.operator)
    assert not turns.show(claim)
    assert Turn.unscoped.get().status == "stopped"
    assert chat.handoffs.get().reason == "taken"


def test_reply_is_stored_once(acme: House, waiting_chat: Chat) -> None:
    desk.accept(waiting_chat, acme.operator)
    client_id = uuid.uuid4()
    first = desk.reply(waiting_chat, acme.operator, "Hello!", client_id)
    assert desk.reply(waiting_chat, acme.operator, "Hello!", client_id) == first
    assert (first.role, first.author) == ("operator", acme.operator)
    with pytest.raises(desk.ClientIdReused):
        desk.reply(waiting_chat, acme.operator, "Bye!", client_id)


def test_reply_sent_before_the_hand_back_is_still_acked_after_it(
    acme: House, waiting_chat: Chat
) -> None:
    desk.accept(waiting_chat, acme.operator)
    client_id = uuid.uuid4()
    first = desk.reply(waiting_chat, acme.operator, "Hello!", client_id)
    desk.hand_back(waiting_chat, acme.operator)
    assert desk.reply(waiting_chat, acme.operator, "Hello!", client_id) == first


def test_only_the_holder_replies(acme: House, waiting_chat: Chat) -> None:
    with pytest.raises(desk.NotYours):
        desk.reply(waiting_chat, acme.operator, "Hello!", uuid.uuid4())
    desk.accept(waiting_chat, acme.owner)
    with pytest.raises(desk.NotYours):
        desk.reply(waiting_chat, acme.operator, "Hello!", uuid.uuid4())


def test_handed_back_chat_is_the_assistants(acme: House, waiting_chat: Chat) -> None:
    desk.accept(waiting_chat, acme.operator)
    desk.reply(waiting_chat, acme.operator, "It costs ten.", uuid.uuid4())
    desk.hand_back(waiting_chat, acme.operator)
    chat = fresh(waiting_chat)
    assert (chat.mode, chat.operator) == ("ai", None)
    assert chat.handoffs.get().outcome == "handed_back"
    # Nothing old is answered again; the next question is.
    assert not Turn.unscoped.filter(status="queued").exists()
    person = chat.session.visitor
    assert person is not None
    visitor.say(person, acme.visit, "And two?", uuid.uuid4())
    assert asked(Turn.unscoped.get(status="queued")) == ["And two?"]


def test_question_nobody_answered_is_the_assistants_after_the_hand_back(
    acme: House, waiting_chat: Chat
) -> None:
    desk.accept(waiting_chat, acme.operator)
    person = waiting_chat.session.visitor
    assert person is not None
    visitor.say(person, acme.visit, "One?", uuid.uuid4())
    desk.reply(waiting_chat, acme.operator, "Ten.", uuid.uuid4())
    visitor.say(person, acme.visit, "Two?", uuid.uuid4())
    desk.hand_back(waiting_chat, acme.operator)
    assert asked(Turn.unscoped.get(status="queued")) == ["Two?"]


def test_transfer_goes_to_a_colleague_only(acme: House, globex: House, waiting_chat: Chat) -> None:
    desk.accept(waiting_chat, acme.operator)
    with pytest.raises(desk.UnknownMember):
        desk.transfer(waiting_chat, acme.operator, globex.operator)
    desk.transfer(waiting_chat, acme.operator, acme.owner)
    assert fresh(waiting_chat).operator == acme.owner
    with pytest.raises(desk.NotYours):
        desk.reply(waiting_chat, acme.operator, "Hello!", uuid.uuid4())


def test_note_is_no_line_of_the_chat(acme: House, waiting_chat: Chat) -> None:
    before = fresh(waiting_chat).seq
    client_id = uuid.uuid4()
    for _ in range(2):
        desk.add_note(waiting_chat, acme.operator, "A regular guest", client_id)
    assert Note.unscoped.count() == 1
    assert fresh(waiting_chat).seq == before


def test_closed_chat_stays_closed(acme: House, waiting_chat: Chat) -> None:
    desk.accept(waiting_chat, acme.operator)
    desk.close(waiting_chat, acme.operator)
    desk.close(waiting_chat, acme.operator)
    chat = fresh(waiting_chat)
    assert (chat.mode, chat.handoffs.get().outcome) == ("closed", "answered")
    with pytest.raises(ChatClosed):
        desk.accept(waiting_chat, acme.operator)
    with pytest.raises(ChatClosed):
        desk.reply(waiting_chat, acme.operator, "Hello!", uuid.uuid4())


def test_outsider_can_do_nothing(acme: House, globex: House, waiting_chat: Chat) -> None:
    stranger = globex.operator
    with pytest.raises(desk.UnknownChat):
        desk.find(stranger, waiting_chat.chat_id)
    attempts: list[Callable[[], object]] = [
        lambda: desk.accept(waiting_chat, stranger),
        lambda: desk.reply(waiting_chat, stranger, "Hi", uuid.uuid4()),
        lambda: desk.add_note(waiting_chat, stranger, "Hi", uuid.uuid4()),
        lambda: desk.hand_back(waiting_chat, stranger),
        lambda: desk.transfer(waiting_chat, stranger, stranger),
        lambda: desk.close(waiting_chat, stranger),
    ]
    before = fresh(waiting_chat).seq
    for attempt in attempts:
        with pytest.raises(desk.UnknownChat):
            attempt()
    assert fresh(waiting_chat).seq == before


def test_nobody_in_time_offers_the_form(acme: House, waiting_chat: Chat) -> None:
    assert expire_waiting() == 0
    late = timedelta(minutes=acme.widget.support_timeout, seconds=1)
    Handoff.unscoped.update(requested_at=F("requested_at") - late)
    assert expire_waiting() == 1
    assert expire_waiting() == 0
    chat = fresh(waiting_chat)
    assert (chat.mode, chat.handoffs.get().outcome) == ("ai", "unanswered")
    assert chat.messages.latest("seq").event == "unanswered"


def test_contact_request_is_done_once_and_by_own_people(acme: House, globex: House) -> None:
    contact, _chat = visitor.leave_contact(
        acme.visitor(), acme.visit, None, uuid.uuid4(), "Anna", "anna@example.com", "Call me"
    )
    with pytest.raises(Refused):
        desk.handle_contact(globex.operator, contact.pk)
    desk.handle_contact(acme.operator, contact.pk)
    done = ContactRequest.unscoped.get()
    assert done.handled_by == acme.operator
    desk.handle_contact(acme.owner, contact.pk)
    assert ContactRequest.unscoped.get().handled_by == acme.operator


def test_places_in_the_queue_move_up(acme: House) -> None:
    chats = [
        visitor.request_support(acme.visitor(), acme.visit, None, Handoff.Reason.ASKED)
        for _ in range(3)
    ]

    def places() -> list[int]:
        return [waiting.place(handoff) for handoff in waiting.open_handoffs(acme.organization)]

    assert places() == [1, 2, 3]
    desk.accept(chats[0], acme.operator)
    assert places() == [1, 2]


def test_wait_is_told_only_when_it_is_known(acme: House) -> None:
    for number in range(waiting.FEWEST_WAITS):
        assert waiting.typical_wait(acme.organization) is None
        chat = visitor.request_support(acme.visitor(), acme.visit, None, Handoff.Reason.ASKED)
        desk.accept(chat, acme.operator)
        Handoff.unscoped.filter(chat=chat).update(
            requested_at=F("accepted_at") - timedelta(minutes=number + 1)
        )
    assert waiting.typical_wait(acme.organization) == pytest.approx(120)


def test_somebody_is_online_while_a_console_is_heard(acme: House) -> None:
    assert not waiting.is_anybody_online(acme.organization)
    presence.hear(acme.operator)
    assert waiting.is_anybody_online(acme.organization)
    presence.say(acme.operator, Availability.Status.AWAY)
    assert not waiting.is_anybody_online(acme.organization)
    presence.say(acme.operator, Availability.Status.ONLINE)
    Availability.unscoped.update(seen_at=F("seen_at") - timedelta(seconds=61))
    assert not waiting.is_anybody_online(acme.organization)
    statuses = {one.name: one.status for one in presence.colleagues(acme.organization)}
    assert set(statuses.values()) == {"offline"}


def test_queue_is_read_in_a_fixed_number_of_queries(acme: House) -> None:
    def ask(count: int) -> int:
        for _ in range(count):
            visitor.request_support(acme.visitor(), acme.visit, None, Handoff.Reason.ASKED)
        connection.queries_log.clear()
        connection.force_debug_cursor = True
        try:
            desk_now = queue.load(acme.organization)
            assert len(desk_now.waiting) >= count
            return len(connection.queries)
        finally:
            connection.force_debug_cursor = False

    assert ask(1) == ask(5)
