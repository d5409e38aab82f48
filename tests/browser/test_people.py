"""What people live through beside the main job: closed doors, two chats at once, a dead server."""

from __future__ import annotations

import os
import re
import signal
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests import files
from tests.browser.conftest import People, Site
from tests.browser.test_accessibility import trouble
from tests.browser.test_main_job import open_widget, say
from tests.product import is_web, pids_of

pytestmark = pytest.mark.browser


def signed_in(site: Site, people: People, username: str) -> Page:
    """The page where somebody lands who came by a one-time link."""
    page = people.arrive(width=1440)
    page.goto(site.sign_in_link(username))
    page.get_by_role("button", name="Войти").click()
    expect(page).to_have_url(re.compile("/admin/"))
    return page


def test_question_outside_business_hours_reaches_the_console(site: Site, people: People) -> None:
    owner = signed_in(site, people, "owner")
    owner.goto(f"{site.address}/admin/organizations/widget/")
    owner.get_by_role("link", name="support", exact=True).click()
    hours = owner.locator(".hours-day input")
    before = [hours.nth(day).input_value() for day in range(7)]
    # Open for an hour only, on the day after tomorrow.
    someday = (datetime.now(UTC) + timedelta(days=2)).weekday()
    for day in range(7):
        hours.nth(day).fill("09:00-10:00" if day == someday else "")
    owner.get_by_role("button", name="Сохранить", exact=True).click()
    expect(owner.locator("body")).to_contain_text("Сохранено:")

    visitor, operator = people.arrive(width=390), signed_in(site, people, "aigul")
    frame = open_widget(visitor, f"{site.address}/about/")
    # The assistant answers at any hour; people do not.
    say(frame, "Как можно оплатить тур?")
    expect(frame.locator("#log .sources")).to_be_visible()
    frame.locator("#ask-person").click()
    form = frame.locator("form.contact")
    expect(form).to_contain_text("Сейчас никого из людей нет")
    form.get_by_label("Имя").fill("Марат")
    form.get_by_label("Почта").fill("not an address")
    form.get_by_label("Ваш вопрос").fill("Можно ли приехать с собакой?")
    form.get_by_role("button", name="Отправить").click()
    expect(form.locator("#contact-email")).to_have_attribute("aria-invalid", "true")
    form.get_by_label("Почта").fill("marat@example.com")
    form.get_by_role("button", name="Отправить").click()
    expect(form).to_be_hidden()

    request = operator.locator(".desk-contact", has_text="Марат")
    expect(request).to_contain_text("marat@example.com")
    expect(request).to_contain_text("Можно ли приехать с собакой?")
    request.get_by_role("button", name="Готово").click()
    expect(request).to_have_count(0)

    owner.goto(f"{site.address}/admin/organizations/widget/")
    owner.get_by_role("link", name="support", exact=True).click()
    for day, text in enumerate(before):
        hours.nth(day).fill(text)
    owner.get_by_role("button", name="Сохранить", exact=True).click()
    expect(owner.locator("body")).to_contain_text("Сохранено:")


def test_operator_hears_the_chat_that_is_not_open(site: Site, people: People) -> None:
    operator = signed_in(site, people, "timur")
    operator.goto(f"{site.address}/admin/console/")
    visitors = []
    for question in ("Есть ли трансфер из аэропорта?", "Сколько человек в группе?"):
        frame = open_widget(people.arrive(), f"{site.address}/")
        say(frame, question)
        expect(frame.locator("#log .sources")).to_be_visible()
        frame.locator("#ask-person").click()
        operator.locator(".is-waiting .desk-chat", has_text=question).click()
        operator.get_by_role("button", name="Взять чат").click()
        expect(frame.locator("#name")).to_have_text("Тимур")
        visitors.append(frame)
    line = operator.locator(".is-mine .desk-chat", has_text="трансфер")
    expect(line).not_to_contain_text("ждёт ответа")
    say(visitors[0], "Нас встретят?")
    expect(line).to_contain_text("ждёт ответа")
    expect(line).to_contain_text("Нас встретят?")
    line.click()
    operator.get_by_role("textbox", name="Напишите посетителю").fill("Да, с табличкой")
    operator.keyboard.press("Enter")
    expect(visitors[0].locator("#log")).to_contain_text("Да, с табличкой")
    expect(line).not_to_contain_text("ждёт ответа")
    for question in ("трансфер", "в группе"):
        operator.locator(".is-mine .desk-chat", has_text=question).click()
        operator.once("dialog", lambda dialog: dialog.accept())
        operator.get_by_role("button", name="Закрыть чат").click()
        expect(operator.locator(".is-mine .desk-chat", has_text=question)).to_have_count(0)


