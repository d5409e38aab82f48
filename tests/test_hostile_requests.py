"""Garbage in every address, query and form of the product: refused, never failed at.

The walk follows the routes, so a new page falls under it by itself. `HOSTILE=all` sends every word
to every field, one at a time; without it each field gets a few.
"""

from __future__ import annotations

import os
from itertools import cycle, islice
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from organizations.models import Tool
from tests.conftest import House, client_of
from tests.hostile import IDS, WORDS, Forms, Hand, addresses, queries, read
from tests.rows import Rows, fill, snapshot

pytestmark = [
    pytest.mark.django_db,
    # A moment without a zone, typed into an address, is taken for one of the page's own zone.
    pytest.mark.filterwarnings("ignore:DateTimeField .* received a naive datetime"),
]

IS_WHOLE = os.environ.get("HOSTILE") == "all"
ROLES = ["owner", "operator", "nobody"]


@pytest.fixture
def rows(acme: House) -> Rows:
    return fill(acme)


def hand_of(house: House, role: str) -> Hand:
    return Hand(client_of(None if role == "nobody" else getattr(house, role)))


@pytest.mark.parametrize("role", ROLES)
def test_no_id_breaks_an_address(acme: House, rows: Rows, role: str) -> None:
    """What is no id, by GET and by POST."""
    odd = cycle(IDS)
    with hand_of(acme, role) as hand:
        for address in addresses(rows, acme):
            for bad in (IDS if IS_WHOLE else islice(odd, 3)) if address.takes_id else []:
                hand.ask("GET", address.with_id(bad))
                hand.ask("POST", address.with_id(bad), data={"post": "yes"})
    assert not hand.report
    assert hand.asked > 500


@pytest.mark.parametrize("role", ROLES)
def test_pages_open_or_are_refused(acme: House, rows: Rows, role: str) -> None:
    """Every address with its own row, by every method."""
    with hand_of(acme, role) as hand:
        for address in addresses(rows, acme):
            for method in ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "POST"):
                hand.ask(method, address.own)
    assert not hand.report


def test_no_query_breaks_a_page(acme: House, rows: Rows) -> None:
    """Garbage in every parameter of every list and page."""
    names = cycle(WORDS)
    with hand_of(acme, "owner") as hand:
        for address in addresses(rows, acme):
            is_list = not address.takes_id
            if not is_list or hand.ask("GET", address.own).status_code != 200:
                continue
            for name in WORDS if IS_WHOLE else islice(names, 1):
                for query in queries(address, WORDS[name]):
                    hand.ask("GET", query, name)
            hand.ask("GET", f"{address.own}?%FF=%FE&q=%ED%A0%80&a[]=1&=&&;")
    assert not hand.report
    assert hand.asked > 1000


def test_no_form_breaks_a_page(acme: House, rows: Rows) -> None:
    """Garbage in every field of every form: in all at once, and in one among right ones."""
    names = cycle(WORDS)
    with hand_of(acme, "owner") as hand:
        for address in addresses(rows, acme):
            page: Any = hand.ask("GET", address.own)
            is_page = page.status_code == 200 and not page.streaming
            found = Forms(page.content.decode()) if is_page else None
            for form in found.forms if found else []:
                files = found.files if found else set()
                right = {name: value for name, value in form.items() if name not in files}
                hand.ask("POST", address.own, "as it is", data=right)
                # Digits without end are in all of them: they pass for a number until it is read.
                for word in WORDS if IS_WHOLE else ("too many digits", *islice(names, 1)):
                    data = {name: typed(name in files, WORDS[word]) for name in form}
                    kept = {name: form[name] for name in form if name.endswith("_FORMS")}
                    hand.ask("POST", address.own, f"everywhere {word}", data=data | kept)
                for name in form:
                    for word in WORDS if IS_WHOLE else islice(names, 1):
                        data = right | {name: typed(name in files, WORDS[word])}
                        hand.ask("POST", address.own, f"{name} {word}", data=data)
            # A page that shows no form may take one all the same.
            if found is None or not found.forms:
                hand.ask("POST", address.own, "unasked", data={"text": WORDS["NUL"], "id": "x"})
    assert not hand.report
    assert hand.asked > 1000


def typed(is_file: bool, word: str) -> Any:
    """A word as a field's value."""
    return SimpleUploadedFile("a.csv", word.encode()) if is_file else word


