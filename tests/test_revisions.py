"""Revisions: each saving is kept with who and when, compared word by word, and brought back."""

from __future__ import annotations

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge import entries, revisions
from knowledge.models import Article, Category, FAQEntry, Knowledge, Revision
from knowledge.revisions import Stretch
from tests.conftest import House, client_of


def numbers(item: FAQEntry | Article) -> list[int]:
    return [revision.number for revision in revisions.of(item)]


def written_entry(house: House, **fields: object) -> FAQEntry:
    """An entry of the owner's."""
    content = {"question": "Refund?", "answer": "Within 7 days.", "language": "en", **fields}
    return entries.save(FAQEntry(organization=house.organization, **content), house.owner)


# --- what is kept ---------------------------------------------------------------------------------


def test_each_saving_is_kept_with_who_and_when(acme: House) -> None:
    entry = written_entry(acme, valid_until=date(2027, 1, 31), keywords=["money"])
    entry.answer = "Within 14 days."
    entries.save(entry, acme.operator)
    new, old = revisions.of(entry)
    assert (old.number, old.author, new.number, new.author) == (1, acme.owner, 2, acme.operator)
    assert old.content["answer"] == "Within 7 days."
    assert new.content == {
        "question": "Refund?",
        "phrasings": [],
        "answer": "Within 14 days.",
        "keywords": ["money"],
        "category": None,
        "category_id": None,
        "language": "en",
        "priority": 5,
        "is_active": True,
        "valid_from": None,
        "valid_until": "2027-01-31",
    }
    assert old.created_at <= new.created_at


def test_saving_without_a_change_keeps_nothing(acme: House) -> None:
    entry = written_entry(acme)
    entries.save(FAQEntry.unscoped.get(pk=entry.pk), acme.operator)
    assert numbers(entry) == [1]


def test_putting_aside_is_a_revision_too(acme: House) -> None:
    entry = written_entry(acme)
    entries.set_active(entry, False, acme.operator)
    assert [(r.number, r.author, r.content["is_active"]) for r in revisions.of(entry)] == [
        (2, acme.operator, False),
        (1, acme.owner, True),
    ]


def test_what_was_there_before_revisions_is_kept_at_the_first_saving(acme: House) -> None:
    entry = FAQEntry.unscoped.create(
        organization=acme.organization, question="Old?", answer="Old.", language="en"
    )
    before = entry.updated_at
    entry.answer = "New."
    entries.save(entry, acme.owner)
    new, old = revisions.of(entry)
    assert (old.number, old.author, old.content["answer"]) == (1, None, "Old.")
    assert old.created_at == before
    assert (new.number, new.author, new.content["answer"]) == (2, acme.owner, "New.")


def test_category_that_is_renamed_is_no_change(acme: House) -> None:
    category = Category.unscoped.create(organization=acme.organization, name="Money")
    entry = written_entry(acme, category=category)
    category.name = "Payment"
    category.save()
    entries.save(FAQEntry.unscoped.get(pk=entry.pk), acme.owner)
    assert numbers(entry) == [1]


def test_articles_have_revisions_and_documents_have_none(acme: House) -> None:
    article = entries.create_article(acme.organization, title="Terms", body="# A\n\nText.")
    article.body = "# A\n\nOther text."
    entries.save(article, acme.owner)
    assert numbers(article) == [2, 1]
    assert not Revision.objects.of(acme.organization).exclude(article=article).exists()


# --- the way back ---------------------------------------------------------------------------------


def test_older_revision_is_brought_back_and_indexed(acme: House) -> None:
    outer = Category.unscoped.create(organization=acme.organization, name="A")
    entry = written_entry(acme, category=outer, phrasings=["Money back?"], priority=3)
    FAQEntry.unscoped.filter(pk=entry.pk).update(status="ready")
    entry.refresh_from_db()
    entry.answer, entry.category, entry.phrasings, entry.priority = "Never.", None, [], 9
    entries.save(entry, acme.owner)
    FAQEntry.unscoped.filter(pk=entry.pk).update(status="ready")
    client = client_of(acme.owner)
    address = f"/admin/knowledge/faqentry/{entry.pk}/history/"
    page = client.post(address, {"restore": "1"}, follow=True)
    assert "Revision 1 is in use again." in page.text
    entry.refresh_from_db()
    assert (entry.answer, entry.category_id, entry.priority) == ("Within 7 days.", outer.pk, 3)
    assert entry.phrasings == ["Money back?"]
    assert entry.status == Knowledge.Status.PENDING
    assert numbers(entry) == [3, 2, 1]
    assert revisions.of(entry)[0].author == acme.owner


def test_category_that_is_gone_is_told(acme: House) -> None:
    category = Category.unscoped.create(organization=acme.organization, name="A")
    entry = written_entry(acme, category=category)
    category.delete()
    entry.refresh_from_db()
    entry.answer = "Never."
    entries.save(entry)
    address = f"/admin/knowledge/faqentry/{entry.pk}/history/"
    page = client_of(acme.owner).post(address, {"restore": "1"}, follow=True)
    assert "Its category is not there any more." in page.text