def test_owner_writes_an_answer_and_the_next_visitor_gets_it(site: Site, people: People) -> None:
    owner = signed_in(site, people, "owner")
    owner.goto(f"{site.address}/admin/knowledge/faqentry/add/")
    owner.get_by_label("Вопрос").fill("Водите ли вы экскурсии на воздушном шаре?")
    owner.get_by_label("Ответ").fill("Да, **по субботам** в июле.")
    owner.get_by_role("button", name="Сохранить", exact=True).click()
    row = owner.get_by_role("row", name=re.compile("на воздушном шаре"))
    expect(row).to_contain_text(re.compile("Готово|В очереди"))
    expect(row).to_be_visible()
    while "Готово" not in row.inner_text():
        owner.reload()
        assert "Ошибка" not in row.inner_text()
    frame = open_widget(people.arrive(), f"{site.address}/")
    say(frame, "Есть экскурсии на воздушном шаре?")
    expect(frame.locator("#log strong", has_text="по субботам")).to_be_visible()


def test_owner_reads_why_a_file_was_not_indexed(site: Site, people: People) -> None:
    owner = signed_in(site, people, "owner")
    owner.goto(f"{site.address}/admin/knowledge/document/add/")
    owner.get_by_label("Заголовок").fill("Скан прайса")
    owner.set_input_files(
        "input[type=file]",
        {"name": "price.pdf", "mimeType": "application/pdf", "buffer": files.empty_pdf()},
    )
    owner.get_by_role("button", name="Сохранить", exact=True).click()
    row = owner.get_by_role("row", name=re.compile("Скан прайса"))
    expect(row).to_be_visible()
    while "В очереди" in row.inner_text():
        owner.reload()
    expect(row).to_contain_text("В нём нет текста")


def test_both_sides_come_back_when_the_server_dies(site: Site, people: People) -> None:
    operator = signed_in(site, people, "aigul")
    operator.goto(f"{site.address}/admin/console/")
    frame = open_widget(people.arrive(), f"{site.address}/")
    say(frame, "Во сколько работает офис?")
    expect(frame.locator("#log .sources")).to_be_visible()
    frame.locator("#ask-person").click()
    operator.locator(".is-waiting .desk-chat", has_text="Во сколько").click()
    operator.get_by_role("button", name="Взять чат").click()
    expect(frame.locator("#name")).to_have_text("Айгуль")

    [web] = [pid for pid in pids_of(site.var) if is_web(pid)]
    os.kill(web, signal.SIGKILL)
    # What is written meanwhile is kept and sent when the server is back.
    say(frame, "Вы ещё тут?")
    reply = operator.get_by_role("textbox", name="Напишите посетителю")
    reply.fill("Тут, связь моргнула")
    reply.press("Enter")
    expect(operator.locator(".console-log")).to_contain_text("Вы ещё тут?", timeout=40_000)
    expect(frame.locator("#log")).to_contain_text("Тут, связь моргнула", timeout=40_000)
    for log in (frame.locator("#log"), operator.locator(".console-log")):
        assert log.inner_text().count("Вы ещё тут?") == 1
        assert log.inner_text().count("Тут, связь моргнула") == 1
    # The dead server is the one trouble that was meant.
    people.troubles.clear()
    operator.once("dialog", lambda dialog: dialog.accept())
    operator.get_by_role("button", name="Закрыть чат").click()
    expect(frame.locator(".star")).to_have_count(5)


# What a browser does to a foreign frame whose storage it blocks, as private windows do.
NO_STORAGE = """
if (window !== window.top) {
  Object.defineProperty(window, "localStorage", {
    get() { throw new DOMException("Access is denied for this document.", "SecurityError"); },
  });
}
"""


