"""What a visitor can do, through the verbs, on the real database."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import F
from django.test import override_settings

from chat import identity, snapshots, visitor
from chat.models import Chat, ContactRequest, Customer, Handoff, Message, Session, Turn, Visitor
from chat.protocol import Page
from chat.refusals import Refused
from chat.visitor import Visit
from organizations.addresses import client_address

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Run the works in threads that start together; each result, or the exception."""

    def run(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_first_message_makes_visitor_session_and_chat(acme: Any) -> None:
    assert not Visitor.unscoped.exists()
    person = identity.introduce(acme.organization, "t" * 43, identity.Details(browser="Firefox"))
    message = visitor.say(person, acme.visit, "How do I pay?", uuid.uuid4())
    assert (message.seq, message.role, message.content) == (1, "user", "How do I pay?")
    session = message.chat.session
    assert (session.visitor, session.title, session.is_active) == (person, "How do I pay?", True)
    turn = Turn.unscoped.get(chat=message.chat)
    assert (turn.status, turn.from_seq, turn.upto_seq) == ("queued", 1, 1)


def test_resent_message_is_stored_once(acme: Any) -> None:
    person, client_id = acme.visitor(), uuid.uuid4()
    first = visitor.say(person, acme.visit, "Hello", client_id)
    again = visitor.say(person, acme.visit, "Hello", client_id)
    assert again.pk == first.pk
    assert Message.unscoped.count() == 1


@pytest.mark.parametrize(
    "age", [timedelta(seconds=31), timedelta(hours=2), timedelta(days=30)], ids=str
)
def test_late_resend_is_stored_once(acme: Any, age: timedelta) -> None:
    person, client_id = acme.visitor(), uuid.uuid4()
    first = visitor.say(person, acme.visit, "Hello", client_id)
    Message.unscoped.update(timestamp=F("timestamp") - age)
    assert visitor.say(person, acme.visit, "Hello", client_id).pk == first.pk
    assert Message.unscoped.count() == 1


def test_other_words_under_a_used_id_are_refused(acme: Any) -> None:
    person, client_id = acme.visitor(), uuid.uuid4()
    visitor.say(person, acme.visit, "Hello", client_id)
    with pytest.raises(Refused) as refused:
        visitor.say(person, acme.visit, "Good bye", client_id)
    assert refused.value.code == "client_id_reused"


def test_two_tabs_make_one_chat(acme: Any) -> None:
    person = acme.visitor()
    results = at_once(
        *[lambda: visitor.say(person, acme.visit, "Hello", uuid.uuid4()) for _ in range(8)]
    )
    assert Chat.unscoped.count() == Session.unscoped.count() == 1
    assert sorted(message.seq for message in results) == list(range(1, 9))


def test_two_sockets_with_one_secret_make_one_visitor(acme: Any) -> None:
    found = at_once(
        *[
            lambda: identity.introduce(acme.organization, "s" * 43, identity.Details())
            for _ in range(6)
        ]
    )
    assert len({person.pk for person in found}) == 1


def test_burst_becomes_one_turn(acme: Any) -> None:
    person = acme.visitor()
    for text in ("Hello", "How do I pay?", "By card?"):
        visitor.say(person, acme.visit, text, uuid.uuid4())
    turn = Turn.unscoped.get()
    assert (turn.from_seq, turn.upto_seq) == (1, 3)


@override_settings(MESSAGES_PER_MINUTE=5)
def test_limit_counts_across_chats_and_threads(acme: Any) -> None:
    person = acme.visitor()
    results = at_once(
        *[lambda: visitor.say(person, acme.visit, "Hello", uuid.uuid4()) for _ in range(10)]
    )
    refused = [result for result in results if isinstance(result, Refused)]
    assert len(refused) == 5
    assert {error.code for error in refused} == {"too_many_messages"}
    assert all(0 < (error.retry_after or 0) <= 60 for error in refused)
    Message.unscoped.update(timestamp=F("timestamp") - timedelta(seconds=61))
    assert visitor.say(person, acme.visit, "Hello", uuid.uuid4()).seq == 6


def test_closed_chat_takes_no_message(acme: Any) -> None:
    person = acme.visitor()
    chat = visitor.say(person, acme.visit, "Hello", uuid.uuid4()).chat
    visitor.end_chat(person, chat)
    with pytest.raises(Refused) as refused:
        visitor.say(person, acme.visit, "Again", uuid.uuid4(), chat.chat_id)
    assert refused.value.code == "chat_closed"
    fresh = visitor.say(person, acme.visit, "Again", uuid.uuid4())
    assert fresh.chat.pk != chat.pk


def test_another_visitors_chat_is_unknown(acme: Any) -> None:
    chat = visitor.say(acme.visitor(), acme.visit, "Hello", uuid.uuid4()).chat
    with pytest.raises(Refused) as refused:
        visitor.say(acme.visitor(), acme.visit, "Hi", uuid.uuid4(), chat.chat_id)
    assert refused.value.code == "unknown_chat"


def test_asking_for_a_person_twice_waits_once(acme: Any) -> None:
    person = acme.visitor()
    chat = visitor.request_support(person, acme.visit, None, Handoff.Reason.ASKED)
    again = visitor.request_support(person, acme.visit, None, Handoff.Reason.ASKED)
    assert again.pk == chat.pk
    chat.refresh_from_db()
    assert (chat.mode, chat.epoch, chat.seq) == ("waiting", 2, 1)
    assert chat.handoffs.count() == 1


def test_message_while_waiting_is_not_answered_by_the_assistant(acme: Any) -> None:
    person = acme.visitor()
    visitor.request_support(person, acme.visit, None, Handoff.Reason.ASKED)
    visitor.say(person, acme.visit, "Anybody?", uuid.uuid4())
    assert not Turn.unscoped.exists()


def test_taking_the_request_back_returns_to_the_assistant(acme: Any) -> None:
    person = acme.visitor()
    chat = visitor.request_support(person, acme.visit, None, Handoff.Reason.ASKED)
    visitor.cancel_support(person, chat)
    chat.refresh_from_db()
    assert chat.mode == "ai"
    assert chat.handoffs.get().outcome == "cancelled"


def test_person_cannot_be_asked_for_outside_hours(acme: Any) -> None:
    acme.widget.business_hours = {"mon": []}
    acme.widget.offline_message = "We are asleep."
    acme.widget.save()
    with pytest.raises(Refused) as refused:
        visitor.request_support(acme.visitor(), acme.visit, None, Handoff.Reason.ASKED)
    assert (refused.value.code, refused.value.sentence) == ("support_closed", "We are asleep.")


def test_contact_is_left_once(acme: Any) -> None:
    person, client_id = acme.visitor(), uuid.uuid4()
    for _ in range(2):
        visitor.leave_contact(
            person, acme.visit, None, client_id, "Anna", "anna@example.com", "Call me"
        )
    request = ContactRequest.unscoped.get()
    assert (request.name, request.email, request.text) == ("Anna", "anna@example.com", "Call me")
    assert "anna@example.com" in request.chat.messages.get(event="contact").content


def test_contact_needs_an_email(acme: Any) -> None:
    with pytest.raises(Refused) as refused:
        visitor.leave_contact(acme.visitor(), acme.visit, None, uuid.uuid4(), "A", "nobody", "Hi")
    assert refused.value.code == "bad_email"
    assert not Chat.unscoped.exists()


def test_stop_keeps_what_was_shown(acme: Any) -> None:
    person = acme.visitor()
    chat = visitor.say(person, acme.visit, "Hello", uuid.uuid4()).chat
    Turn.unscoped.update(status="running", draft="It costs", shown_at=chat.created_at)
    visitor.stop(person, chat)
    message = chat.messages.get(role="assistant")
    assert (message.content, message.is_stopped) == ("It costs", True)
    assert Turn.unscoped.get().status == "stopped"


@pytest.mark.parametrize(("draft", "cited"), [("It costs", ["Price"]), ("Hello!", [])])
def test_stopped_words_of_the_owner_cite_no_more_than_their_source(
    acme: Any, draft: str, cited: list[str]
) -> None:
    found = [
        {"title": "Dates", "quote": "When? On Sundays."},
        {"title": "Price", "quote": "How much? It costs 100."},
        {"title": "Discounts", "quote": "Cheaper? It costs 90."},
    ]
    person = acme.visitor()
    chat = visitor.say(person, acme.visit, "How much?", uuid.uuid4()).chat
    Turn.unscoped.update(status="running", draft=draft, sources=found, shown_at=chat.created_at)
    visitor.stop(person, chat)
    shown = [source["title"] for source in chat.messages.get(role="assistant").sources]
    assert shown == cited


def test_rating_and_judgement(acme: Any) -> None:
    person = acme.visitor()
    chat = visitor.say(person, acme.visit, "Hello", uuid.uuid4()).chat
    visitor.rate(chat, 4, "Good")
    assert Session.unscoped.get().satisfaction_rating == 4
    for rating in (0, 6):
        with pytest.raises(Refused):
            visitor.rate(chat, rating, "")
    with pytest.raises(Refused) as refused:
        visitor.judge(chat, 1, True)
    assert refused.value.code == "unknown_message"


def test_every_closed_chat_of_a_visit_asks_for_a_rating(acme: Any) -> None:
    def shown(chat: Chat) -> int | None:
        return snapshots.chat_state(Chat.unscoped.get(pk=chat.pk)).rating

    person = acme.visitor()
    first = visitor.say(person, acme.visit, "Hello", uuid.uuid4()).chat
    visitor.end_chat(person, first)
    assert shown(first) is None
    visitor.rate(first, 4, "Good")
    assert shown(first) == 4
    second = visitor.new_chat(person, acme.visit, uuid.uuid4(), "", "support")
    assert second.session == first.session
    visitor.end_chat(person, second)
    assert shown(second) is None
    visitor.rate(second, 2, "")
    assert shown(second) == 2


def test_chat_is_named_by_its_first_words_unless_it_has_a_name(acme: Any) -> None:
    person = acme.visitor()
    chat = visitor.say(person, acme.visit, "Where is\nmy order?", uuid.uuid4()).chat
    visitor.say(person, acme.visit, "And when?", uuid.uuid4(), chat.chat_id)
    named = visitor.new_chat(person, acme.visit, uuid.uuid4(), "Plans", "support")
    visitor.say(person, acme.visit, "Help me", uuid.uuid4(), named.chat_id)
    names = Chat.unscoped.order_by("pk").values_list("name", flat=True)
    assert list(names) == ["Where is my order?", "Plans"]


def test_visitor_becomes_customer_and_history_moves(acme: Any) -> None:
    person = acme.visitor()
    session = visitor.say(person, acme.visit, "Hello", uuid.uuid4()).chat.session
    customer = visitor.become_customer(person, email="Anna@example.com", name="Anna")
    session.refresh_from_db()
    assert session.customer == customer
    other = acme.visitor()
    assert visitor.become_customer(other, email="anna@EXAMPLE.com") == customer
    assert Customer.unscoped.count() == 1
    with pytest.raises(ValidationError):
        visitor.become_customer(acme.visitor(), email="nonsense")


def test_secret_is_stored_hashed_and_forgotten_when_unused(acme: Any) -> None:
    token = "x" * 43
    person = identity.introduce(acme.organization, token, identity.Details())
    assert token not in Visitor.unscoped.get().token_hash
    assert identity.find(acme.organization, token) == person
    Visitor.unscoped.update(last_visit=F("last_visit") - timedelta(days=31))
    assert identity.find(acme.organization, token) is None
    assert identity.introduce(acme.organization, token, identity.Details()) != person


@override_settings(NEW_VISITORS_PER_HOUR=2)
def test_new_visitors_of_one_network_are_limited(acme: Any) -> None:
    details = identity.Details(ip="203.0.113.0")
    for name in "ab":
        identity.introduce(acme.organization, name * 43, details)
    with pytest.raises(Refused) as refused:
        identity.introduce(acme.organization, "c" * 43, details)
    assert refused.value.code == "too_many_visitors"


@pytest.mark.parametrize(
    ("address", "short"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:aaaa:bbbb::1", "2001:db8:aaaa::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("nonsense", None),
    ],
)
def test_address_is_shortened(address: str, short: str | None) -> None:
    assert identity.shorten(address) == short


@override_settings(TRUSTED_PROXIES=["10.0.0.0/8"])
def test_forwarded_address_is_believed_from_our_proxy_only() -> None:
    assert client_address("10.0.0.1", "6.6.6.6, 203.0.113.9") == "203.0.113.9"
    assert client_address("203.0.113.9", "6.6.6.6") == "203.0.113.9"


def test_page_is_remembered(acme: Any) -> None:
    page = Page(url="https://acme.example/kazan", title="Kazan", context={"price": 3800})
    visit = Visit(acme.widget, page, "en")
    session = visitor.say(acme.visitor(), visit, "Price?", uuid.uuid4()).chat.session
    session.refresh_from_db()
    assert session.page_context == {"price": 3800}
