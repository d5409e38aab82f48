"""Revisions of tools: who changed which definition when, and the way back, with no secret in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from pytest_django import Settings

from organizations import agents, definitions
from organizations.models import Tool, ToolRevision
from tests.conftest import House, client_of
from tests.test_tools_admin import SECRET, add, errors, page, values
from tests.tool_server import ToolServer

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def server() -> Iterator[ToolServer]:
    with ToolServer() as running:
        yield running


@pytest.fixture(autouse=True)
def allowed(server: ToolServer, settings: Settings) -> None:
    settings.OUTGOING_ALLOWED = [f"127.0.0.1:{server.port}"]


@pytest.fixture
def tool(acme: House, server: ToolServer) -> Tool:
    assert add(acme, server).status_code == 302
    return Tool.objects.of(acme.organization).get()


def kept(tool: Tool) -> list[ToolRevision]:
    return list(tool.revisions.order_by("number"))


def differing(one: ToolRevision, other: ToolRevision) -> dict[str, tuple[str, str]]:
    found = definitions.differences(one.content, other.content)
    return {change.name: (change.before, change.after) for change in found}


def test_each_change_is_kept_with_who_and_when(acme: House, server: ToolServer, tool: Tool) -> None:
    assert (
        page(acme, tool, **values(server, headers_new="", label="Where is it")).status_code == 302
    )
    # Nothing has changed, so nothing is kept.
    assert (
        page(acme, tool, **values(server, headers_new="", label="Where is it")).status_code == 302
    )
    tool.refresh_from_db()
    first, second = kept(tool)
    assert tool.revision == 2
    assert (first.number, first.author, second.author) == (1, acme.owner, acme.owner)
    assert first.created_at < second.created_at
    assert differing(first, second) == {"label": ("Order status", "Where is it")}


def test_other_headers_are_another_revision_that_holds_no_secret(
    acme: House, server: ToolServer, tool: Tool
) -> None:
    other = values(server, headers_new="Authorization: Bearer sk-other-9000")
    assert page(acme, tool, **other).status_code == 302
    # The same ones, typed again.
    assert page(acme, tool, **other).status_code == 302
    first, second = kept(tool)
    assert differing(first, second) == {
        "headers": ("Authorization, set in revision 1", "Authorization, set in revision 2")
    }
    told = json.dumps([row.content for row in (first, second)])
    assert SECRET not in told
    assert "sk-other" not in told


def test_what_was_there_before_revisions_is_kept_at_the_first_change(
    acme: House, server: ToolServer
) -> None:
    tool = Tool.unscoped.create(
        organization=acme.organization, name="old", label="Old", url=f"{server.url}/text"
    )
    before = tool.updated_at
    tool.label = "New"
    definitions.save(tool, acme.owner)
    first, second = kept(tool)
    assert (first.author, first.created_at, first.content["label"]) == (None, before, "Old")
    assert (second.author, second.content["label"]) == (acme.owner, "New")


def test_older_definition_is_brought_back(acme: House, server: ToolServer, tool: Tool) -> None:
    page(acme, tool, **values(server, headers_new="", keep="order", timeout="7"))
    shown = page(acme, kept(tool)[0])
    assert "order.status" in shown.text
    asked = page(acme, kept(tool)[0], "restore")
    assert "Use revision 1 again" in asked.text
    changes = [change.name for change in asked.context["changes"]]
    assert changes == ["timeout", "keep"]
    assert Tool.unscoped.get(pk=tool.pk).revision == 2
    assert page(acme, kept(tool)[0], "restore", yes="yes").status_code == 302
    tool.refresh_from_db()
    assert (tool.revision, tool.keep, tool.timeout) == (3, "order.status", 2)
    assert tool.headers == f"Authorization: Bearer {SECRET}"
    assert not differing(kept(tool)[0], kept(tool)[2])


def test_headers_do_not_go_back_to_another_host(
    acme: House, server: ToolServer, tool: Tool
) -> None:
    moved = values(server, url="https://elsewhere.example/{number}")
    assert page(acme, tool, **moved).status_code == 302
    client = client_of(acme.owner)
    address = reverse("admin:organizations_toolrevision_restore", args=[kept(tool)[0].pk])
    said = client.post(address, {"yes": "yes"}, follow=True)
    assert "asks another host" in said.text
    tool.refresh_from_db()
    assert (tool.revision, tool.url) == (2, "https://elsewhere.example/{number}")


def test_definition_that_the_rules_of_now_refuse_stays_away(
    acme: House, server: ToolServer, tool: Tool
) -> None:
    page(acme, tool, **values(server, headers_new="", label="Where is it"))
    first = kept(tool)[0]
    ToolRevision.unscoped.filter(pk=first.pk).update(content={**first.content, "timeout": 900})
    client = client_of(acme.owner)
    address = reverse("admin:organizations_toolrevision_restore", args=[first.pk])
    assert "less than or equal to 20" in client.post(address, {"yes": "yes"}, follow=True).text
    assert Tool.unscoped.get(pk=tool.pk).revision == 2


def test_operator_and_outsider_bring_nothing_back(
    acme: House, globex: House, server: ToolServer, tool: Tool
) -> None:
    page(acme, tool, **values(server, headers_new="", label="Where is it"))
    address = reverse("admin:organizations_toolrevision_restore", args=[kept(tool)[0].pk])
    for member, codes in ((acme.operator, (302, 403)), (globex.owner, (302, 404))):
        assert client_of(member).post(address, {"yes": "yes"}).status_code in codes
    assert Tool.unscoped.get(pk=tool.pk).revision == 2


def test_refused_form_keeps_nothing(acme: House, server: ToolServer, tool: Tool) -> None:
    wrong: dict[str, Any] = values(server, headers_new="", parameters="{}}")
    assert errors(page(acme, tool, **wrong))
    assert len(kept(tool)) == 1


def test_tool_in_use_cannot_be_deleted_with_its_history(
    acme: House, server: ToolServer, tool: Tool
) -> None:
    agents.keep_draft(acme.agent, {"tools": [tool.pk]})
    page(acme, tool, "delete", post="yes")
    assert len(kept(tool)) == 1