def test_revision_that_is_not_right_by_the_rules_of_now_is_refused(acme: House) -> None:
    entry = written_entry(acme)
    revision = revisions.of(entry)[0]
    Revision.unscoped.filter(pk=revision.pk).update(content={**revision.content, "priority": 99})
    address = f"/admin/knowledge/faqentry/{entry.pk}/history/"
    page = client_of(acme.owner).post(address, {"restore": "1"}, follow=True)
    assert "less than or equal to 10" in page.text
    entry.refresh_from_db()
    assert entry.priority == 5


@pytest.mark.parametrize("number", ["", "9", "x", "-1", "99999999999999999999", "1\0"])
def test_revision_that_is_not_there_is_not_found(acme: House, number: str) -> None:
    entry = written_entry(acme)
    address = f"/admin/knowledge/faqentry/{entry.pk}/history/"
    assert client_of(acme.owner).post(address, {"restore": number}).status_code == 404
    assert client_of(acme.owner).get(address, {"old": number, "new": number}).status_code == 200


def test_operator_reads_the_history_and_does_not_change_it(acme: House) -> None:
    entry = written_entry(acme)
    entry.answer = "Never."
    entries.save(entry, acme.owner)
    client = client_of(acme.operator)
    address = f"/admin/knowledge/faqentry/{entry.pk}/history/"
    page = client.get(address)
    assert "Go back" not in page.text
    assert client.post(address, {"restore": "1"}).status_code == 403
    entry.refresh_from_db()
    assert entry.answer == "Never."


def test_form_does_not_write_over_what_was_saved_since_it_was_opened(acme: House) -> None:
    entry = written_entry(acme)
    address = f"/admin/knowledge/faqentry/{entry.pk}/change/"
    client = client_of(acme.owner)
    assert '<input type="hidden" name="seen" value="1">' in client.get(address).text
    fields = {"question": "Refund?", "language": "en", "priority": "5", "is_active": "on"}
    first = client.post(address, {**fields, "seen": "1", "answer": "From the first tab."})
    assert first.status_code == 302
    late = {**fields, "seen": "1", "answer": "From the second tab."}
    page = client.post(address, late)
    assert "This was saved meanwhile (revision 2," in page.text
    assert "From the second tab." in page.text
    entry.refresh_from_db()
    assert entry.answer == "From the first tab."
    # Who has read that saves again.
    assert '<input type="hidden" name="seen" value="2">' in page.text
    assert client.post(address, {**late, "seen": "2"}).status_code == 302
    entry.refresh_from_db()
    assert entry.answer == "From the second tab."


def test_revision_of_another_entry_is_not_found(acme: House) -> None:
    entry, other = written_entry(acme), written_entry(acme, question="Other?")
    other.answer = "Mine."
    entries.save(other, acme.owner)
    address = f"/admin/knowledge/faqentry/{entry.pk}/history/"
    assert client_of(acme.owner).post(address, {"restore": "2"}).status_code == 404


# --- the difference -------------------------------------------------------------------------------


def test_page_shows_the_words_that_changed(acme: House) -> None:
    entry = written_entry(acme)
    entry.answer = "Within 14 <b> days."
    entries.save(entry, acme.owner)
    page = client_of(acme.owner).get(f"/admin/knowledge/faqentry/{entry.pk}/history/").text
    changed = " ".join(page.split())
    assert '<del><span class="table-hidden">removed: </span>7<' in changed
    assert "added: </span>14 &lt;b&gt;<span" in changed
    assert "Within <del>" in changed


def test_day_is_shown_as_people_write_it_and_changes_whole(acme: House) -> None:
    entry = written_entry(acme)
    entry.valid_from, entry.valid_until = date(2026, 12, 1), date(2026, 12, 31)
    entries.save(entry, acme.owner)
    entry.valid_from, entry.valid_until = None, date(2027, 1, 31)
    entries.save(entry, acme.owner)
    page = client_of(acme.owner).get(
        f"/admin/knowledge/faqentry/{entry.pk}/history/", headers={"accept-language": "ru"}
    )
    found = {change.label: change.stretches for change in page.context["changes"]}
    assert found == {
        "Действует с": [Stretch("del", "01.12.2026")],
        "Действует по": [Stretch("del", "31.12.2026"), Stretch("ins", "31.01.2027")],
    }


def test_difference_is_word_by_word() -> None:
    found = revisions.diff("Вернём деньги за 7 дней.", "Вернём все деньги за 14 дней!")
    assert [(part.kind, part.text) for part in found] == [
        ("same", "Вернём"),
        ("ins", " все"),
        ("same", " деньги за "),
        ("del", "7"),
        ("ins", "14"),
        ("same", " дней"),
        ("del", "."),
        ("ins", "!"),
    ]


LINES = st.lists(st.text("ab. \n", max_size=6), max_size=12).map("\n".join)


@given(old=LINES | st.text(max_size=40), new=LINES | st.text(max_size=40))
def test_difference_holds_both_texts_whole(old: str, new: str) -> None:
    parts = revisions.diff(old, new)
    assert "".join(part.text for part in parts if part.kind != "ins") == old
    assert "".join(part.text for part in parts if part.kind != "del") == new
    assert all(part.text for part in parts)


def test_longest_articles_are_compared_in_a_while() -> None:
    old = " ".join(f"word{n % 997}" for n in range(30_000))
    new = old.replace("word7 ", "other ")
    began = time.process_time()
    parts = revisions.diff(old, new)
    assert "".join(part.text for part in parts if part.kind != "ins") == old
    # Not a measurement: word by word without a bound it takes minutes.
    assert time.process_time() - began < 30
