"""What owners and operators read of the chats: transcripts, people, requests, figures."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.urls import reverse

from chat import visitor
from chat.models import Chat, ContactRequest, Customer, Message, Note, Session, Turn, Visitor
from tests.conftest import House, client_of
from tests.rows import Rows, fill

HOSTILE = "<script>alert(1)</script> **not bold**"


@pytest.fixture
def rows(acme: House) -> Rows:
    """Acme with a row of every model."""
    return fill(acme)


def page_of(house: House, name: str, row: Any) -> str:
    """An admin page of a row, as the owner sees it."""
    text: str = client_of(house.owner).get(reverse(f"admin:chat_{name}_change", args=[row.pk])).text
    return text


def found(house: House, name: str, **query: str) -> list[Any]:
    """The rows that a list shows."""
    page = client_of(house.operator).get(reverse(f"admin:chat_{name}_changelist"), query)
    assert page.status_code == 200
    return list(page.context["cl"].queryset)


def test_a_transcript_reads_as_it_was_said(acme: House, rows: Rows) -> None:
    """Lines in their order, the note where it was written, sources, and the receipt."""
    chat: Chat = rows[Chat]
    Message.objects.of(acme.organization).filter(role="user").update(content="Where is it?")
    Message.objects.of(acme.organization).filter(role="assistant").update(
        content="In **Kazan**.",
        sources=[{"title": "Address", "quote": "Bauman Street"}],
        tokens_used=321,
        helpful=False,
    )
    Note.objects.of(acme.organization).update(content="A regular", after_seq=1)
    Turn.objects.of(acme.organization).update(
        model="fast-model",
        prompt_tokens=300,
        completion_tokens=21,
        cost="0.001234",
        timings={"total": 1870},
        sources=[{"title": "Address", "score": 0.8765}],
    )
    page = page_of(acme, "chat", chat)
    places = [
        page.index(words) for words in ("Where is it?", "A regular", "<strong>Kazan</strong>")
    ]
    assert places == sorted(places)
    for words in ("Bauman Street", "321", "fast-model", "0.001234", "1870", "0.88", "★★★★★"):
        assert words in page, words


def test_no_words_become_markup(acme: House, rows: Rows) -> None:
    """Of a visitor, of a model, of a page, of a browser."""
    organization = acme.organization
    Message.objects.of(organization).update(content=HOSTILE)
    Note.objects.of(organization).update(content=HOSTILE)
    Session.objects.of(organization).update(
        title=HOSTILE,
        page_url=HOSTILE,
        page_title=HOSTILE,
        rating_comment=HOSTILE,
        page_context={HOSTILE: HOSTILE},
    )
    Chat.objects.of(organization).update(name="", ai_context={"a": HOSTILE})
    Visitor.objects.of(organization).update(user_agent=HOSTILE, browser=HOSTILE)
    ContactRequest.objects.of(organization).update(name=HOSTILE, text=HOSTILE)
    Turn.objects.of(organization).update(error=HOSTILE, draft=HOSTILE, sources=[{"title": HOSTILE}])
    client = client_of(acme.owner)
    for model in (Chat, Session, Visitor, ContactRequest, Turn):
        name = model._meta.model_name
        for address in (
            reverse(f"admin:chat_{name}_changelist"),
            reverse(f"admin:chat_{name}_change", args=[rows[model].pk]),
        ):
            page = client.get(address)
            assert page.status_code == 200
            assert "<script>alert" not in page.text, address
    visitors_words = page_of(acme, "chat", rows[Chat])
    assert "**not bold**" in visitors_words


def test_chats_are_found_by_words_and_by_e_mail(acme: House, rows: Rows) -> None:
    """And each is shown once, however many of its lines match."""
    Message.objects.of(acme.organization).update(content="the balloon flight")
    assert found(acme, "chat", q="BALLOON") == [rows[Chat]]
    assert found(acme, "chat", q="acmeword@example.com") == [rows[Chat]]
    assert found(acme, "chat", q="submarine") == []


def test_chats_are_filtered(acme: House, rows: Rows) -> None:
    """By who holds them, the widget, the rating and the day."""
    key = {"session__widget__id__exact": str(acme.widget.pk)}
    for query in ({"mode__exact": "operator"}, key, {"session__satisfaction_rating": "5"}):
        assert found(acme, "chat", **query) == [rows[Chat]], query
    assert found(acme, "chat", mode__exact="waiting") == []
    assert found(acme, "chat", created_at__year="1999") == []


def test_every_page_has_its_search_and_filters(acme: House, rows: Rows) -> None:
    """Lists of conversations grow long."""
    client = client_of(acme.owner)
    for model in (Chat, Session, Visitor, Customer, Turn, ContactRequest):
        page = client.get(reverse(f"admin:chat_{model._meta.model_name}_changelist"), {"q": "word"})
        assert page.context["cl"].search_fields, model
        assert page.context["cl"].has_filters, model


def test_nobody_rewrites_a_dialogue(acme: House, rows: Rows) -> None:
    """Not even an owner."""
    client = client_of(acme.owner)
    for model in (Chat, Session, Turn):
        name = f"admin:chat_{model._meta.model_name}"
        assert client.get(reverse(f"{name}_add")).status_code == 403
        assert client.post(reverse(f"{name}_change", args=[rows[model].pk])).status_code == 403
        assert client.post(reverse(f"{name}_delete", args=[rows[model].pk])).status_code == 403


def test_a_visitor_is_turned_into_a_customer(acme: House) -> None:
    """By an operator, after the form, and the visits move along."""
    person = acme.visitor()
    visitor.say(person, acme.visit, "Hello", uuid.uuid4())
    client = client_of(acme.operator)
    address = reverse("admin:chat_visitor_turn_into_customer", args=[person.pk])
    assert client.get(address).status_code == 200
    empty = client.post(address, {})
    assert empty.context["form"].has_error("__all__", "empty")
    wrong = client.post(address, {"email": "nobody", "phone": "none"})
    assert set(wrong.context["form"].errors) == {"email", "phone"}
    response = client.post(address, {"email": "ann@example.com", "name": "Ann"})
    customer = Customer.objects.of(acme.organization).get(email="ann@example.com")
    assert response["Location"] == reverse("admin:chat_customer_change", args=[customer.pk])
    assert Session.objects.of(acme.organization).get().customer == customer
    assert "Hello" in page_of(acme, "customer", customer)


def test_two_customers_are_not_mixed_up(acme: House) -> None:
    """An e-mail of one with the user name of another is an error of the form."""
    person = acme.visitor()
    for name in ("ann", "bob"):
        Customer.unscoped.create(
            organization=acme.organization, username=name, email=f"{name}@example.com"
        )
    response = client_of(acme.operator).post(
        reverse("admin:chat_visitor_turn_into_customer", args=[person.pk]),
        {"email": "ann@example.com", "username": "bob"},
    )
    assert response.status_code == 200
    assert response.context["form"].non_field_errors()
    person.refresh_from_db()
    assert person.customer is None


def test_a_customer_is_unique_in_the_organization(acme: House, globex: House) -> None:
    """Whatever the letters' case; another organization may know the same person."""
    client = client_of(acme.owner)
    add = reverse("admin:chat_customer_add")
    assert client.post(add, {"email": "ann@example.com", "username": "ann"}).status_code == 302
    for taken in ({"email": "ANN@example.com"}, {"username": "Ann"}, {"phone": "call me"}):
        assert client.post(add, taken).status_code == 200, taken
    assert client_of(globex.owner).post(add, {"email": "ann@example.com"}).status_code == 302
    assert Customer.objects.of(acme.organization).count() == 1


