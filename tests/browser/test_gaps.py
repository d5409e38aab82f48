"""What visitors asked in vain becomes an answer, by the owner's click; an operator's answer too."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import People, Site
from tests.browser.test_accessibility import trouble
from tests.browser.test_main_job import open_widget, say
from tests.browser.test_people import signed_in

pytestmark = pytest.mark.browser

LEARN = "from chat.tasks import gather_gaps, learn; learn(), gather_gaps()"


def test_question_asked_in_vain_is_answered_the_next_time(site: Site, people: People) -> None:
    for question in ("Можно ли приехать верхом на лошади?", "Пустите ли вы верхом на лошади?"):
        frame = open_widget(people.arrive(), f"{site.address}/")
        say(frame, question)
        expect(frame.locator("#log")).to_contain_text("Этого я не знаю")
    # What beat does every half a minute; twice does no harm.
    done = site.run("manage", "shell", "-c", LEARN)
    assert done.returncode == 0, done.stderr

    owner = signed_in(site, people, "owner")
    owner.goto(f"{site.address}/admin/knowledge/suggestion/")
    row = owner.get_by_role("row", name=re.compile("верхом на лошади"))
    expect(row).to_contain_text("2")
    row.get_by_role("link").first.press("Enter")
    finding = owner.locator(".finding")
    for words in ("Можно ли приехать верхом", "Пустите ли вы верхом", "Самое близкое"):
        expect(finding).to_contain_text(words)
    assert trouble(owner, ".finding") == []
    finding.get_by_role("link", name="Прочитать чат").first.press("Enter")
    expect(owner.locator(".transcript")).to_contain_text("верхом на лошади")
    owner.go_back()
    owner.get_by_role("link", name="Принять").press("Enter")
    answer = owner.get_by_label("Ответ")
    answer.fill("Да, **коновязь** у северных ворот.")
    assert trouble(owner, ".ask") == []
    answer.press("Tab")
    owner.get_by_role("button", name="Принять").press("Enter")
    expect(owner.locator("body")).to_contain_text("индексируется")
    expect(owner.get_by_role("row", name=re.compile("верхом на лошади"))).to_have_count(0)

    owner.goto(f"{site.address}/admin/knowledge/faqentry/")
    entry = owner.get_by_role("row", name=re.compile("верхом на лошади"))
    expect(entry).to_be_visible()
    while "Готово" not in entry.inner_text():
        owner.reload()
        assert "Ошибка" not in entry.inner_text()
    frame = open_widget(people.arrive(), f"{site.address}/")
    say(frame, "А пустите верхом на лошади?")
    expect(frame.locator("#log strong", has_text="коновязь")).to_be_visible()


def test_operator_keeps_an_answer_by_one_click(site: Site, people: People) -> None:
    operator = signed_in(site, people, "timur")
    operator.goto(f"{site.address}/admin/console/")
    frame = open_widget(people.arrive(), f"{site.address}/")
    say(frame, "Продаёте ли вы воздушных змеев?")
    expect(frame.locator("#log")).to_contain_text("Этого я не знаю")
    frame.locator("#ask-person").click()
    operator.locator(".is-waiting .desk-chat", has_text="змеев").click()
    operator.get_by_role("button", name="Взять чат").click()
    reply = operator.get_by_role("textbox", name="Напишите посетителю")
    reply.fill("Да, в сувенирной лавке.")
    reply.press("Enter")
    learn = operator.get_by_role("button", name="Запомнить ответ")
    learn.focus()
    learn.press("Enter")
    kept = operator.locator(".said.is-operator", has_text="Сохранено для базы знаний")
    expect(kept).to_contain_text("в сувенирной лавке")
    expect(learn).to_have_count(0)
    operator.reload()
    expect(kept).to_be_visible()
    operator.once("dialog", lambda dialog: dialog.accept())
    operator.get_by_role("button", name="Закрыть чат").click()

    owner = signed_in(site, people, "owner")
    owner.goto(f"{site.address}/admin/knowledge/suggestion/?origin__exact=chat")
    owner.get_by_role("link", name="Продаёте ли вы воздушных змеев?").click()
    expect(owner.locator(".finding")).to_contain_text("Да, в сувенирной лавке.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_pages_are_accessible_and_fit(site: Site, people: People, scheme: str, width: int) -> None:
    owner = people.arrive(color_scheme=scheme, width=width)
    owner.goto(site.sign_in_link("owner"))
    owner.get_by_role("button", name="Войти").click()
    expect(owner).to_have_url(re.compile("/admin/"))
    for page in ("try/?question=Как оплатить тур?", "popular/", "checkup/"):
        owner.goto(f"{site.address}/admin/knowledge/{page}")
        expect(owner.locator(".findings")).to_be_visible()
        assert trouble(owner, ".findings") == [], page
        root = "document.documentElement"
        assert not owner.evaluate(f"{root}.scrollWidth > {root}.clientWidth"), page
