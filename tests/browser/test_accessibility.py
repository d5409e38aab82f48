"""WCAG 2.2 AA as far as axe-core can tell, on every page people use; and the keyboard alone."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import People, Site
from tests.browser.test_main_job import open_widget, say

pytestmark = pytest.mark.browser

RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    }
}


def trouble(page: Page, context: str | None = None) -> list[str]:
    """What axe-core finds wrong, a line each."""
    found: Any = Axe().run(page, context=context, options=RULES).response
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("locale", ["ru-RU", "en-GB"])
def test_widget(site: Site, people: People, scheme: str, locale: str) -> None:
    visitor = people.arrive(locale=locale, color_scheme=scheme)
    frame = open_widget(visitor, f"{site.address}/")
    say(frame, "Как можно оплатить тур?")
    expect(frame.locator("#log .sources")).to_be_visible()
    assert trouble(visitor) == []
    frame.locator("#menu").click()
    assert trouble(visitor) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_console(site: Site, people: People, scheme: str, width: int) -> None:
    visitor = people.arrive()
    frame = open_widget(visitor, f"{site.address}/")
    say(frame, "Как отменить бронирование?")
    expect(frame.locator("#log .sources")).to_be_visible()
    frame.locator("#ask-person").click()
    operator = people.arrive(color_scheme=scheme, width=width)
    operator.goto(site.sign_in_link("timur"))
    operator.get_by_role("button", name="Войти").click()
    expect(operator.locator(".is-waiting .desk-chat").first).to_be_visible()
    assert trouble(operator, "#console") == []
    operator.locator(".is-waiting .desk-chat").first.click()
    operator.get_by_role("button", name="Взять чат").click()
    expect(operator.get_by_role("textbox", name="Напишите посетителю")).to_be_enabled()
    assert trouble(operator, "#console") == []


def edges(page: Page, query: str) -> list[str]:
    """The borders and outlines that are drawn around what fits, outside of any frame."""
    look = """(elements) => elements.map((element) => {
      const drawn = getComputedStyle(element);
      const outline = `${drawn.outlineStyle} ${drawn.outlineWidth}`;
      return `${drawn.borderTopStyle} ${drawn.borderTopWidth}, ${outline}`;
    })"""
    found: list[str] = page.locator(query).evaluate_all(look)
    return found


def test_what_is_chosen_shows_where_colours_are_forced(site: Site, people: People) -> None:
    visitor = people.arrive(forced_colors="active")
    frame = open_widget(visitor, f"{site.address}/")
    bubble = visitor.get_by_role("button", name="Закрыть чат")
    expect(bubble).to_have_css("outline-style", "solid")
    expect(visitor.locator("web-assistant .panel")).to_have_css("outline-style", "solid")
    say(frame, "Как отменить бронирование?")
    expect(frame.locator("#log .sources")).to_be_visible()
    frame.locator("#ask-person").click()

    operator = people.arrive(width=1440, forced_colors="active")
    operator.goto(site.sign_in_link("timur"))
    operator.get_by_role("button", name="Войти").click()
    operator.locator(".is-waiting .desk-chat").first.click()
    operator.get_by_role("button", name="Взять чат").click()
    composer = operator.get_by_role("textbox", name="Напишите посетителю")
    expect(composer).to_be_focused()
    composer.fill("/")
    choice = ".replies [aria-selected={}]"
    assert edges(operator, ".console-kind [aria-pressed=true]") != edges(
        operator, ".console-kind [aria-pressed=false]"
    )
    assert edges(operator, choice.format("true"))[0] not in edges(operator, choice.format("false"))
    [chosen] = edges(operator, ".console-queue .desk-chat[aria-current]")
    assert chosen not in edges(operator, ".console-queue .desk-chat:not([aria-current])")
    assert all(edge.startswith("solid") for edge in edges(operator, ".said"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/tours/bolgar/", "/about/", "/embed/"])
def test_demo(site: Site, people: People, scheme: str, path: str) -> None:
    visitor = people.arrive(color_scheme=scheme)
    visitor.goto(site.address + path)
    assert trouble(visitor) == []


OWNERS_PAGES = [
    *("", "usage/", "playground/", "knowledge/try/", "knowledge/graph/", "knowledge/popular/"),
    *("organizations/moderation/", "organizations/modelprice/add/", "organizations/tool/add/"),
    *("organizations/contextprovider/add/", "organizations/chattype/", "chat/toolcall/"),
    *("chat/chatresult/", "chat/memoryfact/", "chat/testrun/replay/", "chat/experiment/add/"),
]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_owners_pages(site: Site, people: People, scheme: str, width: int) -> None:
    owner = people.arrive(color_scheme=scheme, width=width)
    owner.goto(site.sign_in_link("owner"))
    owner.get_by_role("button", name="Войти").click()
    expect(owner.locator(".start")).to_be_visible()
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    for path in OWNERS_PAGES:
        owner.goto(f"{site.address}/admin/{path}")
        # Lists and empty forms are the theme's; what is ours stands in here.
        found = trouble(owner, "#content")
        assert (path, found, owner.evaluate(wide)) == (path, [], False)


def test_conversation_by_keyboard_alone(site: Site, people: People) -> None:
    visitor = people.arrive()
    visitor.goto(f"{site.address}/embed/")
    bubble = visitor.get_by_role("button", name="Открыть чат")
    expect(bubble).to_be_visible()
    bubble.focus()
    visitor.keyboard.press("Enter")
    frame = visitor.frame_locator("iframe")
    expect(frame.get_by_role("textbox")).to_be_focused()
    visitor.keyboard.type("Где находится ваш офис?")
    visitor.keyboard.press("Enter")
    expect(frame.locator("#log")).to_contain_text("Баумана")
    visitor.keyboard.press("Escape")
    expect(bubble).to_be_focused()


def test_chat_is_taken_by_keyboard_alone(site: Site, people: People) -> None:
    question = "Можно ли оплатить в рассрочку?"
    frame = open_widget(people.arrive(), f"{site.address}/")
    say(frame, question)
    frame.locator("#ask-person").click()
    operator = people.arrive(width=1440)
    operator.goto(site.sign_in_link("timur"))
    operator.get_by_role("button", name="Войти").click()
    line = operator.locator(".is-waiting .desk-chat", has_text=question)
    expect(line).to_be_visible()
    operator.keyboard.press("j")
    expect(operator.locator(".desk-chat").first).to_be_focused()
    line.focus()
    operator.keyboard.press("Enter")
    # Not left in a list of dozens of chats, all of which would have to be gone through.
    expect(operator.get_by_role("log")).to_be_focused()
    operator.keyboard.press("Shift+Tab")
    expect(operator.locator(".console-summary")).to_be_focused()
    operator.keyboard.press("Shift+Tab")
    operator.keyboard.press("Shift+Tab")
    expect(operator.get_by_role("button", name="Взять чат")).to_be_focused()
    operator.keyboard.press("Enter")
    expect(operator.get_by_role("textbox", name="Напишите посетителю")).to_be_focused()
    operator.keyboard.type("Можно, на три месяца")
    operator.keyboard.press("Enter")
    expect(frame.locator("#log")).to_contain_text("Можно, на три месяца")

    # Where the list and the chat take turns, the way back leads to where one was.
    operator.set_viewport_size({"width": 390, "height": 844})
    operator.get_by_role("button", name="К очереди").press("Enter")
    expect(operator.locator(".is-mine .desk-chat", has_text=question)).to_be_focused()


def test_page_at_double_size_has_no_sideways_scroll(site: Site, people: People) -> None:
    # 200 % zoom of a 1280 px window is a window of 640 px.
    visitor = people.arrive(width=640, height=450)
    open_widget(visitor, f"{site.address}/")
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not visitor.evaluate(wide)
    for frame in visitor.frames:
        assert not frame.evaluate(wide)
