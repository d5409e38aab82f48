"""A citation leads to its source, by the keyboard alone; and a visitor has everything forgotten."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import People, Site
from tests.browser.test_accessibility import trouble
from tests.browser.test_main_job import open_widget, say
from tests.openai_server import OpenAIServer

pytestmark = pytest.mark.browser

REMEMBER = """
from django.utils import timezone
from datetime import timedelta
from chat.models import MemoryFact, Visitor
from organizations.models import Agent
Agent.unscoped.update(remembers=True)
person = Visitor.unscoped.latest("pk")
for text in ("Едет с двумя детьми.", "Не ест мяса."):
    MemoryFact.unscoped.create(organization_id=person.organization_id, visitor=person,
        text=text, expires_at=timezone.now() + timedelta(days=1))
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_citation_leads_to_its_source_and_memory_can_be_forgotten(
    site_with_model: Site, model_server: OpenAIServer, people: People, scheme: str
) -> None:
    visitor = people.arrive(width=390, color_scheme=scheme)
    frame = open_widget(visitor, f"{site_with_model.address}/")
    say(frame, "Расскажите про экскурсии по Казани и сколько они длятся")
    expect(frame.locator(".is-writing .prose")).not_to_be_empty()
    model_server.open_gate()
    citation = frame.locator("#log a.citation")
    expect(citation).to_have_text("1")
    expect(citation).to_have_attribute("aria-label", re.compile("Источник 1: .+"))
    assert trouble(visitor) == []
    quote = frame.locator("#log .sources blockquote")
    expect(quote).to_be_hidden()
    citation.focus()
    visitor.keyboard.press("Enter")
    expect(quote).to_be_visible()
    expect(frame.locator("#log .sources summary")).to_be_focused()
    assert len(visitor.context.pages) == 1, "the page stays where it is"

    kept = site_with_model.run("manage", "shell", "-c", REMEMBER)
    assert kept.returncode == 0, kept.stderr
    # The widget learns with its page that the agent remembers.
    visitor.reload()
    frame = open_widget(visitor, f"{site_with_model.address}/")
    frame.locator("#menu").press("Enter")
    frame.get_by_role("button", name="Что обо мне помнят").press("Enter")
    sheet = frame.get_by_role("dialog")
    expect(sheet.locator(".remembered li")).to_have_count(2)
    assert trouble(visitor) == []
    sheet.get_by_role("button", name="Забыть: Не ест мяса.").press("Enter")
    expect(sheet.locator(".remembered li")).to_have_count(1)
    expect(sheet.locator(".remembered li")).to_contain_text("Едет с двумя детьми.")
    sheet.get_by_role("button", name="Забыть всё").press("Enter")
    expect(sheet).to_contain_text("Вернуть это будет нельзя")
    sheet.get_by_role("button", name="Забыть всё").press("Enter")
    expect(sheet).to_contain_text("Всё забыто.")
    visitor.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    frame.locator("#menu").press("Enter")
    frame.get_by_role("button", name="Что обо мне помнят").press("Enter")
    expect(frame.get_by_role("dialog")).to_contain_text("О вас ничего не запомнено.")
