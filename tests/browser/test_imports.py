"""The owner brings a table in, looks at what changed in an entry, and takes it back; in Russian."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import People, Site
from tests.browser.test_accessibility import trouble

pytestmark = pytest.mark.browser

TABLE = """вопрос;ответ;категория;приоритет
Можно ли с собакой?;Да, с маленькой.;Животные;7
Можно ли с кошкой?;Да.;Животные;много
"""


def owner_of(site: Site, people: People, **options: object) -> Page:
    """The owner, signed in."""
    page = people.arrive(**options)  # type: ignore[arg-type]
    page.goto(site.sign_in_link("owner"))
    page.get_by_role("button", name="Войти").click()
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    return page


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_table_is_looked_through_and_brought_in(
    site: Site, people: People, tmp_path: Path, scheme: str, width: int
) -> None:
    file = tmp_path / "вопросы.csv"
    file.write_text(TABLE.replace("собакой", f"собакой {width}"), "cp1251")
    owner = owner_of(site, people, color_scheme=scheme, width=width)
    owner.goto(f"{site.address}/admin/knowledge/import/add/")
    owner.locator("input[type=file]").set_input_files(file)
    assert trouble(owner, "#content-main") == []
    owner.get_by_role("button", name="Просмотреть файл").click()
    expect(owner.get_by_role("heading", name="Это изменится")).to_be_visible()
    wrong = owner.locator(".table-rows > li")
    expect(wrong).to_contain_text("Можно ли с кошкой?")
    expect(wrong).to_contain_text("целое число от 1 до 10")
    assert trouble(owner, ".table-page") == []
    owner.get_by_role("navigation", name="Строки").get_by_role("link", name="Новые").click()
    expect(owner.locator(".table-rows > li")).to_contain_text("Животные")
    owner.get_by_role("button", name="Внести 1 строку").click()
    expect(owner.get_by_role("heading", name="Внесено")).to_be_visible()
    assert trouble(owner, ".table-page") == []
    owner.get_by_role("link", name="К записям").click()
    entry = owner.get_by_role("link", name=f"Можно ли с собакой {width}?")
    expect(entry).to_be_visible(timeout=20_000)


def test_entry_is_changed_compared_and_taken_back(site: Site, people: People) -> None:
    owner = owner_of(site, people)
    owner.goto(f"{site.address}/admin/knowledge/faqentry/?q=отменить")
    owner.locator("#result_list tbody th a").first.click()
    answer = owner.locator("[name=answer]")
    before = answer.input_value()
    answer.fill(f"{before} Звоните заранее.")
    owner.get_by_role("button", name="Сохранить и продолжить").click()
    owner.get_by_role("link", name="История").click()
    expect(owner.locator(".diff ins")).to_contain_text("Звоните заранее")
    assert trouble(owner, ".table-page") == []
    owner.get_by_role("button", name="Вернуться к версии 1").click()
    expect(owner.locator(".history tbody tr")).to_have_count(3)
    expect(owner.locator(".diff del")).to_contain_text("Звоните заранее")


def test_list_gives_the_chosen_entries_as_a_file(site: Site, people: People) -> None:
    owner = owner_of(site, people)
    owner.goto(f"{site.address}/admin/knowledge/faqentry/")
    owner.locator("#action-toggle").check()
    owner.locator("select[name=action]").select_option("export_csv")
    with owner.expect_download() as downloading:
        owner.get_by_role("button", name="Выполнить").click()
    text = Path(downloading.value.path()).read_text("utf-8-sig")
    assert text.startswith("id;question;phrasings;answer;")
    assert text.count("\n") > 10
