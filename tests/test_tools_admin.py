"""The admin pages of tools: secrets go in and never come out, and "Try it" shows what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from html import unescape
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from chat.models import Chat, Session, ToolCall, Turn
from organizations import agents
from organizations.models import Agent, ContextProvider, Tool
from tests.conftest import House, client_of
from tests.tool_server import INJECTION, ToolServer

pytestmark = pytest.mark.django_db

SECRET = "sk-very-secret-5511"
SCHEMA = (
    '{"type": "object", "properties": {"number": {"type": "string", "description": "The order"},'
    ' "count": {"type": "integer"}, "kind": {"enum": ["a", "b"]}}, "required": ["number"]}'
)


@pytest.fixture(scope="module")
def server() -> Iterator[ToolServer]:
    with ToolServer() as running:
        yield running


@pytest.fixture(autouse=True)
def allowed(server: ToolServer, settings: Settings) -> None:
    settings.OUTGOING_ALLOWED = [f"127.0.0.1:{server.port}"]
    server.asked.clear()


def values(server: ToolServer, **fields: Any) -> dict[str, Any]:
    """What the form of a tool sends."""
    return {
        "name": "order_status",
        "label": "Order status",
        "description": "Where an order is.",
        "parameters": SCHEMA,
        "is_active": "on",
        "method": "GET",
        "url": f"{server.url}/orders/{{number}}",
        "body": "null",
        "headers_new": f"Authorization: Bearer {SECRET}",
        "keep": "order.status",
        "max_kept": "1000",
        "timeout": "2",
        **fields,
    }


def add(house: House, server: ToolServer, **fields: Any) -> Any:
    address = reverse("admin:organizations_tool_add")
    return client_of(house.owner).post(address, values(server, **fields))


@pytest.fixture
def tool(acme: House, server: ToolServer) -> Tool:
    assert add(acme, server).status_code == 302
    return Tool.objects.of(acme.organization).get()


def page(house: House, row: Any, what: str = "change", **data: Any) -> Any:
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_{what}"
    client = client_of(house.owner)
    address = reverse(name, args=[row.pk])
    return client.post(address, data) if data else client.get(address)


def errors(response: Any) -> dict[str, list[str]]:
    form = response.context["adminform"].form
    return {name: [e.code for e in data.as_data()] for name, data in form.errors.items()}


def test_a_tool_is_saved_with_its_secret_sealed(acme: House, tool: Tool) -> None:
    assert SECRET not in tool.sealed_headers
    assert tool.headers == f"Authorization: Bearer {SECRET}"
    shown = page(acme, tool).content.decode()
    assert SECRET not in shown
    assert "Set: Authorization." in shown


WRONG: list[tuple[dict[str, str], dict[str, list[str]]]] = [
    ({"parameters": "{"}, {"parameters": ["json"]}),
    ({"parameters": '{"type": "string"}'}, {"parameters": ["schema_object"]}),
    ({"url": "ftp://x.example/"}, {"url": ["template"]}),
    ({"url": "http://10.0.0.1/"}, {"url": ["address_private"]}),
    ({"url": "https://x.example/{nobody}"}, {"url": ["unknown_argument"]}),
    ({"headers_new": "no colon"}, {"headers": ["header"]}),
    ({"headers_new": "Host: evil.example"}, {"headers": ["our_header"]}),
    ({"headers_new": "Idempotency-Key: 1"}, {"headers": ["our_header"]}),
    ({"headers_new": "X-Key: a\x00b"}, {"headers": ["null_characters_not_allowed"]}),
    ({"keep": "a..b"}, {"keep": ["path"]}),
    ({"method": "DELETE"}, {"is_changing": ["is_changing"]}),
    ({"body": '{"a": 1}'}, {"body": ["no_body"]}),
    ({"name": "два слова"}, {"name": ["name"]}),
    ({"timeout": "500"}, {"timeout": ["max_value"]}),
]


@pytest.mark.parametrize(("fields", "expected"), WRONG)
def test_bad_input_is_named_at_its_field(
    acme: House,
    server: ToolServer,
    fields: dict[str, str],
    expected: dict[str, list[str]],
) -> None:
    assert errors(add(acme, server, **fields)) == expected
    assert not Tool.objects.of(acme.organization).exists()


def test_a_secret_stays_with_its_host(acme: House, server: ToolServer, tool: Tool) -> None:
    kept = values(server, headers_new="", label="Where is it")
    assert page(acme, tool, **kept).status_code == 302
    tool.refresh_from_db()
    assert (tool.label, tool.headers) == ("Where is it", f"Authorization: Bearer {SECRET}")
    other = values(server, headers_new="", url="https://elsewhere.example/{number}")
    assert errors(page(acme, tool, **other)) == {"headers": ["another_address"]}
    assert page(acme, tool, **other, headers_clear="on").status_code == 302
    tool.refresh_from_db()
    assert tool.headers == ""


def test_trying_shows_what_would_be_kept(acme: House, server: ToolServer, tool: Tool) -> None:
    form = page(acme, tool, "try_it").content.decode()
    assert "The order" in form
    assert server.asked == []
    said = page(
        acme, tool, "try_it", argument_number="A-1", argument_count="3", argument_kind='"a"'
    )
    assert said.context["outcome"].kept == '{"order.status":"sent"}'
    assert "{&quot;order.status&quot;:&quot;sent&quot;}" in said.content.decode()
    assert SECRET not in said.content.decode()
    assert server.asked[0].headers["Authorization"] == f"Bearer {SECRET}"
    # Nothing of it is a call of an answer.
    assert not ToolCall.objects.of(acme.organization).exists()


def test_trying_with_wrong_arguments_calls_nothing(
    acme: House, server: ToolServer, tool: Tool
) -> None:
    wrong: list[dict[str, str]] = [
        {"argument_number": ""},
        {"argument_number": "1", "argument_count": "many"},
        {"argument_number": "1", "argument_kind": '"z"'},
    ]
    for fields in wrong:
        assert page(acme, tool, "try_it", **fields).context["form"].errors
    assert server.asked == []
    hostile = page(acme, tool, "try_it", argument_number="../admin")
    assert hostile.context["outcome"].code == "argument_path"
    assert "may not be empty, a dot" in hostile.content.decode()
    assert server.asked == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("broken", "refuses the request or is out of order"),
        ("inside", "leads to a neighbour of this server"),
        ("huge", "too large"),
        ("text", "no JSON"),
    ],
)
def test_trying_says_what_is_wrong(
    acme: House, server: ToolServer, tool: Tool, path: str, words: str
) -> None:
    Tool.unscoped.update(url=f"{server.url}/{path}", parameters={"type": "object"})
    said = page(acme, tool, "try_it", any="thing").content.decode()
    assert words in said
    assert SECRET not in said


def test_an_answer_is_shown_as_text(acme: House, server: ToolServer, tool: Tool) -> None:
    Tool.unscoped.update(url=f"{server.url}/inject", parameters={"type": "object"}, keep="")
    said = page(acme, tool, "try_it", any="thing").content.decode()
    assert "<result>" not in said
    assert INJECTION[:9].replace("<", "&lt;").replace(">", "&gt;") in said


def test_a_context_provider_is_saved_and_tried(acme: House, server: ToolServer) -> None:
    fields = {
        "name": "Weather",
        "words": "weather\nпогод\n\n",
        "is_active": "on",
        "method": "GET",
        "url": f"{server.url}/orders/{{page_sku}}?q={{question}}",
        "body": "null",
        "keep": "order.id",
        "max_kept": "1000",
        "cache_seconds": "60",
        "timeout": "1",
    }
    address = reverse("admin:organizations_contextprovider_add")
    assert client_of(acme.owner).post(address, fields).status_code == 302
    row = ContextProvider.objects.of(acme.organization).get()
    assert row.words == ["weather", "погод"]
    said = page(acme, row, "try_it", argument_page_sku="7", argument_question="how?")
    assert said.context["outcome"].kept == '{"order.id":"7"}'
    wrong = client_of(acme.owner).post(address, fields | {"name": "2", "method": "DELETE"})
    assert errors(wrong) == {"method": ["method"]}
    wrong = client_of(acme.owner).post(address, fields | {"url": f"{server.url}/{{secret}}"})
    assert "url" in errors(wrong)


@pytest.mark.parametrize("model", ["tool", "contextprovider"])
def test_operators_set_up_nothing(acme: House, tool: Tool, model: str) -> None:
    client = client_of(acme.operator)
    assert client.get(reverse(f"admin:organizations_{model}_add")).status_code == 403
    assert client.get(reverse(f"admin:organizations_{model}_changelist")).status_code == 403
    assert client.post(reverse("admin:organizations_tool_try_it", args=[tool.pk])).status_code in {
        302,
        403,
        404,
    }


def test_an_agents_tools_are_part_of_its_versions(acme: House, tool: Tool) -> None:
    agents.keep_draft(acme.agent, {"tools": [tool.pk]})
    assert Agent.unscoped.get(pk=acme.agent.pk).tools == []
    changes = agents.differences(
        acme.agent, agents.published(acme.agent), agents.drafted(acme.agent)
    )
    assert [(one.label, one.after) for one in changes] == [("Tools", "Order status")]
    first = acme.agent.version
    agents.publish(acme.agent)
    assert acme.agent.tools == [tool.pk]
    assert first is not None
    agents.roll_back(acme.agent, first)
    acme.agent.refresh_from_db()
    assert acme.agent.tools == []


def test_a_tool_in_use_is_held_and_one_that_is_gone_is_not_published(
    acme: House, globex: House, server: ToolServer, tool: Tool
) -> None:
    agents.keep_draft(acme.agent, {"tools": [tool.pk]})
    agents.publish(acme.agent)
    shown = page(acme, tool, "delete").content.decode()
    assert "agent: main" in shown.lower()
    assert add(globex, server).status_code == 302
    foreign = Tool.objects.of(globex.organization).get()
    agents.keep_draft(acme.agent, {"tools": [foreign.pk]})
    with pytest.raises(ValidationError) as caught:
        agents.publish(acme.agent)
    assert caught.value.code == "tool_gone"


def test_calls_are_in_the_receipt_and_have_a_page(acme: House, tool: Tool) -> None:
    session = Session.unscoped.create(
        organization=acme.organization, widget=acme.widget, visitor=acme.visitor(), language="en"
    )
    chat = Chat.unscoped.create(organization=acme.organization, session=session)
    turn = Turn.unscoped.create(
        organization=acme.organization,
        chat=chat,
        from_seq=1,
        upto_seq=1,
        epoch=1,
        due_at=timezone.now(),
        status="done",
    )
    call = ToolCall.unscoped.create(
        organization=acme.organization,
        chat=chat,
        turn=turn,
        attempt=1,
        tool=tool,
        name=tool.name,
        label=tool.label,
        arguments={"number": "<b>7</b>"},
        status="failed",
        error="http_status",
        http_status=500,
        milliseconds=12,
    )
    for row in (chat, turn):
        shown = page(acme, row).content.decode()
        assert "Order status" in shown
        assert "HTTP 500" in shown
        assert "<b>7</b>" not in shown
    shown = page(acme, call).content.decode()
    assert "refuses the request" in shown
    ToolCall.unscoped.update(arguments={"name": "Анна"})
    shown = unescape(page(acme, call).content.decode())
    assert '"name": "Анна"' in shown
    assert f"Order status #{call.pk}" in shown
    assert (
        client_of(acme.operator).get(reverse("admin:chat_toolcall_changelist")).status_code == 200
    )


def test_secrets_are_sealed_anew(acme: House, tool: Tool, settings: Settings) -> None:
    before = tool.sealed_headers
    settings.ENCRYPTION_KEYS = ["a newer key, long enough to be one", *settings.ENCRYPTION_KEYS]
    out = StringIO()
    call_command("reseal", stdout=out)
    assert "1 tools were sealed" in out.getvalue()
    tool.refresh_from_db()
    assert tool.sealed_headers != before
    settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS[:1]
    assert SECRET in tool.headers
