"""An owner tries agents: the playground by hand and keyboard, and a test run from case to gate."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import People, Site
from tests.browser.test_accessibility import trouble
from tests.browser.test_agents import open_agent, owner_of
from tests.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

WIDE = 60_000


def keep_draft(site: Site, page: Page, instructions: str, model: str = "fake") -> None:
    """Save the demo agent's form with these, and go no further."""
    open_agent(site, page)
    page.locator("#id_instructions").fill(instructions)
    page.locator("#id_model").fill(model)
    page.get_by_role("button", name="Сохранить", exact=True).click()
    expect(page.locator("#draft-title")).to_contain_text("Неопубликованные изменения")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_two_agents_answer_beside_each_other(
    site_with_model: Site, people: People, model_server: OpenAIServer, scheme: str, width: int
) -> None:
    site = site_with_model
    page = owner_of(site, people, color_scheme=scheme, width=width)
    keep_draft(site, page, "Отвечай стихами.")
    page.get_by_role("link", name="Сравнить с опубликованным в песочнице").click()
    expect(page.get_by_label("Рядом")).not_to_have_value("")
    page.get_by_label("Рядом").select_option("")
    question = page.get_by_role("textbox", name="Вопрос")
    question.fill("Что интересного можно увидеть, если погода совсем испортилась?")
    page.keyboard.press("Enter")
    side = page.locator("[data-side=a]")
    expect(side.locator(".receipt")).to_have_count(1, timeout=WIDE)
    expect(question).to_be_focused()
    # A sure answer of the owner's own needs no model; beside each other both say it.
    page.get_by_label("Рядом").select_option(index=2)
    question.fill("Как можно оплатить?")
    page.keyboard.press("Enter")
    expect(side.locator(".receipt")).to_have_count(2, timeout=WIDE)
    expect(page.locator("[data-side=b] .receipt")).to_have_count(1, timeout=WIDE)
    receipt = side.locator(".receipt").first
    receipt.locator("summary").first.click()
    expect(receipt).to_contain_text("fake")
    receipt.get_by_text("system").click()
    expect(receipt.locator("pre").first).to_contain_text("Отвечай стихами.")
    assert trouble(page, "#playground") == []
    page.get_by_role("button", name="Начать заново").click()
    expect(side.locator("article")).to_have_count(0)


def test_bad_fact_is_told_and_nothing_is_lost(site: Site, people: People) -> None:
    page = owner_of(site, people)
    # The refusal is an answer with a status, which the browser's console notes.
    page.goto(f"{site.address}/admin/playground/")
    page.get_by_text("Страница, на которой находится посетитель").click()
    page.get_by_label("Факты, по одному в строке").fill("цена 3800")
    page.get_by_role("textbox", name="Вопрос").fill("Сколько стоит?")
    page.get_by_role("button", name="Спросить").click()
    expect(page.get_by_role("alert").filter(has_text="цена: 3800")).to_be_visible(timeout=WIDE)
    expect(page.get_by_role("textbox", name="Вопрос")).to_have_value("Сколько стоит?")
    people.troubles = [line for line in people.troubles if "400" not in line]
    page.get_by_label("Факты, по одному в строке").fill("цена: 3800")
    page.get_by_role("button", name="Спросить").click()
    expect(page.locator("[data-side=a] .is-assistant")).to_contain_text("3800", timeout=WIDE)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_set_is_run_before_publishing(
    site_with_model: Site, people: People, scheme: str, width: int
) -> None:
    site = site_with_model
    page = owner_of(site, people, color_scheme=scheme, width=width)
    keep_draft(site, page, f"Отвечай вежливо ({scheme}).")
    page.goto(f"{site.address}/admin/chat/testset/add/")
    page.locator("#id_name").fill(f"Основное {scheme}")
    page.get_by_role("button", name="Сохранить", exact=True).click()
    for number, (question, words) in enumerate(
        (("Как можно оплатить?", "картой"), ("Как отменить бронирование?", "золотом")), start=1
    ):
        page.get_by_role("link", name="Добавить пример").click()
        page.locator("#id_question").fill(question)
        page.locator("#id_all_of").fill(words)
        assert number > 1 or trouble(page, "#content-main") == []
        page.get_by_role("button", name="Сохранить", exact=True).click()
        page.goto(f"{site.address}/admin/chat/testset/")
        page.get_by_role("link", name=f"Основное {scheme}").click()
    set_address = page.url
    page.goto(set_address.replace("change", "run"))
    page.get_by_role("button", name="Прогнать набор").click()
    head = page.locator("#run-head")
    expect(head).to_contain_text("1", timeout=WIDE)
    expect(page.get_by_text("Не сказано: золотом")).to_be_visible()
    assert trouble(page, ".trials") == []
    page.get_by_role("link", name="Не пройдены").click()
    expect(page.locator(".trials-results > li")).to_have_count(1)

    page.goto(f"{site.address}/admin/chat/gate/add/")
    page.locator("#id_agent").select_option(index=1)
    page.locator("#id_test_set").select_option(label=f"Основное {scheme}")
    page.get_by_role("button", name="Сохранить", exact=True).click()
    open_agent(site, page)
    page.locator(".draft-ways").get_by_role("link", name="Опубликовать…").click()
    expect(page.get_by_text("пройдено 1 из 2 примеров")).to_be_visible()
    page.get_by_role("link", name="К проверке").click()
    expect(page.locator("#run-head")).to_be_visible()
    # Others of these tests publish, too.
    page.goto(f"{site.address}/admin/chat/gate/")
    page.locator("#result_list").get_by_role("link", name="Помощник").click()
    page.get_by_role("link", name="Удалить").first.click()
    page.get_by_role("button", name="Да, удалить").click()
