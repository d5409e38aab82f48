"""What a hostile hand puts into addresses, queries and forms; and pages as that hand sees them."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

from django.apps import apps
from django.contrib import admin
from django.db import transaction
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import URLResolver, get_resolver

from tests.conftest import House
from tests.rows import Rows
from webassistant.logs import Refusals

# Beyond what PostgreSQL keeps as a number, what it takes in no text, and what is no value at all.
WORDS: dict[str, str] = {
    "NUL": "a\x00b",
    "over bigint": "9" * 30,
    "deep list": "[" * 10_000 + "]" * 10_000,
    "JSON of no character": '{"a": "\\ud800\\u0000"}',
    "no number": "NaN",
    "path": "../../etc/passwd\r\nX: y",
    "no date": "2026-02-30",
    "long": "я" * 60_000,
    "empty": "",
    "minus one": "-1",
    "infinite": "1e400",
    "other digits": "٣²",
    "markup": "abc'\"<script>alert(1)</script>{{x}}{%y%}%s%(a)s",
    "JSON of no number": "[NaN, 1e400, -Infinity]",
    "deep object": '{"a":' * 10_000 + "1" + "}" * 10_000,
    "too many digits": "1" * 5000,
    "controls": "\x01\x1b[31m\x7f\u202e",
    "last date": "9999-12-31",
    "first date": "0001-01-01",
    "late date": "99999-12-31T25:61",
    "JSON": json.dumps({"a": [1, None, {"b": []}]}),
    "JSON null": "null",
    "uuid": "00000000-0000-0000-0000-000000000000",
    "several": "1,2,abc,,99999999999999999999999",
    "blank": " \t\n",
    "over int": str(2**31),
}
# As they stand in an address.
IDS = [
    *("0", "abc", "9" * 30, "1e400", "%00", "%FF%FE", "_ED_A0_80", "1" * 5000),
    *("..%2F..%2Fetc", "%0D%0AX:%20y"),
]
# Parameters of lists, of Django's and of our pages.
PARAMETERS = (
    *("q", "p", "o", "e", "_facets", "all", "_popup", "_to_field", "_changelist_filters"),
    *("next", "term", "app_label", "model_name", "field_name", "lang", "type", "extended"),
    *("period", "since", "until", "by", "format", "agent", "category", "question", "language"),
)
LOOKUPS = ("", "__exact", "__id__exact", "__isnull", "__in", "__gte", "__range", "__nosuch")


@dataclass
class Listener(logging.Handler):
    """Every record that would stand in the log with a traceback, or as an error."""

    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.addFilter(Refusals())

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        if record.exc_info or record.levelno >= logging.ERROR:
            cause = record.exc_info[1] if record.exc_info else record.getMessage()
            self.troubles.append(f"{record.name}: {cause!r}"[:300])

    __hash__ = logging.Handler.__hash__


class Hand:
    """Asks, undoes what came of it, and remembers what should not have been answered so."""

    def __init__(self, client: Client) -> None:
        client.raise_request_exception = False
        self.client, self.listener = client, Listener()
        # Whoever leaves by the way out is let in again for the next request.
        self._cookies = {name: cookie.value for name, cookie in client.cookies.items()}
        self.found: list[str] = []
        self.asked = 0

    def __enter__(self) -> Hand:
        logging.getLogger().addHandler(self.listener)
        return self

    def __exit__(self, *trouble: object) -> None:
        logging.getLogger().removeHandler(self.listener)

    @property
    def report(self) -> str:
        """What was found, a line each."""
        return "\n".join(self.found)

    def ask(self, method: str, address: str, what: str = "", **more: Any) -> HttpResponseBase:
        """One request, in a transaction of its own that is rolled back."""
        self.asked += 1
        self.listener.troubles.clear()
        self.client.cookies.clear()
        self.client.cookies.load(self._cookies)
        with transaction.atomic():
            verb: Any = getattr(self.client, method.lower())
            response: Any = verb(address, **more)
            content = read(response)
            transaction.set_rollback(True)
        troubles = list(self.listener.troubles)
        if response.status_code >= 500:
            troubles.append(str(response.status_code))
        if b"Traceback (most recent call last)" in content:
            troubles.append("a traceback in the page")
        self.found += [f"{method} {address[:120]} {what}: {one}" for one in troubles]
        return response  # type: ignore[no-any-return]


def read(response: Any) -> bytes:
    """The whole answer, its file closed; `close` would take the test's connection along."""
    content = b"".join(response) if response.streaming else response.content
    for close in response._resource_closers:
        close()
    return bytes(content)