BODIES: list[tuple[str, bytes]] = [
    ("application/json", b"{"),
    ("application/json", b"[" * 10_000),
    ("application/json", b"\xff"),
    ("multipart/form-data", b"x"),
    ("multipart/form-data; boundary=\xff", b"x"),
    (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1',
    ),
    ("application/x-www-form-urlencoded; charset=utf-16", b"a=1"),
    ("text/plain", b"\x00"),
    ("", b"a=1"),
    ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % i for i in range(2000))),
    ("application/x-www-form-urlencoded", b"a=%FF&b=%00&_save=1"),
]
HEADERS: list[dict[str, str]] = [
    {"host": "evil.example"},
    {"host": "a b\x00"},
    {"accept-language": "x" * 5000},
    {"accept-language": "\x00;q=NaN,../../etc,en;q=9999999"},
    {"cookie": "sessionid=\x00; csrftoken=\xff; messages=x; django_language=../../x"},
    {"cookie": ";;=;\x00="},
    {"origin": "http://[::", "referer": "http://["},
    {"x-forwarded-for": "\x00,,,"},
    {"range": "bytes=9-1", "if-modified-since": "x"},
]


def test_no_body_or_header_breaks_a_page(acme: House, rows: Rows) -> None:
    """Bodies that are none, and headers that no browser sends, at every address without an id."""
    with hand_of(acme, "owner") as hand:
        for address in addresses(rows, acme):
            if address.takes_id and not IS_WHOLE and not address.route.startswith("/widget/"):
                continue
            for kind, body in BODIES:
                hand.ask("POST", address.own, kind, data=body, content_type=kind)
            for headers in HEADERS:
                hand.ask("GET", address.own, str(headers), headers=headers)
    assert not hand.report


def test_a_look_changes_nothing(acme: House, rows: Rows) -> None:
    """No address does anything by GET: a link in a mail, or a picture's source, would do it."""
    client, before = client_of(acme.owner), snapshot(acme)
    for address in addresses(rows, acme):
        read(client.get(address.own, {"post": "yes", "_save": "1", "confirm": "1"}))
    assert snapshot(acme) == before


def test_an_operator_sends_no_form_of_an_owner(acme: House, rows: Rows) -> None:
    """The owner's own forms, rightly filled in, from somebody who may not send them."""
    owner, operator = client_of(acme.owner), client_of(acme.operator)
    before, sent = unreachable(snapshot(acme)), 0
    for address in addresses(rows, acme):
        page: Any = owner.get(address.own)
        is_page = page.status_code == 200 and not page.streaming
        for form in Forms(page.content.decode()).forms if is_page else []:
            read(operator.post(address.own, {**form, "post": "yes"}))
            sent += 1
        read(page)
    assert sent > 100
    assert unreachable(snapshot(acme)) == before


def unreachable(everything: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Without what an operator may change."""
    own = {"Visitor", "Customer", "ContactRequest", "MemoryFact", "Session", "Availability"}
    return {name: rows for name, rows in everything.items() if name not in own}


def test_no_form_is_taken_from_another_page(acme: House, rows: Rows) -> None:
    """Every form needs the token of ours."""
    client = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
    client.force_login(acme.owner.user)
    before = snapshot(acme)
    for address in addresses(rows, acme):
        assert client.post(address.own, {"post": "yes"}).status_code in {403, 405}, address
    assert snapshot(acme) == before


def test_a_refusal_is_a_sentence_with_a_code(acme: House, rows: Rows) -> None:
    client = client_of(acme.operator)
    tool = reverse("admin:organizations_tool_change", args=[rows[Tool].pk])
    for address, status, code in [(tool, 403, "forbidden"), ("/admin/nothing/", 404, "not_found")]:
        refused = client.get(address)
        assert refused.status_code == status
        assert f"<code>{code}</code>" in refused.content.decode()
    strict = Client(enforce_csrf_checks=True)
    assert b"<code>csrf</code>" in strict.post(reverse("admin:login")).content
    odd = client_of(None).get(reverse("admin:login"), headers={"host": "evil.example"})
    assert odd.status_code == 400
    assert b"<code>bad_request</code>" in odd.content


def test_a_viewer_opens_every_page_that_a_list_leads_to(acme: House, rows: Rows) -> None:
    """Pages of rows that an operator may only look at have no fields to speak of."""
    client = client_of(acme.operator)
    for model, row in rows.items():
        names = model._meta.app_label, model._meta.model_name
        if not acme.operator.user.has_perm("{}.view_{}".format(*names)):
            continue
        page = client.get(reverse("admin:{}_{}_change".format(*names), args=[row.pk]))
        assert page.status_code == 200, names
