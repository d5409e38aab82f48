"""The owner's pages of knowledge: the editor, documents as they are indexed, sorted categories."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import People, Site
from tests.browser.test_accessibility import trouble
from tests.product import wait_until

pytestmark = pytest.mark.browser


def signed_in(site: Site, people: People, **options: object) -> Page:
    owner = people.arrive(**options)  # type: ignore[arg-type]
    owner.goto(site.sign_in_link("owner"))
    owner.get_by_role("button", name="Войти").click()
    expect(owner.locator(".start")).to_be_visible()
    return owner


def test_article_is_written_beside_its_preview_and_becomes_passages(
    site: Site, people: People
) -> None:
    page = signed_in(site, people, width=1440)
    page.goto(f"{site.address}/admin/knowledge/article/add/")
    page.get_by_label("заголовок").first.fill("Багаж и животные")
    text = page.locator("textarea[name=body]")
    text.fill("# Багаж\n\nОдин чемодан.")
    preview = page.get_by_role("region", name="Предпросмотр")
    expect(preview.get_by_role("heading", name="Багаж")).to_be_visible()

    # The buttons by keyboard: Tab to the row, arrows through it.
    page.get_by_role("button", name="Полужирный").focus()
    text.press("Control+a")
    page.keyboard.press("ArrowRight")
    page.keyboard.type("# Багаж\n\nчемодан")
    for _letter in "чемодан":
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Control+b")
    expect(text).to_have_value(re.compile(r"\*\*чемодан\*\*$"))
    expect(preview.locator("strong")).to_have_text("чемодан")
    text.press("Control+z")
    expect(text).to_have_value(re.compile(r"[^*]чемодан$"))
    text.evaluate("field => field.setSelectionRange(0, 0)")
    page.get_by_role("button", name="Полужирный").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("button", name="Курсив")).to_be_focused()

    # What means harm is shown as visitors would see it.
    text.fill("# Багаж\n\nДва чемодана <img src=x onerror=alert(1)>\n\n# Животные\n\nМожно.")
    expect(preview).to_contain_text("<img src=x")
    assert trouble(page, "#content-main") == []

    # Leaving with unsaved words is asked about.
    asked = []

    def stay(dialog: object) -> None:
        asked.append(dialog.type)  # type: ignore[attr-defined]
        dialog.dismiss()  # type: ignore[attr-defined]

    page.once("dialog", stay)
    page.evaluate("setTimeout(() => { location.href = '/admin/' })")
    page.wait_for_timeout(0)
    expect(text).to_have_value(re.compile("Два чемодана"))
    page.get_by_role("button", name=re.compile("продолжить редактирование", re.I)).click()

    # What it became shows by itself once the worker is done.
    expect(page.locator("[data-indexing]")).to_have_attribute(
        "data-status", "ready", timeout=60_000
    )
    became = page.locator("[data-came=passages] li")
    expect(became).to_have_count(2)
    expect(became.nth(1)).to_contain_text("Багаж и животные › Животные")
    assert asked == ["beforeunload"]
    assert trouble(page, "#content-main") == []


def test_editor_on_a_phone_shows_text_or_preview(site: Site, people: People) -> None:
    page = signed_in(site, people, width=390, height=800)
    page.goto(f"{site.address}/admin/knowledge/faqentry/add/")
    page.locator("textarea[name=answer]").fill("**Да**")
    preview = page.get_by_role("region", name="Предпросмотр")
    expect(preview).to_be_hidden()
    page.get_by_role("tab", name="Текст").focus()
    page.keyboard.press("ArrowRight")
    expect(preview.locator("strong")).to_have_text("Да")
    expect(page.locator("textarea[name=answer]")).to_be_hidden()
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(wide)
    assert trouble(page, "#content-main") == []


def test_repeated_and_empty_lines_of_an_entry_are_folded(site: Site, people: People) -> None:
    page = signed_in(site, people)
    page.goto(f"{site.address}/admin/knowledge/faqentry/add/")
    page.locator("input[name=question], textarea[name=question]").fill("Можно с собакой?")
    page.locator("textarea[name=answer]").fill("Можно.")
    page.locator("textarea[name=phrasings]").fill(
        "Берёте собак?\n\n берёте  СОБАК?\nможно с собакой?\n"
    )
    page.get_by_role("button", name=re.compile("продолжить редактирование", re.I)).click()
    expect(page.locator("textarea[name=phrasings]")).to_have_value("Берёте собак?")


def test_end_of_indexing_is_said_unseen_and_dated_without_a_reload(
    site: Site, people: People
) -> None:
    page = signed_in(site, people)
    page.goto(f"{site.address}/admin/knowledge/faqentry/add/")
    page.locator("input[name=question]").fill("Сдаёте ли вы велосипеды?")
    page.locator("textarea[name=answer]").fill("Да, у причала.")
    page.get_by_role("button", name=re.compile("продолжить редактирование", re.I)).click()
    expect(page.locator("[data-indexing]")).to_have_attribute("data-status", "ready")
    expect(page.locator("[data-came=indexed]")).to_contain_text(re.compile(r"\d:\d\d"))
    said = page.locator("body > p[role=status]").bounding_box()
    assert said is not None
    assert max(said["width"], said["height"]) <= 1


# Every value that a progress bar of the page had, by the page itself: the test may look away.
WATCH_PROGRESS = """
    window.shares = new Set();
    const look = () => document.querySelectorAll("[data-indexing] progress")
        .forEach((bar) => window.shares.add(bar.value));
    new MutationObserver(look).observe(document, { childList: true, subtree: true });