def test_who_wishes_to_be_forgotten_is(acme: House, rows: Rows) -> None:
    """With all that was said; by an owner, after a question."""
    address = reverse("admin:chat_visitor_delete", args=[rows[Visitor].pk])
    assert client_of(acme.operator).post(address, {"post": "yes"}).status_code == 403
    client = client_of(acme.owner)
    assert client.get(address).status_code == 200
    assert Visitor.objects.of(acme.organization).exists()
    assert client.post(address, {"post": "yes"}).status_code == 302
    for model in (Visitor, Session, Chat, Message, Turn, Note, ContactRequest):
        assert not model.objects.of(acme.organization).exists(), model


def test_contact_requests_are_marked_as_done(acme: House, rows: Rows) -> None:
    """By whoever did it."""
    request = rows[ContactRequest]
    client_of(acme.operator).post(
        reverse("admin:chat_contactrequest_changelist"),
        {"action": "mark_handled", "_selected_action": [request.pk]},
    )
    request.refresh_from_db()
    assert request.handled_at is not None
    assert request.handled_by == acme.operator


def test_the_start_page_counts_today(acme: House, globex: House, rows: Rows) -> None:
    """Real rows of this organization alone."""
    fill(globex)
    alone = acme.visitor()
    said = visitor.say(alone, acme.visit, "Hello", uuid.uuid4())
    Message.unscoped.create(
        organization=acme.organization,
        chat=said.chat,
        seq=2,
        role="assistant",
        content="Hi",
        sender="assistant",
    )
    Chat.objects.of(acme.organization).filter(pk=said.chat.pk).update(seq=2, mode="waiting")
    start = client_of(acme.owner).get(reverse("admin:index")).context["start"]
    # Two chats, one never handed over, one waiting, one message to answer, one rating of five.
    assert [figure.value for figure in start.figures[:5]] == ["2", "1", "1", "1", "5.0"]