def test_a_frame_that_may_keep_nothing_still_knows_its_visitor(site: Site, people: People) -> None:
    visitor = people.arrive()
    visitor.context.add_init_script(NO_STORAGE)
    frame = open_widget(visitor, f"{site.address}/")
    say(frame, "Как можно оплатить тур?")
    expect(frame.locator("#log .sources")).to_be_visible()
    visitor.reload()
    frame = visitor.frame_locator("iframe")
    expect(frame.locator("#log")).to_contain_text("Как можно оплатить тур?")
    # The page keeps a secret only for a frame that cannot.
    kept = "() => Object.values(sessionStorage).join()"
    assert "token" in visitor.evaluate(kept)
    other = people.arrive()
    frame = open_widget(other, f"{site.address}/")
    say(frame, "Как можно оплатить тур?")
    expect(frame.locator("#log .sources")).to_be_visible()
    assert "started" in other.evaluate(kept)
    assert "token" not in other.evaluate(kept)


def test_an_operator_is_called_to_a_chat_that_is_transferred(site: Site, people: People) -> None:
    giver, taker = signed_in(site, people, "aigul"), signed_in(site, people, "timur")
    for operator in (giver, taker):
        operator.goto(f"{site.address}/admin/console/")
    question = "Есть ли экскурсии на закате?"
    frame = open_widget(people.arrive(), f"{site.address}/")
    say(frame, question)
    expect(frame.locator("#log .is-assistant .meta").last).to_be_visible()
    frame.locator("#ask-person").click()
    giver.locator(".is-waiting .desk-chat", has_text=question).click()
    giver.get_by_role("button", name="Взять чат").click()
    expect(frame.locator("#name")).to_have_text("Айгуль")
    expect(taker.locator(".is-others .desk-chat", has_text=question)).to_be_visible()
    colleague = giver.get_by_role("combobox", name="Передать")
    value = colleague.locator("option", has_text="Тимур").get_attribute("value")
    colleague.select_option(value=value)
    expect(taker.locator(".console [aria-live=polite]")).to_have_text(
        f"Вам передали чат: {question}"
    )

    # What waits for an operator's words is counted in the title, wherever else they look.
    before = taker.title()
    count = int((re.match(r"\((\d+)\)", before) or ["", "0"])[1])
    say(frame, "Вы тут?")
    expect(taker).to_have_title(re.compile(rf"^\({count + 1}\)"))
    taker.locator(".is-mine .desk-chat", has_text=question).click()
    reply = taker.get_by_role("textbox", name="Напишите посетителю")
    reply.fill("Тут")
    reply.press("Enter")
    expect(taker).to_have_title(before)
    taker.once("dialog", lambda dialog: dialog.accept())
    taker.get_by_role("button", name="Закрыть чат").click()
    expect(frame.locator(".star")).to_have_count(5)


def test_an_operator_answers_with_a_ready_reply(site: Site, people: People) -> None:
    visitor, operator = people.arrive(), signed_in(site, people, "timur")
    frame = open_widget(visitor, f"{site.address}/")
    say(frame, "Сколько стоит экскурсия в Болгар?")
    expect(frame.locator("#log .sources")).to_be_visible()
    frame.locator("#ask-person").click()
    operator.locator(".desk-chat", has_text="экскурсия в Болгар").first.click()
    operator.get_by_role("button", name="Взять чат").click()

    # What an operator has opened stays open when the next line comes.
    sources = operator.locator(".said.is-assistant details")
    sources.locator("summary").click()
    expect(sources.locator("blockquote")).to_contain_text("Цена")

    # A slash finds replies by their names and words; the keyboard alone chooses one.
    composer = operator.locator(".console-composer textarea")
    choice = operator.get_by_role("listbox", name="Заготовки ответов").get_by_role("option")
    composer.fill("/")
    expect(choice).to_have_count(4)
    assert trouble(operator, "#console") == []
    composer.press_sequentially("здравств")
    expect(choice).to_have_text(["/приветЗдравствуйте! Меня зовут Тимур, сейчас посмотрю."])
    composer.press("Enter")
    expect(composer).to_have_value("Здравствуйте! Меня зовут Тимур, сейчас посмотрю.")
    expect(choice).to_have_count(0)
    composer.press("Enter")
    expect(frame.locator("#log")).to_contain_text("Меня зовут Тимур, сейчас посмотрю.")
    say(frame, "Спасибо!")
    expect(operator.locator(".console-log")).to_contain_text("Спасибо!")
    expect(sources.locator("blockquote")).to_be_visible()
    composer.fill("/")
    composer.press("Escape")
    expect(choice).to_have_count(0)
    expect(composer).to_have_value("/")
