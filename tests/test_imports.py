"""Imports: what a table would change, brought in once and whole, whoever is killed meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from knowledge import entries, exports, imports, indexing, retrieval, tasks
from knowledge.imports.looking import CHUNK
from knowledge.models import Category, FAQEntry, Import, Knowledge, Passage, Revision
from knowledge.written import fold
from tests.conftest import House, client_of
from tests.processes import started
from tests.product import wait_until
from tests.tables import actions, brought_in, checked, codes, saved, table

KINDS = list(exports.TYPES)

# --- what would change ----------------------------------------------------------------------------


def test_rows_are_matched_by_id_and_else_by_question_and_language(acme: House) -> None:
    known = entries.create_faq(acme.organization, question="Ещё вопрос?", answer="1", language="ru")
    other = entries.create_faq(acme.organization, question="Hotel?", answer="2", language="en")
    entries.create_faq(acme.organization, question="Hotel?", answer="3", language="ru")
    data = table(
        ["id", "question", "answer", "language"],
        [known.key, "Другой вопрос?", "1", ""],
        ["", "hotel?", "2b", "en"],
        ["strange", "еще  ВОПРОС?", "new", "ru"],
        ["", "Hotel?", "4", ""],
    )
    batch = checked(acme, data)
    rows = list(batch.rows.order_by("number"))
    assert [row.entry_id for row in rows[:2]] == [known.pk, other.pk]
    assert rows[0].values == {"question": "Другой вопрос?"}
    assert rows[0].before == {"question": "Ещё вопрос?"}
    assert codes(batch)[2:] == [
        [("question", "duplicate_question")],
        [("question", "several_match")],
    ]


def test_columns_that_are_not_there_leave_the_entry_as_it_is(acme: House) -> None:
    category = Category.unscoped.create(organization=acme.organization, name="A")
    entry = entries.create_faq(
        acme.organization,
        question="Q?",
        answer="A",
        language="en",
        keywords=["k"],
        priority=8,
        category=category,
    )
    brought_in(acme, table(["id", "answer", "priority"], [entry.key, "B", ""]))
    entry.refresh_from_db()
    assert (entry.question, entry.answer, entry.priority) == ("Q?", "B", 8)
    assert (entry.keywords, entry.category) == (["k"], category)


def test_dry_run_writes_nothing_and_names_new_categories(acme: House) -> None:
    Category.unscoped.create(organization=acme.organization, name="Оплата")
    data = table(
        ["question", "answer", "category", "colour"],
        ["A?", "1", "оплата", "red"],
        ["B?", "2", "Оплата > Карты", ""],
        ["C?", "3", "ОПЛАТА › карты", ""],
    )
    batch = checked(acme, data)
    assert batch.report == {"ignored": ["colour"], "categories": ["Оплата › Карты"]}
    assert saved(acme) == []
    assert Category.objects.of(acme.organization).count() == 1
    imports.bring_in(batch)
    imports.apply(batch.pk)
    assert [str(entry.category) for entry in saved(acme)] == [
        "Оплата",
        "Оплата › Карты",
        "Оплата › Карты",
    ]
    assert Category.objects.of(acme.organization).count() == 2


def test_what_changed_since_the_check_is_left_as_it_is(acme: House) -> None:
    edited, gone, left = (
        entries.create_faq(acme.organization, question=f"{name}?", answer="old", language="en")
        for name in ("Edited", "Gone", "Left")
    )
    data = table(
        ["id", "question", "answer"],
        [edited.key, "Edited?", "from the file"],
        [gone.key, "Gone?", "from the file"],
        [left.key, "Left?", "from the file"],
        ["", "New?", "from the file"],
        ["mine", "Newer?", "from the file"],
        ["", "Newest?", "from the file"],
    )
    batch = checked(acme, data)
    edited.answer = "by hand"
    entries.save(edited)
    gone.delete()
    entries.create_faq(acme.organization, question="new?", answer="by hand", language="en")
    entries.create_faq(acme.organization, question="X", answer="by hand", key="mine")
    assert imports.bring_in(batch)
    imports.apply(batch.pk)
    batch.refresh_from_db()
    assert [row[0][1] if row else "" for row in codes(batch)] == [
        "changed_meanwhile",
        "deleted_meanwhile",
        "",
        "appeared_meanwhile",
        "appeared_meanwhile",
        "",
    ]
    assert batch.left_count == 4
    answers = {entry.question: entry.answer for entry in saved(acme)}
    assert answers == {
        "Edited?": "by hand",
        "Left?": "from the file",
        "new?": "by hand",
        "X": "by hand",
        "Newest?": "from the file",
    }
    page = client_of(acme.owner).get(f"/admin/knowledge/import/{batch.pk}/change/")
    assert "Somebody changed the entry after the check" in page.text


def test_second_import_of_the_same_file_changes_nothing(acme: House) -> None:
    data = table(["question", "answer", "category"], *[[f"Q{n}?", "A", "C"] for n in range(30)])
    brought_in(acme, data)
    assert actions(checked(acme, data)) == ["unchanged"] * 30


def test_brought_in_rows_are_indexed_and_have_their_author(acme: House) -> None:
    old = entries.create_faq(acme.organization, question="Refund?", answer="No.", language="en")
    indexing.index("faq", old.pk, old.content_hash)
    data = table(
        ["question", "answer", "priority"],
        ["Refund?", "Within seven days.", "9"],
        ["Where is the museum?", "In the old town.", ""],
    )
    brought_in(acme, data)
    pending = FAQEntry.objects.of(acme.organization).filter(status=Knowledge.Status.PENDING)
    pairs = list(pending.values_list("pk", "content_hash"))
    assert len(pairs) == 2
    # Until then the old words, but with the new priority.
    assert Passage.unscoped.get(faq=old).priority == 9
    tasks.index_many("faq", pairs)
    assert not pending.exists()
    found = retrieval.search(acme.organization, "Refund?").sources
    assert [source.text for source in found] == ["Within seven days."]
    kept = Revision.objects.of(acme.organization).order_by("faq", "number")
    assert [(r.faq_id == old.pk, r.number, r.author) for r in kept] == [
        (True, 1, None),
        (True, 2, acme.owner),
        (False, 1, acme.owner),
    ]


# --- the worker -----------------------------------------------------------------------------------


def test_check_that_was_cut_off_goes_on(acme: House, monkeypatch: pytest.MonkeyPatch) -> None:
    data = table(["question", "answer"], *[[f"Q{n % 1500}?", "A"] for n in range(1600)])
    batch = imports.upload(acme.organization, ContentFile(data, "a.csv"))
    cut_off(monkeypatch, "knowledge.imports.looking._store", after=2)
    with pytest.raises(Killed):
        imports.check(batch.pk)
    monkeypatch.undo()
    batch.refresh_from_db()
    assert (batch.rows_done, batch.rows_total, batch.status) == (1000, 1600, "checking")
    imports.check(batch.pk)
    batch.refresh_from_db()
    assert (batch.created_count, batch.wrong_count, batch.rows_done) == (1500, 100, 1600)
    assert batch.rows.count() == 1600


def test_bringing_in_that_was_cut_off_goes_on(acme: House, monkeypatch: pytest.MonkeyPatch) -> None:
    data = table(["question", "answer"], *[[f"Q{n}?", "A"] for n in range(1200)])
    batch = checked(acme, data)
    imports.bring_in(batch)
    cut_off(monkeypatch, "knowledge.imports.applying._bring_in", after=1)
    with pytest.raises(Killed):
        imports.apply(batch.pk)
    monkeypatch.undo()
    batch.refresh_from_db()
    assert batch.rows_done == len(saved(acme)) == CHUNK
    imports.apply(batch.pk)
    batch.refresh_from_db()
    assert (batch.status, batch.rows_done) == ("done", 1200)
    assert sorted(e.question for e in saved(acme)) == sorted(f"Q{n}?" for n in range(1200))


class Killed(BaseException):
    """The worker is gone."""


def cut_off(monkeypatch: pytest.MonkeyPatch, name: str, *, after: int) -> None:
    """End the work at the call of a function that comes after so many."""
    module, function = name.rsplit(".", 1)
    real: Callable[..., Any] = getattr(__import__(module, fromlist=[function]), function)
    calls: list[int] = []

    def called(*args: Any) -> Any:
        if len(calls) == after:
            raise Killed
        calls.append(1)
        return real(*args)

    monkeypatch.setattr(name, called)


def test_cancelled_import_writes_nothing(acme: House) -> None:
    batch = checked(acme, table(["question", "answer"], ["A?", "B"]))
    assert imports.cancel(batch)
    assert not imports.bring_in(batch)
    imports.apply(batch.pk)
    imports.check(batch.pk)
    batch.refresh_from_db()
    assert (batch.status, batch.rows.count(), saved(acme)) == ("cancelled", 0, [])
    done = brought_in(acme, table(["question", "answer"], ["A?", "B"]))
    assert not imports.cancel(done)
    assert not imports.bring_in(done)


def test_import_that_was_lost_on_its_way_is_sent_again(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    batch = imports.upload(acme.organization, ContentFile(b"question\na\n", "a.csv"))
    monkeypatch.setattr(entries, "tell", lambda *arguments: sent.append(arguments))
    assert tasks.resume_imports() == 0
    Import.unscoped.filter(pk=batch.pk).update(updated_at="2026-01-01T00:00Z")
    assert tasks.resume_imports() == 1
    assert sent == [("knowledge.tasks.check_import", batch.pk)]


@pytest.mark.django_db(transaction=True)
def test_killed_worker_brings_no_row_in_twice(acme: House, tmp_path: Path) -> None:
    rows = [[f"Question number {n}?", f"Answer {n}."] for n in range(2000)]
    batch = checked(acme, table(["question", "answer"], *rows))
    command = (
        *("-m", "celery", "-A", "webassistant", "worker", "-Q", "indexing", "-P", "prefork"),
        *("-c", "1", "--without-mingle", "--without-gossip"),
    )
    with started("first", command, tmp_path) as worker:
        assert imports.bring_in(batch)
        wait_until(lambda: saved(acme), "some rows are in")
        worker.end_group()
    batch.refresh_from_db()
    assert 0 < len(saved(acme)) == batch.rows_done < 2000
    with started("second", command, tmp_path):
        Import.unscoped.filter(pk=batch.pk).update(updated_at="2026-01-01T00:00Z")
        tasks.resume_imports()
        wait_until(lambda: done(batch), "all rows are in")
    assert sorted(fold(entry.question) for entry in saved(acme)) == sorted(
        fold(question) for question, _answer in rows
    )


def done(batch: Import) -> bool:
    batch.refresh_from_db()
    return batch.status == Import.Status.DONE


# --- the pages ------------------------------------------------------------------------------------


def test_owner_uploads_looks_and_brings_in(acme: House) -> None:
    client = client_of(acme.owner)
    data = table(["question", "answer"], ["A?", "1"], ["B?", ""])
    response = client.post(
        "/admin/knowledge/import/add/", {"file": SimpleUploadedFile("faq.csv", data)}
    )
    batch = Import.objects.of(acme.organization).get()
    address = f"/admin/knowledge/import/{batch.pk}/change/"
    assert response["Location"] == address
    assert batch.author == acme.owner
    progress = f"/admin/knowledge/import/{batch.pk}/progress/"
    assert client.get(progress).json()["is_under_way"] is True
    assert "import-progress" in client.get(address).text
    imports.check(batch.pk)
    assert client.get(progress).json()["is_under_way"] is False
    page = client.get(address)
    assert "Bring in 1 row" in page.text
    assert "There is nothing here." in page.text
    client.post(address, {"bring_in": "1"})
    imports.apply(batch.pk)
    assert [entry.question for entry in saved(acme)] == ["A?"]
    assert "To the entries" in client.get(address).text
    assert "Too late" in client.post(address, {"cancel": "1"}, follow=True).text


def test_operator_sees_no_imports(acme: House) -> None:
    batch = checked(acme, table(["question", "answer"], ["A?", "1"]))
    client = client_of(acme.operator)
    for address in ("", "add/", f"{batch.pk}/change/", f"{batch.pk}/progress/"):
        assert client.get(f"/admin/knowledge/import/{address}").status_code == 403
    assert (
        client.post(f"/admin/knowledge/import/{batch.pk}/change/", {"bring_in": "1"}).status_code
        == 403
    )
    batch.refresh_from_db()
    assert batch.status == Import.Status.CHECKED


@pytest.mark.parametrize("data", [table(["question", "answer"], ["Q?", "A."]), b"nothing;known"])
def test_import_keeps_the_name_of_its_file(acme: House, data: bytes) -> None:
    owner = client_of(acme.owner)
    for _again in range(2):
        upload = SimpleUploadedFile("Мои вопросы (новые).csv", data)
        page = owner.post("/admin/knowledge/import/add/", {"file": upload}, follow=True)
        batch = Import.unscoped.latest("pk")
        tasks.check_import(batch.pk)
        imports.cancel(batch)
    listed = owner.get("/admin/knowledge/import/?q=вопросы (нов").text
    assert listed.count("Мои вопросы (новые).csv") == 2
    page = owner.get(f"/admin/knowledge/import/{batch.pk}/change/")
    assert "Мои вопросы (новые).csv" in page.text


def test_rows_are_shown_a_page_at_a_time(acme: House) -> None:
    data = table(["question", "answer"], *[[f"Question {n:03}?", "A"] for n in range(120)])
    batch = checked(acme, data)
    client = client_of(acme.owner)
    address = f"/admin/knowledge/import/{batch.pk}/change/"
    first = client.get(address).text
    assert "Question 049?" in first
    assert "Question 050?" not in first
    assert "Question 119?" in client.get(f"{address}?rows=new&p=3").text
    with CaptureQueriesContext(connection) as captured:
        client.get(address)
    assert len(captured.captured_queries) < 20