"""


def test_document_shows_its_progress_and_its_end(site: Site, people: People) -> None:
    page = signed_in(site, people)
    page.add_init_script(WATCH_PROGRESS)
    page.goto(f"{site.address}/admin/knowledge/document/add/")
    words = "".join(f"## Пункт {n}\n\n{'Слова о турах и билетах. ' * 40}\n\n" for n in range(5000))
    page.locator("input[type=file]").set_input_files(
        {"name": "rules.pdf", "mimeType": "application/pdf", "buffer": words.encode()}
    )
    page.get_by_role("button", name="Сохранить", exact=True).click()
    cell = page.locator("tr", has_text="rules").locator("[data-indexing]")
    expect(cell.locator("progress")).to_be_visible(timeout=60_000)
    assert trouble(page, "#result_list") == []
    wait_until(lambda: cell.get_attribute("data-status") == "ready", "the document is searchable")
    assert page.evaluate("window.shares.size") > 1
    expect(page.locator("p[role=status]").last).to_contain_text("rules")


def test_unreadable_document_is_refused_at_once_with_the_reason(site: Site, people: People) -> None:
    page = signed_in(site, people)
    page.goto(f"{site.address}/admin/knowledge/document/add/")
    page.locator("input[type=file]").set_input_files(
        {"name": "a.pdf", "mimeType": "application/pdf", "buffer": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"}
    )
    page.get_by_role("button", name="Сохранить", exact=True).click()
    expect(page.locator("form#document_form")).to_contain_text("Это картинка")


def test_categories_are_sorted_by_keyboard_and_by_dragging(site: Site, people: People) -> None:
    page = signed_in(site, people)
    for name in ("Первая", "Вторая", "Третья"):
        page.goto(f"{site.address}/admin/knowledge/category/add/")
        page.locator("input[name=name]").fill(name)
        page.get_by_role("button", name="Сохранить", exact=True).click()
        expect(page.locator(f"li[data-name={name}]")).to_be_visible()

    def order() -> list[str]:
        names = page.locator(".shelves > ul > li").evaluate_all(
            "rows => rows.map(row => row.dataset.name)"
        )
        return [name for name in names if name in ("Первая", "Вторая", "Третья")]

    up = page.get_by_role("button", name="Выше: Третья")
    up.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Третья: место")
    expect(up).to_be_focused()
    assert order() == ["Первая", "Третья", "Вторая"]
    page.reload()
    assert order() == ["Первая", "Третья", "Вторая"]

    handle = page.locator("li[data-name=Вторая] .shelf-handle")
    with page.expect_response(re.compile("/sort/")) as saved:
        handle.drag_to(page.locator("li[data-name=Первая] > .shelf"))
    assert saved.value.ok
    after = order()
    assert after != ["Первая", "Третья", "Вторая"]
    page.reload()
    assert order() == after
    assert trouble(page, "#content-main") == []


ARRANGED = """async () => {
  const { arrange } = await import(document.querySelector("script[src*='admin/graph']").src);
  const nodes = Array.from({ length: 61 }, (_nothing, id) => ({ id }));
  const others = [1, 7, 23];
  const linked = nodes.slice(0, 60);
  arrange({ nodes, edges: linked.flatMap(({ id }) => others.map((n) => [id, (id + n) % 60, 2])) });
  const far = nodes.map(({ x, y }) => Math.hypot(x, y));
  return [far[60], Math.max(...far.slice(0, 60))];
}"""


def test_entity_that_is_linked_to_none_stays_near_the_others(site: Site, people: People) -> None:
    page = signed_in(site, people)
    page.goto(f"{site.address}/admin/knowledge/graph/")
    alone, linked = page.evaluate(ARRANGED)
    assert alone < 3 * linked
