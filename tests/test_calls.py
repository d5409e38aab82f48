"""Described HTTP calls: which schemas and templates are taken, and what a call sends and keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx2
import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from organizations import calling, sealing
from organizations.calls import filling, keeping, schemas
from organizations.models import Tool
from tests.conftest import House
from tests.tool_server import ToolServer

SECRET = "sk-very-secret-5511"


@pytest.fixture(scope="module")
def server() -> Iterator[ToolServer]:
    with ToolServer() as running:
        yield running


@pytest.fixture
def allowed(server: ToolServer, settings: Settings) -> None:
    settings.OUTGOING_ALLOWED = [f"127.0.0.1:{server.port}"]
    server.asked.clear()


def schema(*names: str, **more: Any) -> dict[str, Any]:
    """An object of texts, all of which are needed."""
    properties = {name: {"type": "string"} for name in names}
    return {"type": "object", "properties": properties, "required": list(names), **more}


def tool(url: str, *names: str, **fields: Any) -> Tool:
    """A tool that is not saved."""
    values: dict[str, Any] = {"name": "t", "label": "T", "parameters": schema(*names), **fields}
    headers = values.pop("headers", "")
    row = Tool(url=url, **values)
    row.headers = headers
    return row


# --- schemas ------------------------------------------------------------------------------------

BAD_SCHEMAS = [
    ([], "schema_object"),
    ({}, "schema_object"),
    ({"type": "string"}, "schema_object"),
    ({"type": "object", "properties": {"a": {"$ref": "https://evil.example/"}}}, "schema_keyword"),
    ({"type": "object", "properties": {"a": {"pattern": "(a+)+$"}}}, "schema_keyword"),
    ({"type": "object", "allOf": [{"$id": "file:///etc/passwd"}]}, "schema_keyword"),
    ({"type": "object", "properties": {"a": {"type": "nothing"}}}, "schema"),
    ({"type": "object", "required": "a"}, "schema"),
    ({"type": "object", "properties": {"a b": {}}}, "schema_names"),
    ({"type": "object", "properties": {f"a{n}": {} for n in range(31)}}, "schema_names"),
    ({"type": "object", "description": "x" * 9000}, "schema_size"),
]


@pytest.mark.parametrize(("value", "code"), BAD_SCHEMAS)
def test_what_is_no_schema_of_arguments_is_refused(value: Any, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        schemas.check(value)
    assert caught.value.code == code


def test_deep_schema_is_refused() -> None:
    deep: dict[str, Any] = {"type": "object"}
    for _level in range(20):
        deep = {"type": "object", "properties": {"a": deep}}
    with pytest.raises(ValidationError, match="too large or too deep"):
        schemas.check(deep)


def test_an_argument_may_be_called_like_a_keyword() -> None:
    schemas.check(schema("pattern"))
    assert schemas.problems(schema("pattern"), {"pattern": "x"}) == []


def test_arguments_are_held_to_the_schema() -> None:
    wanted = schema("a") | {"properties": {"a": {"type": "string"}, "n": {"type": "integer"}}}
    assert schemas.problems(wanted, {"a": "x", "n": 3}) == []
    assert "'a' is a required property" in schemas.problems(wanted, {})[0]
    assert schemas.problems(wanted, {"a": "x", "n": "3"})[0].startswith("n: ")
    assert "Additional properties" in schemas.problems(wanted, {"a": "x", "b": 1})[0]
    assert all(len(one) <= 200 for one in schemas.problems(wanted, {"a": ["y" * 5000]}))


# --- templates ----------------------------------------------------------------------------------

BAD_ADDRESSES = [
    ("https://{host}.example/", "template"),
    ("https://example.com{path}", "template"),
    ("{address}", "template"),
    ("https://example.com/#{part}", "template"),
    ("https://example.com/a b", "template"),
    ("https://example.com/?{name}=1", "template_query"),
    ("https://example.com/{a", "template_braces"),
    ("https://example.com/{a-b}", "template_braces"),
    ("https://example.com/{}", "template_braces"),
]


@pytest.mark.parametrize(("template", "code"), BAD_ADDRESSES)
def test_an_address_with_arguments_in_the_wrong_place_is_refused(template: str, code: str) -> None:
    with pytest.raises(ValidationError) as caught:
        filling.check_address(template)
    assert caught.value.code == code


HOSTILE = [
    "../admin",
    "..",
    ".",
    "",
    "a/b",
    "a\\b",
    "%2e%2e%2fadmin",
    "x\r\nHost: evil.example",
    "x\0",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_an_argument_that_would_change_the_path_is_refused(value: str) -> None:
    with pytest.raises(filling.Unfillable) as caught:
        filling.address("https://example.com/orders/{number}/lines", {"number": value})
    assert caught.value.code == "argument_path"


def test_two_dots_from_two_arguments_make_no_step_upwards() -> None:
    with pytest.raises(filling.Unfillable):
        filling.address("https://example.com/a/{x}{y}/b", {"x": ".", "y": "."})
    with pytest.raises(filling.Unfillable):
        filling.address("https://example.com/a/.{x}/b", {"x": "."})


texts = st.text(max_size=40)


@given(texts, texts, st.one_of(texts, st.integers(), st.booleans(), st.floats(allow_nan=False)))
def test_no_argument_changes_host_path_or_query(first: str, second: str, third: Any) -> None:
    template = "https://shop.example/v1/{a}/x-{b}/end?q={c}&fixed=1&both={a}-{b}"
    try:
        address = filling.address(template, {"a": first, "b": second, "c": third})
    except filling.Unfillable:
        return
    for host, path in (
        ((parts := urlsplit(address)).netloc, parts.path),
        ((url := httpx2.URL(address)).netloc.decode(), url.raw_path.decode().partition("?")[0]),
    ):
        assert host == "shop.example"
        steps = path.split("/")
        assert [steps[1], steps[4]] == ["v1", "end"]
        assert len(steps) == 5
        assert unquote(steps[2]) == first.encode("utf-8", "replace").decode()
    pairs = parse_qsl(urlsplit(address).query, keep_blank_values=True)
    assert [name for name, _value in pairs] == ["q", "fixed", "both"]
    assert dict(pairs)["fixed"] == "1"


HOSTS = ["@evil.example", "evil.example/", "https://evil.example", "юникод.рф", "＠evil.example"]


@pytest.mark.parametrize("value", HOSTS)
def test_an_argument_in_the_query_stays_there(value: str) -> None:
    address = filling.address("https://shop.example?q={q}", {"q": value})
    assert urlsplit(address).netloc == "shop.example"
    assert parse_qsl(urlsplit(address).query) == [("q", value)]


def test_what_is_not_given_is_left_out_of_query_and_body() -> None:
    template = "https://a.example/?q={q}&page={page}&tag={tags}"
    given_ = {"q": "tea", "tags": ["a&b", "c"]}
    assert filling.address(template, given_) == "https://a.example/?q=tea&tag=a%26b&tag=c"
    body = {"name": "{name}", "count": "{count}", "text": "For {name}, {note}", "list": ["{note}"]}
    assert filling.body(body, {"name": "Anna", "count": 2}) == {
        "name": "Anna",
        "count": 2,
        "list": [],
    }


def test_an_argument_in_the_body_stays_a_value() -> None:
    hostile = '", "admin": true, "x": "'
    assert filling.body({"name": "{name}"}, {"name": hostile}) == {"name": hostile}
    with pytest.raises(ValidationError):
        filling.check_body({"{name}": 1})


@pytest.mark.parametrize("value", [{"a": 1}, [1, [2]], ["x", {"y": 1}]])
def test_a_structure_has_no_place_in_an_address(value: Any) -> None:
    with pytest.raises(filling.Unfillable):
        filling.address("https://a.example/?q={q}", {"q": value})


# --- what a tool may be -------------------------------------------------------------------------


def refused(row: Tool) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as caught:
        row.full_clean(exclude=["organization"])
    return {name: [e.code or "" for e in found] for name, found in caught.value.error_dict.items()}


def test_templates_and_arguments_must_fit(acme: House) -> None:
    def made(url: str, *names: str, **fields: Any) -> Tool:
        row = tool(url, *names, description="d", **fields)
        row.organization = acme.organization
        return row

    site = "https://shop.example"
    made(f"{site}/{{a}}", "a").full_clean()
    assert refused(made(f"{site}/{{b}}", "a")) == {"url": ["unknown_argument"]}
    optional = {"parameters": {"type": "object", "properties": {"a": {}}}}
    assert refused(made(f"{site}/{{a}}", **optional)) == {"url": ["optional_in_path"]}
    assert refused(made(site, method="DELETE")) == {"is_changing": ["is_changing"]}
    assert refused(made(site, body={"a": 1})) == {"body": ["no_body"]}
    wrong = made(site, method="POST", body={"a": "{zz}"})
    assert refused(wrong) == {"body": ["unknown_argument"]}
    assert refused(made("http://169.254.169.254/")) == {"url": ["address_link_local"]}
    assert refused(made("http://localhost/")) == {"url": ["local_name"]}
    assert refused(made(f"{site}:8080/")) == {"url": ["port"]}
    assert refused(made(site, keep="a..b")) == {"keep": ["path"]}
    assert refused(made(site, name="two words"))["name"] == ["name"]


# --- what is kept -------------------------------------------------------------------------------

ANSWER = {"order": {"status": "sent", "id": 7}, "items": [{"name": "tea"}, {"name": "cup"}]}


@pytest.mark.parametrize(
    ("paths", "kept"),
    [
        ("", ANSWER),
        ("order.status", {"order.status": "sent"}),
        ("/order/status", {"order.status": "sent"}),
        ("$.order.id", {"order.id": 7}),
        ("items.*.name", {"items.*.name": ["tea", "cup"]}),
        ("items.1.name\norder.none", {"items.1.name": "cup"}),
        ("order.*", {"order.*": ["sent", 7]}),
        ("nothing\nitems.9\norder.status.deeper", {}),
    ],
)
def test_parts_are_kept_by_their_paths(paths: str, kept: Any) -> None:
    assert keeping.pick(ANSWER, keeping.parse_paths(paths)) == kept


def test_a_secret_is_covered_however_it_comes_back() -> None:
    basic = "Basic YWRtaW46aHVudGVyMjI="
    said = {
        "plain": f"your key is {SECRET}",
        "large": SECRET.upper(),
        "quoted": "sk%2Dvery",
        "basic": basic,
        "password": "hunter22",
        SECRET: 1,
        "list": [f"Bearer {SECRET}", "fine"],
    }
    masked = str(keeping.mask(said, [f"Bearer {SECRET}", basic]))
    assert SECRET.lower() not in masked.lower()
    assert "hunter22" not in masked
    assert "YWRtaW46" not in masked
    assert "fine" in masked
    assert keeping.MASK in masked


# --- the call -----------------------------------------------------------------------------------


def made(row: Tool, **arguments: Any) -> calling.Outcome:
    return asyncio.run(calling.call(row, arguments))


def test_a_call_sends_headers_and_keeps_parts(server: ToolServer, allowed: None) -> None:
    row = tool(
        f"{server.url}/orders/{{number}}?lang={{lang}}",
        "number",
        keep="order.status",
        headers=f"Authorization: Bearer {SECRET}\nX-Shop: tea",
    )
    outcome = made(row, number="A-1 ы")
    assert (outcome.code, outcome.status, outcome.kept) == ("", 200, '{"order.status":"sent"}')
    (asked,) = server.asked
    assert asked.path == "/orders/A-1%20%D1%8B"
    assert asked.headers["Authorization"] == f"Bearer {SECRET}"
    assert asked.headers["X-Shop"] == "tea"
    assert SECRET not in repr(outcome)


def test_a_body_is_json(server: ToolServer, allowed: None) -> None:
    row = tool(f"{server.url}/book?x={{a}}", "a", "b", method="POST")
    assert made(row, a="1", b='"}').code == ""
    assert server.asked[0].body == '{"b":"\\"}"}'
    assert server.asked[0].headers["Content-Type"] == "application/json"


FAULTS = [
    ("/nothing", "http_status"),
    ("/broken", "http_status"),
    ("/inside", "address_link_local"),
    ("/elsewhere", "redirect"),
    ("/huge", "too_large"),
    ("/never", "too_slow"),
    ("/cut", "broken"),
]


@pytest.mark.parametrize(("path", "code"), FAULTS)
def test_what_goes_wrong_is_a_code(server: ToolServer, allowed: None, path: str, code: str) -> None:
    outcome = made(tool(f"{server.url}{path}", timeout=0.5, headers=f"X-Key: {SECRET}"))
    assert outcome.code in {code, "read_timeout" if code == "too_slow" else code}
    assert outcome.kept == ""
    assert SECRET not in repr(outcome)
    assert calling.sentence(outcome.code)
    assert len(server.asked) == 1


def test_addresses_inside_are_not_asked(settings: Settings) -> None:
    settings.OUTGOING_ALLOWED = []
    outcome = made(tool("http://127.0.0.1/orders"))
    assert outcome.code == "address_loopback"
    assert not outcome.may_have_happened


def test_an_echo_of_the_secret_is_masked(server: ToolServer, allowed: None) -> None:
    outcome = made(tool(f"{server.url}/echo", headers=f"Authorization: Bearer {SECRET}"))
    assert keeping.MASK in outcome.kept
    assert SECRET not in outcome.kept


def test_a_long_answer_is_cut_and_a_text_is_taken(server: ToolServer, allowed: None) -> None:
    outcome = made(tool(f"{server.url}/long", max_kept=100))
    assert (len(outcome.kept), outcome.is_cut) == (100, True)
    assert made(tool(f"{server.url}/text")).kept == "Sunny, 21 degrees"
    assert made(tool(f"{server.url}/text", keep="a.b")).code == "not_json"


def test_what_may_have_happened_is_told_apart(server: ToolServer, allowed: None) -> None:
    assert made(tool(f"{server.url}/never", timeout=0.3)).may_have_happened
    assert made(tool(f"{server.url}/cut")).may_have_happened
    assert made(tool(f"{server.url}/broken")).may_have_happened
    assert not made(tool(f"{server.url}/nothing")).may_have_happened
    assert not made(tool(f"{server.url}/orders/{{a}}", "a"), a="..").may_have_happened
    assert not made(tool(f"{server.url}/book")).may_have_happened


def test_headers_that_no_key_opens_are_said_so(settings: Settings, server: ToolServer) -> None:
    row = tool(f"{server.url}/orders/1", headers=f"X-Key: {SECRET}")
    assert sealing.unseal(row.sealed_headers).endswith(SECRET)
    settings.ENCRYPTION_KEYS = ["another key that is long enough for this"]
    assert made(row).code == "key_unreadable"


def test_json_beyond_all_sense_is_a_text(server: ToolServer, allowed: None) -> None:
    """It was asked, and has answered: nobody is told that nothing was done."""
    deep = calling.call_and_wait(tool(f"{server.url}/deep"), {})
    assert (deep.code, deep.status) == ("", 200)
    assert deep.kept.startswith("[[[[")
    half = calling.call_and_wait(tool(f"{server.url}/half"), {})
    assert half.code == ""
    half.kept.encode()
    # It would stand in a receipt, which PostgreSQL keeps as JSON.
    nul = calling.call_and_wait(tool(f"{server.url}/nul"), {})
    assert nul.kept == '{"weather":"sunny","hours":["9"]}'


def test_an_answer_that_cannot_be_read_here_was_given(
    server: ToolServer, allowed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure of ours after the call is not one before it."""

    def broken(*_anything: Any) -> Any:
        raise RecursionError

    monkeypatch.setattr(keeping, "pick", broken)
    outcome = calling.call_and_wait(tool(f"{server.url}/book", method="POST"), {})
    assert (outcome.code, outcome.status) == ("unread", 200)
    assert outcome.may_have_happened
