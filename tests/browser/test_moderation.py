"""Rude words, an answer given anew and the summary for the operator, as people see them."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import People, Site
from tests.browser.test_accessibility import trouble
from tests.browser.test_main_job import open_widget, say
from tests.browser.test_people import signed_in

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_rude_visitor_is_warned_muted_and_let_write_again(
    site: Site, people: People, scheme: str
) -> None:
    visitor = people.arrive(width=390, color_scheme=scheme)
    frame = open_widget(visitor, f"{site.address}/")
    log = frame.locator("#log")
    # Another one in each of the two runs, whose chats stand beside each other in the console.
    question = f"Как можно оплатить тур{', скажите' if scheme == 'dark' else ''}?"
    say(frame, question)
    expect(log.locator(".sources")).to_be_visible()

    operator = people.arrive(width=1440, color_scheme=scheme)
    operator.goto(site.sign_in_link("timur"))
    operator.get_by_role("button", name="Войти").click()
    operator.locator(".desk-chat", has_text=question).first.click()

    # The assistant's last word is given anew; nobody loses the former.
    operator.get_by_role("button", name="Ответить заново").click()
    expect(log).to_contain_text("Новый ответ вместо прежнего.")
    expect(log).to_contain_text("Вместо этого ответа дан новый.")
    expect(operator.locator(".said.is-replaced")).to_have_count(1)
    assert trouble(visitor) == []
    visitor.reload()
    # On a small screen a new page begins with the page.
    visitor.get_by_role("button", name="Открыть чат").click()
    expect(log).to_contain_text("Вместо этого ответа дан новый.")

    for number in range(1, 4):
        say(frame, "Ты дебил")
        expect(log.locator(".is-own", has_text="Ты д****")).to_have_count(number)
    expect(log).to_contain_text("Вы не можете писать 15 мин")
    say(frame, "Алло?")
    expect(log.locator(".is-refused")).to_contain_text("Вы не можете писать ещё 15 минут.")
    assert trouble(visitor) == []

    # The rude words called a person, who is told in short what it is about.
    expect(operator.locator(".console-summary")).to_contain_text(question)
    expect(operator.locator(".console-facts")).to_contain_text("Не может писать до")
    operator.get_by_role("button", name="Показать как было написано").first.click()
    expect(operator.locator(".said-original")).to_contain_text("Ты дебил")
    assert trouble(operator, "#console") == []
    operator.get_by_role("button", name="Разрешить писать").press("Enter")
    expect(log).to_contain_text("Вы снова можете писать.")
    log.get_by_role("button", name="Повторить").click()
    expect(log.locator(".is-refused")).to_have_count(0)
    expect(operator.locator(".console-log")).to_contain_text("Алло?")


def test_owner_sets_moderation_up(site: Site, people: People) -> None:
    owner = signed_in(site, people, "owner")
    owner.goto(f"{site.address}/admin/organizations/moderation/add/")
    owner.get_by_label(re.compile("слова, которые не принимаются", re.IGNORECASE)).fill("казин*")
    assert trouble(owner, "#content") == []
    owner.get_by_role("button", name="Сохранить", exact=True).click()
    visitor = people.arrive()
    frame = open_widget(visitor, f"{site.address}/")
    say(frame, "Лучшее к@зино")
    expect(frame.locator(".is-refused")).to_contain_text("«казин» здесь не принимаются")
