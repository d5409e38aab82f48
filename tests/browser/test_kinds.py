"""A learning plan from its opening to its modules in one chat; what operators and owners see."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import People, Site, started
from tests.browser.test_accessibility import trouble
from tests.browser.test_main_job import open_widget, say
from tests.openai_server import OpenAIServer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def planning_site(model_server: OpenAIServer) -> Iterator[Site]:
    """The demo with a model that answers at once."""
    yield from started(
        OPENAI_BASE_URL=model_server.base_url,
        OPENAI_MODEL="fake",
        OUTGOING_ALLOWED=f"127.0.0.1:{model_server.port}",
    )


def sign_in(person: Page, site: Site, username: str) -> None:
    person.goto(site.sign_in_link(username))
    person.get_by_role("button", name="Войти").click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_learning_plan_from_its_opening_to_its_modules(
    planning_site: Site, people: People, scheme: str
) -> None:
    site = planning_site
    visitor = people.arrive(color_scheme=scheme)
    frame = open_widget(visitor, f"{site.address}/")
    log = frame.locator("#log")

    # The types are a list of buttons; the keyboard alone chooses.
    choice = frame.get_by_role("list", name="Что вам нужно?").get_by_role("button")
    expect(choice).to_have_count(3)
    expect(frame.locator("#status")).to_have_text("ИИ-ассистент")
    assert trouble(visitor) == []
    choice.nth(2).focus()
    visitor.keyboard.press("Enter")

    # The model speaks first; there is nothing to finish yet.
    expect(log.locator(".system").first).to_contain_text("Начат чат: План обучения")
    expect(log.locator(".is-assistant .bubble").first).not_to_be_empty()
    expect(frame.locator("#finish")).to_be_hidden()
    say(frame, "Хочу выучить татарский с нуля")
    expect(log.locator(".is-own")).to_have_count(1)

    # One button makes the plan, and its modules can be read.
    frame.get_by_role("button", name="Составить план").click()
    card = log.locator(".result-card")
    expect(card).to_have_count(1)
    expect(card.get_by_role("heading", name="План обучения")).to_be_visible()
    modules = card.locator("dt", has_text="Модули").locator("..").locator("> dd > ol > li")
    expect(modules).to_have_count(2)
    expect(modules.first).to_contain_text("Темы")
    expect(frame.locator("#finish")).to_be_hidden()
    assert trouble(visitor) == []

    # After more talk there is another version; the older one is folded, and a reload keeps both.
    say(frame, "Добавьте модуль о песнях")
    frame.get_by_role("button", name="Составить план").click()
    expect(card).to_have_count(2)
    visitor.reload()
    frame = visitor.frame_locator("iframe")
    card = frame.locator(".result-card")
    expect(card).to_have_count(2)
    expect(card.nth(0)).not_to_have_attribute("open", "")
    expect(card.nth(1)).to_have_attribute("open", "")


def test_operator_makes_a_ticket_and_the_owner_takes_it_along(site: Site, people: People) -> None:
    visitor, operator, owner = people.arrive(), people.arrive(width=1440), people.arrive()
    # The page's own type begins with its text, and no model is needed for it.
    frame = open_widget(visitor, f"{site.address}/embed/")
    frame.get_by_role("button", name="Обращение в поддержку").click()
    expect(frame.locator("#log")).to_contain_text("Расскажите, что случилось")
    say(frame, "Не пришло письмо с билетом в Болгар")
    expect(frame.get_by_role("button", name="Оформить обращение")).to_be_visible()

    sign_in(operator, site, "aigul")
    operator.locator(".desk-chat", has_text="Обращение в поддержку").first.click()
    operator.get_by_role("button", name="Оформить обращение").click()
    for card in (operator.locator(".result-card"), frame.locator(".result-card")):
        expect(card).to_contain_text("Не пришло письмо с билетом в Болгар")
    expect(operator.locator(".result-card")).to_contain_text("Айгуль")
    assert trouble(operator, "#console") == []

    sign_in(owner, site, "owner")
    owner.goto(f"{site.address}/admin/chat/chatresult/")
    owner.get_by_role("checkbox").nth(1).check()
    owner.locator("select[name=action]").select_option("export_json")
    with owner.expect_download() as download:
        owner.locator("button[name=index], button[type=submit]").filter(
            has_text="Выполнить"
        ).first.click()
    assert "Не пришло письмо" in download.value.path().read_text()


def test_owner_begins_with_an_example(site: Site, people: People) -> None:
    owner = people.arrive()
    sign_in(owner, site, "owner")
    owner.goto(f"{site.address}/admin/organizations/chattype/")
    owner.get_by_role("link", name="Из примера").click()
    assert trouble(owner, ".ask") == []
    owner.get_by_role("button", name="План обучения").click()
    expect(owner.locator("#id_slug")).to_have_value("plan-2")
    owner.locator("#id_schema").fill('{"type": "object"')
    owner.get_by_role("button", name="Сохранить", exact=True).click()
    expect(owner.get_by_text("Это не JSON")).to_be_visible()
