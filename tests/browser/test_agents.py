"""An owner tries a provider, finds a model by the keyboard, publishes; a visitor sees it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import People, Site
from tests.browser.test_accessibility import trouble
from tests.browser.test_main_job import open_widget
from tests.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

FORM = "#content-main"


def owner_of(site: Site, people: People, **looks: object) -> Page:
    page = people.arrive(**looks)  # type: ignore[arg-type]
    page.goto(site.sign_in_link("owner"))
    page.get_by_role("button", name="Войти").click()
    expect(page.locator(".start")).to_be_visible()
    return page


def open_agent(site: Site, page: Page) -> None:
    page.goto(f"{site.address}/admin/organizations/agent/")
    page.get_by_role("link", name="Помощник").first.click()
    expect(page.locator("#draft-title")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_forms_are_accessible(
    site_with_model: Site, people: People, scheme: str, width: int
) -> None:
    page = owner_of(site_with_model, people, color_scheme=scheme, width=width)
    page.goto(f"{site_with_model.address}/admin/organizations/provider/add/")
    assert trouble(page, FORM) == []
    open_agent(site_with_model, page)
    page.locator("#id_model").click()
    expect(page.locator("#id_model_models")).to_be_visible()
    assert trouble(page, FORM) == []


def test_model_is_found_by_the_keyboard(site_with_model: Site, people: People) -> None:
    page = owner_of(site_with_model, people)
    open_agent(site_with_model, page)
    field = page.get_by_role("combobox", name="Модель", exact=True)
    field.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", name="fake-401")).to_be_visible()
    page.keyboard.type("hos")
    expect(page.locator("#id_model_models").get_by_role("option")).to_have_count(1)
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("option", name="fake-hostile", selected=True)).to_be_visible()
    page.keyboard.press("Enter")
    expect(field).to_have_value("fake-hostile")
    expect(page.locator("#id_model_models")).to_be_hidden()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(page.locator("#id_model_models")).to_be_hidden()
    # A name that nobody listed is as good.
    field.fill("my/own-model")
    page.keyboard.press("Tab")
    expect(field).to_have_value("my/own-model")


def test_connection_is_tried_in_the_form(
    site_with_model: Site, people: People, model_server: OpenAIServer
) -> None:
    page = owner_of(site_with_model, people)
    page.goto(f"{site_with_model.address}/admin/organizations/provider/add/")
    page.get_by_label("Вид").select_option("other")
    page.get_by_label("Адрес", exact=True).fill(model_server.base_url)
    page.get_by_label("Ключ", exact=True).fill("sk-0123456789-abcdef")
    button = page.get_by_role("button", name="Проверить соединение")
    said = page.locator(".try-connection [role=status]")
    for model, words in (("fake-quota", "деньги или квота"), ("fake", "отвечает")):
        page.get_by_label("Модель для проверки").fill(model)
        button.click()
        expect(said).to_contain_text(words)
    page.goto(f"{site_with_model.address}/admin/organizations/provider/")
    expect(page.get_by_text("127.0.0.1")).to_have_count(0)


def test_published_questions_stand_in_an_empty_chat(site: Site, people: People) -> None:
    page = owner_of(site, people)
    open_agent(site, page)
    page.locator("#id_suggested_questions_0").fill("Где находится ваш офис?")
    page.get_by_role("button", name="Сохранить", exact=True).click()
    expect(page.locator("#draft-title")).to_contain_text("Неопубликованные изменения")
    visitor = people.arrive()
    before = open_widget(visitor, f"{site.address}/")
    expect(before.get_by_role("button", name="Как можно оплатить?")).to_be_visible()
    expect(before.get_by_role("button", name="Где находится ваш офис?")).to_have_count(0)

    page.locator(".draft-ways").get_by_role("link", name="Опубликовать…").click()
    assert trouble(page, ".ask") == []
    page.get_by_role("button", name="Опубликовать").click()
    expect(page.locator("#draft-title")).to_contain_text("Всё опубликовано")

    late = people.arrive(width=390)
    frame = open_widget(late, f"{site.address}/")
    question = frame.get_by_role("button", name="Где находится ваш офис?")
    expect(question).to_be_visible()
    assert trouble(late) == []
    question.focus()
    late.keyboard.press("Enter")
    expect(frame.locator("#log")).to_contain_text("Баумана", timeout=20_000)
    expect(frame.locator("#log .questions")).to_have_count(0)
