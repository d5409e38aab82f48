"""A tool from the owner's form to the visitor's answer, and a change that an operator confirms."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import People, Site, started
from tests.browser.test_accessibility import trouble
from tests.browser.test_main_job import open_widget, say
from tests.browser.test_people import signed_in
from tests.openai_server import OpenAIServer, Play
from tests.tool_server import ToolServer

pytestmark = pytest.mark.browser

SECRET = "sk-very-secret-5511"
BOOKING = (
    '{"type": "object", "properties": {"name": {"type": "string", "description": "Кто придёт"}},'
    ' "required": ["name"]}'
)


@pytest.fixture(scope="module")
def tools() -> Iterator[ToolServer]:
    with ToolServer() as server:
        yield server


@pytest.fixture(scope="module")
def site(model_server: OpenAIServer, tools: ToolServer) -> Iterator[Site]:
    """The demo with a model that calls tools."""
    yield from started(
        OPENAI_BASE_URL=model_server.base_url,
        OPENAI_MODEL="fake-tools",
        OUTGOING_ALLOWED=f"127.0.0.1:{model_server.port},127.0.0.1:{tools.port}",
    )


def add_tool(owner: Page, site: Site, tools: ToolServer) -> None:
    owner.goto(f"{site.address}/admin/organizations/tool/add/")
    owner.get_by_label("Название для людей").fill("Забронировать стол")
    owner.get_by_label("Имя для модели").fill("book_table")
    owner.get_by_label("Что делает").fill("Books a table.")
    owner.locator("#id_is_changing").check()
    owner.locator("#id_parameters").fill(BOOKING)
    owner.locator("#id_method").select_option("POST")
    owner.locator("#id_url").fill(f"{tools.url}/book")
    owner.locator("[name=headers_new]").fill(f"Authorization: Bearer {SECRET}")
    owner.locator("[name=_continue]").click()
    expect(owner.locator("body")).to_contain_text("Заданы: Authorization.")
    assert SECRET not in owner.content()
    owner.get_by_role("link", name="Попробовать").press("Enter")
    expect(owner.locator(".ask")).to_contain_text("меняет данные")
    owner.get_by_label("name").fill("Проба")
    assert trouble(owner, ".ask") == []
    owner.get_by_role("button", name="Вызвать").press("Enter")
    expect(owner.locator(".try-kept")).to_contain_text('"number":"B-17"')
    assert trouble(owner, ".ask") == []
    tools.asked.clear()


def choose_it(owner: Page, site: Site) -> None:
    owner.goto(f"{site.address}/admin/organizations/agent/")
    owner.get_by_role("link", name="Помощник").first.click()
    owner.get_by_label("Забронировать стол (book_table)").check()
    owner.locator("[name=_save]").click()
    expect(owner.locator(".changes")).to_contain_text("Забронировать стол")
    owner.locator(".draft-ways").get_by_role("link").first.press("Enter")
    owner.get_by_role("button", name="Опубликовать").press("Enter")
    expect(owner.locator("#draft-title")).to_contain_text("отвечает версия 2")


def test_what_the_model_wants_changed_is_confirmed_by_an_operator(
    site: Site, people: People, model_server: OpenAIServer, tools: ToolServer
) -> None:
    owner = signed_in(site, people, "owner")
    add_tool(owner, site, tools)
    choose_it(owner, site)

    operator = signed_in(site, people, "aigul")
    operator.goto(f"{site.address}/admin/console/")
    expect(operator.locator(".console-queue")).to_contain_text("Никто не ждёт")
    frame = open_widget(people.arrive(), f"{site.address}/")
    model_server.plays.append(Play([("book_table", '{"name": "Анна"}')]))
    model_server.plays.append(Play(text="Коллега должен подтвердить."))
    say(frame, "Забронируйте стол на имя Анна, сегодня вечером")
    expect(frame.locator("#log")).to_contain_text("Нужно подтверждение сотрудника")
    assert tools.asked == []

    card = operator.locator(".is-calls .desk-call")
    expect(card).to_contain_text("Анна")
    card.get_by_role("button", name="Открыть чат").press("Enter")
    asked = operator.locator(".console-log .desk-call")
    expect(asked).to_contain_text("Забронировать стол")
    assert trouble(operator, "#console") == []
    model_server.plays.append(Play(text="Готово, номер B-17."))
    asked.get_by_role("button", name="Подтвердить").press("Enter")
    expect(frame.locator("#log")).to_contain_text("Готово, номер B-17.")
    expect(card).to_have_count(0)
    expect(operator.locator(".console-facts .desk-call")).to_contain_text("B-17")
    assert trouble(operator, "#console") == []
    (made,) = tools.asked
    assert made.headers["Authorization"] == f"Bearer {SECRET}"
    assert made.body == '{"name":"Анна"}'

    owner.goto(f"{site.address}/admin/chat/toolcall/")
    expect(owner.locator("#result_list, table").first).to_contain_text("Забронировать стол")