@dataclass(frozen=True)
class Address:
    """A route, with its converters as they stand, and with ids of rows that are there."""

    route: str
    own: str

    @property
    def takes_id(self) -> bool:
        """Whether something in it is to be filled in."""
        return "<" in self.route

    def with_id(self, bad: str) -> str:
        """The address with garbage at every place."""
        return re.sub(r"<[^>]+>", lambda _found: bad, self.route)


def addresses(rows: Rows, house: House) -> Iterator[Address]:
    """Every address of the product."""
    own = {
        f"/admin/{model._meta.app_label}/{model._meta.model_name}/": row.pk
        for model, row in rows.items()
    }
    own["/admin/organizations/organization/"] = house.organization.pk
    own["/admin/organizations/user/"] = house.operator.user_id
    for route in _routes(get_resolver().url_patterns, "/"):
        if "(?P<url>" in route:
            route = "/admin/nothing/here"
        elif "(?P<app_label>" in route:
            route = "/admin/chat/"
        pk = next((pk for start, pk in own.items() if route.startswith(start)), "faq")
        filled = house.widget.key if route.startswith("/widget/") else pk
        filled = "csv" if "/template/" in route else filled
        yield Address(route, re.sub(r"<[^>]+>", str(filled), route))


def _routes(patterns: Any, before: str) -> Iterator[str]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        else:
            yield route


def queries(address: Address, word: str) -> Iterator[str]:
    """The address with the word in each parameter that it may know, one at a time."""
    value = quote(word[:3000], safe="", errors="surrogatepass")
    for name in (*PARAMETERS, *_filters(address.own)):
        yield f"{address.own}?{name}={value}"


def _filters(path: str) -> Iterator[str]:
    """What a list of rows can be filtered by, and some that it cannot."""
    found = re.fullmatch(r"/admin/(\w+)/(\w+)/", path)
    models = {(m._meta.app_label, m._meta.model_name): a for m, a in admin.site._registry.items()}
    model_admin = models.get((found[1], found[2])) if found else None
    if found is None or model_admin is None:
        return
    names = {field.name for field in apps.get_model(found[1], found[2])._meta.fields[:3]}
    for one in model_admin.list_filter:
        name = one[0] if isinstance(one, tuple) else getattr(one, "parameter_name", one)
        names.add(str(name))
    for name in sorted(names):
        for lookup in LOOKUPS:
            yield f"{name}{lookup}"


class Forms(HTMLParser):
    """The forms of a page that are sent by POST: the names of their fields, with their values."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[dict[str, Any]] = []
        self.files: set[str] = set()
        self._form: dict[str, Any] | None = None
        self._list = self._text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a field."""
        said = dict(attrs)
        if tag == "form":
            self._form = {} if (said.get("method") or "").lower() == "post" else None
            if self._form is not None:
                self.forms.append(self._form)
        if self._form is None:
            return
        name, value = said.get("name") or "", said.get("value") or ""
        if tag == "option" and self._list and "selected" in said:
            self._form[self._list] = value
        self._list = name if tag == "select" else self._list if tag == "option" else ""
        self._text = name if tag == "textarea" else ""
        if not name or name == "csrfmiddlewaretoken":
            return
        if said.get("type") == "file":
            self.files.add(name)
        if tag == "input" and said.get("type") in ("checkbox", "radio") and "checked" not in said:
            value = ""
        if tag in ("input", "select", "textarea", "button"):
            self._form.setdefault(name, value)

    def handle_data(self, data: str) -> None:
        """Take the text of an area."""
        if self._form is not None and self._text:
            self._form[self._text] += data

    def handle_endtag(self, tag: str) -> None:
        """Leave a form."""
        self._text = ""
        if tag == "form":
            self._form = None
