"""The main job end to end: a visitor asks, gets a cited answer, asks for a person, and talks."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.browser.conftest import People, Site
from tests.openai_server import OpenAIServer

pytestmark = pytest.mark.browser


def open_widget(page: Page, address: str) -> FrameLocator:
    """Go to a page and open its chat."""
    page.goto(address)
    page.get_by_role("button", name=re.compile("Открыть чат|Open chat")).click()
    frame = page.frame_locator("iframe")
    # The script has come: it writes the name.
    expect(frame.locator("#name")).not_to_be_empty()
    return frame


def say(frame: FrameLocator, text: str) -> None:
    """Type a message and send it."""
    frame.get_by_role("textbox").fill(text)
    frame.get_by_role("textbox").press("Enter")


def test_visitor_and_operator_talk(site: Site, people: People) -> None:
    visitor, operator = people.arrive(), people.arrive(width=1440)

    # The operator comes by a one-time link and sees an empty queue.
    operator.goto(site.sign_in_link("aigul"))
    operator.get_by_role("button", name="Войти").click()
    expect(operator).to_have_url(re.compile("/admin/console/"))
    expect(operator.get_by_text("Никто не ждёт.")).to_be_visible()

    # The visitor asks and gets the answer with its source, and the operator sees the chat.
    frame = open_widget(visitor, f"{site.address}/")
    log = frame.locator("#log")
    say(frame, "Вернёте ли вы деньги при отмене?")
    expect(log).to_contain_text("За семь дней до выезда и раньше возвращаем 100 %")
    expect(log.locator(".sources summary")).to_contain_text("Вернёте ли вы деньги при отмене?")

    # The visitor wants a person; the operator takes the chat; both talk.
    frame.locator("#ask-person").click()
    expect(frame.locator("#panel")).to_be_visible()
    waiting = operator.locator(".is-waiting .desk-chat")
    waiting.first.click()
    operator.get_by_role("button", name="Взять чат").click()
    expect(frame.locator("#name")).to_have_text("Айгуль")
    reply = operator.get_by_role("textbox", name="Напишите посетителю")
    reply.fill("Здравствуйте! Чем помочь?")
    expect(log).to_contain_text("Айгуль")
    reply.press("Enter")
    expect(log).to_contain_text("Здравствуйте! Чем помочь?")
    frame.get_by_role("textbox").press_sequentially("Нас двое")
    expect(operator.get_by_text("Посетитель печатает…")).to_be_visible()
    frame.get_by_role("textbox").press("Enter")
    expect(operator.locator(".console-log")).to_contain_text("Нас двое")

    # A note stays inside.
    operator.get_by_role("button", name="Заметка").click()
    operator.get_by_role("textbox", name="Заметка только для коллег").fill("Постоянный гость")
    operator.keyboard.press("Enter")
    expect(operator.locator(".said.is-note")).to_contain_text("Постоянный гость")

    # The visitor reloads in the middle and loses nothing; the note is not there.
    visitor.reload()
    frame = visitor.frame_locator("iframe")
    log = frame.locator("#log")
    for text in ("возвращаем 100 %", "Здравствуйте! Чем помочь?", "Нас двое"):
        expect(log).to_contain_text(text)
    expect(log).not_to_contain_text("Постоянный гость")
    expect(frame.locator("#name")).to_have_text("Айгуль")

    # The assistant is silent while a person holds the chat.
    say(frame, "Как можно оплатить тур?")
    expect(operator.locator(".console-log")).to_contain_text("Как можно оплатить тур?")
    expect(operator.locator(".said.is-running")).to_have_count(0)

    # The operator closes; the visitor rates; the admin shows all of it.
    operator.once("dialog", lambda dialog: dialog.accept())
    operator.get_by_role("button", name="Закрыть чат").click()
    stars = frame.locator(".star")
    expect(stars).to_have_count(5)
    stars.nth(4).click()
    send = frame.locator(".ended .more button[type=submit]")
    if send.is_visible():
        send.click()
    expect(operator.locator(".console-state")).to_contain_text("Оценка: 5 из 5")

    owner = people.arrive()
    owner.goto(site.sign_in_link("owner"))
    owner.get_by_role("button", name="Войти").click()
    owner.goto(f"{site.address}/admin/chat/chat/")
    owner.get_by_role("link", name=re.compile("Вернёте ли вы деньги")).first.click()
    transcript = owner.locator(".transcript")
    for text in ("возвращаем 100", "Здравствуйте! Чем помочь?", "Постоянный гость", "Айгуль"):
        expect(transcript).to_contain_text(text)


def test_model_streams_before_it_has_finished(
    site_with_model: Site, model_server: OpenAIServer, people: People
) -> None:
    visitor = people.arrive()
    frame = open_widget(visitor, f"{site_with_model.address}/tours/bolgar/")
    before = model_server.sent_pieces
    say(frame, "Расскажите подробнее про программу тура в Болгар, пожалуйста")
    writing = frame.locator(".is-writing .prose")
    # Two pieces are there while the server holds the rest back.
    expect(writing).not_to_be_empty()
    held_back = model_server.sent_pieces
    assert held_back == before + 2
    model_server.open_gate()
    expect(frame.locator("#log .is-assistant:not(.is-writing) .bubble").last).to_contain_text(
        re.compile(r"\w+\W+\w+\W+\w+")
    )
    assert model_server.sent_pieces > held_back


def test_visitor_stops_an_answer(
    site_with_model: Site, model_server: OpenAIServer, people: People
) -> None:
    frame = open_widget(people.arrive(), f"{site_with_model.address}/")
    say(frame, "Расскажите что-нибудь о Волге и о круизах по ней")
    expect(frame.locator(".is-writing .prose")).not_to_be_empty()
    frame.get_by_role("button", name="Остановить").click()
    expect(frame.locator(".is-writing")).to_have_count(0)
    frame.get_by_role("textbox").fill("Спасибо")
    frame.get_by_role("textbox").press("Enter")
    expect(frame.locator("#log")).to_contain_text("Пожалуйста!")
