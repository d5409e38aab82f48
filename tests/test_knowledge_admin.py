"""The owner's pages of knowledge: categories in their order, previews, files, progress."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.urls import reverse

from knowledge import categories, entries, indexing
from knowledge.admin.pieces import DocumentAdmin
from knowledge.models import Category, Document, FAQEntry
from organizations.models import User
from tests.conftest import House, client_of

SORT = "/admin/knowledge/category/sort/"


def shelf(house: House, name: str, parent: Category | None = None) -> Category:
    return categories.save(Category(organization=house.organization, name=name, parent=parent))


def names(house: House) -> list[str]:
    return [str(row) for row in categories.in_order(Category.objects.of(house.organization))]


# --- categories -----------------------------------------------------------------------------------


def test_new_category_stands_last_on_its_shelf(acme: House) -> None:
    first, _second = shelf(acme, "A"), shelf(acme, "B")
    shelf(acme, "inner 1", first)
    shelf(acme, "inner 2", first)
    assert names(acme) == ["A", "A › inner 1", "A › inner 2", "B"]


def test_third_level_is_refused(acme: House) -> None:
    inner = shelf(acme, "inner", shelf(acme, "A"))
    with pytest.raises(ValidationError) as caught:
        shelf(acme, "too deep", inner)
    assert caught.value.error_dict["parent"][0].code == "category_depth"


def test_order_is_saved_by_the_page(acme: House) -> None:
    a, b, c = (shelf(acme, name) for name in "ABC")
    response = client_of(acme.owner).post(SORT, {"parent": "", "order": f"{c.pk},{a.pk},{b.pk}"})
    assert response.json() == {"code": "saved"}
    assert names(acme) == ["C", "A", "B"]


def test_category_is_moved_by_its_button_without_scripts(acme: House) -> None:
    _a, b, _c = (shelf(acme, name) for name in "ABC")
    client = client_of(acme.owner)
    for move in ("down", "down", "up", "up", "up"):
        assert client.post(SORT, {"move": f"{b.pk}:{move}"}).status_code == 302
    assert names(acme) == ["B", "A", "C"]


@pytest.mark.parametrize("order", ["", "1", "1,1,2", "x", "9" * 40])
def test_order_that_is_not_of_this_shelf_is_refused(acme: House, order: str) -> None:
    shelf(acme, "A")
    shelf(acme, "B")
    response = client_of(acme.owner).post(SORT, {"parent": "", "order": order})
    assert (response.status_code, response.json()["code"]) == (409, "stale_order")
    assert names(acme) == ["A", "B"]


def test_foreign_category_is_not_moved(acme: House, globex: House) -> None:
    a, b = shelf(globex, "A"), shelf(globex, "B")
    client = client_of(acme.owner)
    assert client.post(SORT, {"move": f"{b.pk}:up"}).status_code == 404
    assert client.post(SORT, {"order": f"{b.pk},{a.pk}"}).status_code == 409
    assert names(globex) == ["A", "B"]


def test_operator_and_outsider_do_not_sort(acme: House, outsider: User) -> None:
    a, b = shelf(acme, "A"), shelf(acme, "B")
    order = {"order": f"{b.pk},{a.pk}"}
    assert client_of(acme.operator).post(SORT, order).status_code == 403
    assert client_of(outsider).post(SORT, order).status_code == 302
    assert names(acme) == ["A", "B"]


def test_tree_shows_what_stands_on_a_shelf_and_whose_it_is(acme: House) -> None:
    outer = shelf(acme, "Outer")
    outer.agents.add(acme.agent)
    inner = shelf(acme, "Inner", outer)
    entries.create_faq(acme.organization, question="So?", answer="Yes.", category=inner)
    page = client_of(acme.owner).get("/admin/knowledge/category/")
    (tree,) = page.context["tree"]
    assert [(i.category.pieces, i.category.whose) for i in tree.inside] == [(1, "main")]


# --- entries --------------------------------------------------------------------------------------


def test_lines_of_an_entry_are_folded(acme: House) -> None:
    entry = entries.create_faq(
        acme.organization,
        question="Can I bring a dog?",
        answer="Yes.",
        phrasings=["Dogs?", "", "  dogs? ", "can I bring a  DOG?", "Pets?"],
        keywords=["dog", "Dog", " "],
    )
    assert entry.phrasings == ["Dogs?", "Pets?"]
    assert entry.keywords == ["dog"]


def test_line_that_is_too_long_is_named(acme: House) -> None:
    page = client_of(acme.owner).post(
        "/admin/knowledge/faqentry/add/",
        {
            "question": "So?",
            "answer": "Yes.",
            "language": "en",
            "priority": "5",
            "phrasings": f"Fine?\n{'long ' * 100}",
        },
    )
    (error,) = page.context["adminform"].form.errors["phrasings"]
    assert "300" in error
    assert "long long" in error
    assert not FAQEntry.unscoped.exists()


def test_preview_is_what_visitors_see(acme: House) -> None:
    acme.widget.allowed_sites = ["https://acme.example"]
    acme.widget.save()
    text = (
        "# Yes\n\n<script>alert(1)</script> [ours](https://acme.example/a) "
        "[theirs](https://evil.example) ![x](https://evil.example/x.png)"
    )
    html = client_of(acme.owner).post("/admin/knowledge/article/preview/", {"text": text})
    shown = html.json()["html"]
    assert "<h1>Yes</h1>" in shown
    assert "<script>" not in shown
    assert 'href="https://acme.example/a"' in shown
    assert 'href="https://evil.example' not in shown
    assert "<img" not in shown


def test_operator_has_no_preview(acme: House) -> None:
    response = client_of(acme.operator).post("/admin/knowledge/article/preview/", {"text": "x"})
    assert response.status_code == 403


def test_category_with_a_name_that_is_taken_is_refused_by_what_its_owner_sees(acme: House) -> None:
    shelf(acme, "Tours")
    page = client_of(acme.owner).post("/admin/knowledge/category/add/", {"name": "Tours"})
    assert "Category with this Inside and Name already exists." in page.text
    assert Category.unscoped.count() == 1


def test_deleting_a_category_tells_what_is_left_of_it(acme: House, globex: House) -> None:
    outer = shelf(acme, "Tours")
    inner = shelf(acme, "Boats", outer)
    for place, category in enumerate((outer, inner, inner, shelf(acme, "Other"))):
        entries.create_faq(
            acme.organization, question=f"Q{place}?", answer="A.", category=category, language="en"
        )
    address = reverse("admin:knowledge_category_delete", args=[outer.pk])
    client = client_of(acme.owner)
    assert "3 entries stay, without a category: every agent may use them then." in (
        client.get(address).text
    )
    assert client_of(globex.owner).get(address).status_code == 302
    client.post(address, {"post": "yes"})
    assert FAQEntry.unscoped.filter(category=None).count() == 3
    empty = shelf(acme, "Empty")
    address = reverse("admin:knowledge_category_delete", args=[empty.pk])
    assert "every agent may use" not in client.get(address).text


# --- documents ------------------------------------------------------------------------------------


def upload(house: House, data: bytes = b"words", name: str = "a.txt") -> Any:
    return client_of(house.owner).post(
        "/admin/knowledge/document/add/",
        {
            "title": "",
            "file": SimpleUploadedFile(name, data),
            "language": "en",
            "priority": "5",
            "is_active": "on",
        },
    )


def test_document_is_named_after_its_file(acme: House) -> None:
    assert upload(acme, name="Prices 2026.txt").status_code == 302
    assert Document.unscoped.get().title == "Prices 2026"


def test_large_upload_goes_to_the_disk(
    acme: House, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[type] = []
    store = DocumentAdmin.store

    def note(self: Any, request: Any, obj: Any, form: Any, change: bool) -> None:
        seen.append(type(form.cleaned_data["file"]))
        store(self, request, obj, form, change)

    monkeypatch.setattr(DocumentAdmin, "store", note)
    upload(acme, b"word " * 1_000_000)
    assert seen == [TemporaryUploadedFile]


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"\x89PNG\r\n\x1a\n", "picture"), (b"", "empty"), (b"PK\x03\x04", "damaged")],
)
def test_file_that_is_no_document_is_refused_in_the_form(
    acme: House, data: bytes, words: str
) -> None:
    page = upload(acme, data, "a.pdf")
    (error,) = page.context["adminform"].form.errors["file"]
    assert words in error
    assert not Document.unscoped.exists()


def test_file_is_given_back_to_be_saved_and_never_shown(acme: House) -> None:
    upload(acme, b"<script>alert(1)</script>", "page.html")
    address = reverse("admin:knowledge_document_file", args=[Document.unscoped.get().pk])
    response = client_of(acme.owner).get(address)
    assert b"".join(response.streaming_content) == b"<script>alert(1)</script>"  # type: ignore[attr-defined]
    assert response["Content-Disposition"] == 'attachment; filename="page.html"'
    assert response["Content-Type"] == "application/octet-stream"


def test_progress_tells_of_own_rows_only(acme: House, globex: House) -> None:
    upload(acme)
    upload(globex)
    mine = Document.objects.of(acme.organization).get()
    theirs = Document.objects.of(globex.organization).get()
    Document.unscoped.update(progress=40)
    client = client_of(acme.owner)
    address = "/admin/knowledge/document/progress/"
    told = client.get(address, {"ids": f"{mine.pk},{theirs.pk},x,{'9' * 30}"}).json()
    assert list(told) == [str(mine.pk)]
    assert told[str(mine.pk)]["text"] == "a: Indexing: 40 %"
    assert 'value="40"' in told[str(mine.pk)]["html"]
    indexing.index("document", mine.pk, mine.content_hash)
    assert client.get(address, {"ids": str(mine.pk)}).json()[str(mine.pk)]["status"] == "ready"
    assert client_of(None).get(address, {"ids": str(mine.pk)}).status_code == 302


def test_form_shows_what_the_text_became(acme: House) -> None:
    upload(acme, b"# One\n\nFirst words.\n\n# Two\n\nSecond words.", "a.md")
    document = Document.unscoped.get()
    indexing.index("document", document.pk, document.content_hash)
    page = client_of(acme.owner).get(f"/admin/knowledge/document/{document.pk}/change/")
    assert "2 passages" in page.text
    assert "a › Two" in page.text


def test_form_of_what_failed_promises_no_passages(acme: House) -> None:
    upload(acme)
    document = Document.unscoped.get()
    Document.unscoped.filter(pk=document.pk).update(status="failed", error="scan")
    page = client_of(acme.owner).get(f"/admin/knowledge/document/{document.pk}/change/")
    assert "None: it could not be indexed." in page.text
    assert "they are made once it is saved" not in page.text


def test_one_piece_is_indexed_again_after_a_question(acme: House) -> None:
    upload(acme)
    document = Document.unscoped.get()
    indexing.index("document", document.pk, document.content_hash)
    address = reverse("admin:knowledge_document_index_once_more", args=[document.pk])
    client = client_of(acme.owner)
    client.get(address)
    assert Document.unscoped.get().status == Document.Status.READY
    client.post(address)
    assert Document.unscoped.get().status == Document.Status.PENDING
