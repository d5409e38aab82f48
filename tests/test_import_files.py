"""Files to import: read whatever they are, or refused with the place and the reason."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import translation

from knowledge import exports, imports
from knowledge.imports import problems, reading
from knowledge.models import Import
from tests.conftest import House, client_of
from tests.tables import actions, brought_in, checked, codes, saved, table, workbook

KINDS = list(exports.TYPES)

# --- what a file may look like --------------------------------------------------------------------


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16", "utf-16-le", "utf-16-be"]
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_letters_and_delimiters_of_all_kinds_are_read(
    acme: House, encoding: str, delimiter: str
) -> None:
    data = table(
        ["Вопрос", "Ответ", "Категория", "Активен", "Действует до", "Ключевые слова"],
        [
            "Как вернуть билет; где?",
            "В кассе, до 18",
            "Билеты",
            "да",
            "31.12.2026",
            "касса, билет",
        ],
        delimiter=delimiter,
        encoding=encoding,
    )
    brought_in(acme, data)
    (entry,) = saved(acme)
    assert entry.question == "Как вернуть билет; где?"
    assert entry.answer == "В кассе, до 18"
    assert str(entry.category) == "Билеты"
    assert entry.valid_until == date(2026, 12, 31)
    assert entry.keywords == ["касса", "билет"]
    assert entry.language == "ru"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", table(["question", "answer"], ["How?", "So."])),
        ("a.txt", b"Q\tA\nHow?\tSo.\n"),
        ("a.csv", b"How?,So.\n"),
        ("a.csv", workbook(["Question", "Answer"], ["How?", "So."])),
        ("a.xlsx", table(["question", "answer"], ["How?", "So."])),
        ("a.csv", b'[{"question": "How?", "answer": "So."}]'),
        (
            "a.json",
            '\ufeff [ {"Вопрос": "How?", "answer": "So."} ] '.encode(),
        ),
    ],
)
def test_file_is_known_by_what_is_in_it(acme: House, name: str, data: bytes) -> None:
    brought_in(acme, data, name)
    assert [(e.question, e.answer, e.language) for e in saved(acme)] == [("How?", "So.", "en")]


def test_cells_of_a_workbook_keep_their_meaning(acme: House) -> None:
    data = workbook(
        [
            "id",
            "question",
            "answer",
            "priority",
            "is_active",
            "valid_from",
            "phrasings",
            "category",
        ],
        [7, "Open?", 24, 9.0, False, date(2026, 5, 1), "A?\nB?|C?"],
    )
    brought_in(acme, data, "faq.xlsx")
    (entry,) = saved(acme)
    assert (entry.key, entry.answer, entry.priority, entry.is_active) == ("7", "24", 9, False)
    assert entry.valid_from == date(2026, 5, 1)
    assert entry.phrasings == ["A?", "B?", "C?"]


def bomb(name: str, size: int) -> bytes:
    """A workbook of some kilobytes that unpacks to this much."""
    out = io.BytesIO(workbook(["question", "answer"]))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, b"\0" * size)
    return out.getvalue()


def entities() -> bytes:
    """A workbook whose sheet would grow from some bytes to gigabytes of text."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    sheet = (
        f'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY l0 "ha">{laughs}]>'
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1" t="inlineStr"><is><t>&l11;</t></is></c></row></sheetData></worksheet>'
    )
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook(["question", "answer"]))) as old,
        zipfile.ZipFile(out, "w") as new,
    ):
        for entry in old.infolist():
            is_sheet = entry.filename == "xl/worksheets/sheet1.xml"
            new.writestr(entry.filename, sheet if is_sheet else old.read(entry.filename))
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file_empty"),
        (b"\n \n", "no_rows"),
        (b"question,answer\n", "no_rows"),
        (b"name,price\nA,1\n", "no_columns"),
        (b"answer,category\nA,1\n", "no_columns"),
        (
            b"question,answer,\xd0\xb2\xd0\xbe\xd0\xbf\xd1\x80\xd0\xbe\xd1\x81\na,b,c\n",
            "column_twice",
        ),
        (b'question,answer\n"How?,So.\n' + b"x,y\n" * 10, "quotes"),
        (b'question,answer\n"How?,So.\n' + b"x,y\n" * 400_000, "cell_too_large"),
        (b"question,answer\nHow?," + b"x" * 2_000_000, "cell_too_large"),
        (b"question,answer\nHow?,\x98\xff\n", "encoding"),
        (b"question,answer\n" + b"a,b\n" * (reading.MAX_ROWS + 1), "too_many_rows"),
        (b"question,answer\n" + b"a,b\n" * 1_000_000, "too_many_rows"),
        (b"%PDF-1.4 question,answer", "not_a_table"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 20, "not_a_table"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 5000, "old_excel"),
        (b"PK\x03\x04 torn", "corrupt"),
        (workbook(["question", "answer"], ["a", "b"])[:900], "corrupt"),
        (
            workbook(["question"], ["a"]).replace(b"xl/workbook.xml", b"xl/notabook.xml"),
            "not_a_table",
        ),
        (workbook(["name"], ["a"]), "no_columns"),
        (workbook(), "no_rows"),
        (bomb("xl/media/a.bin", reading.MAX_UNPACKED), "unpacked_too_large"),
        (bomb("xl/sharedStrings.xml", reading.MAX_TEXTS + 1), "unpacked_too_large"),
        (entities(), "corrupt"),
        (b'{"question": "a"}', "json_shape"),
        (b'["question"]', "json_shape"),
        (b"[1]", "json_shape"),
        (b"[]", "no_rows"),
        (b'[{"question": "a"} {"question": "b"}]', "json_broken"),
        (b'[{"question": "a"}', "json_broken"),
        (b'[{"question": "a"}] x', "json_broken"),
        (b'[{"question": "' + b"a" * 3_000_000 + b'"}]', "json_broken"),
        (b'[{"question": ' + b"[" * 200_000, "json_broken"),
        (b'[{"question": 1' + b"0" * 6000 + b"}]", "json_broken"),
        (
            b'[{"question": "a", "\xd0\xb2\xd0\xbe\xd0\xbf\xd1\x80\xd0\xbe\xd1\x81": "b"}]',
            "column_twice",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{len(value)} bytes",
)
def test_file_that_is_no_table_is_refused_with_its_reason(
    acme: House, data: bytes, code: str
) -> None:
    batch = checked(acme, data)
    assert (batch.status, batch.error) == (Import.Status.FAILED, code)
    assert not batch.rows.exists()
    page = client_of(acme.owner).get(f"/admin/knowledge/import/{batch.pk}/change/")
    with translation.override("en"):
        sentence = problems.file_sentence(code, batch.report["params"])
    assert "%(" not in sentence
    assert sentence in page.text.replace("&quot;", '"')
    assert code in page.text


def test_too_large_file_is_refused_at_the_door(
    acme: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("knowledge.admin.imports.MAX_BYTES", 10)
    file = SimpleUploadedFile("faq.csv", b"question,answer\na,b\n")
    response = client_of(acme.owner).post("/admin/knowledge/import/add/", {"file": file})
    assert response.status_code == 200
    assert "The file is larger than" in response.text
    assert not Import.unscoped.exists()


def test_file_of_another_kind_of_name_is_refused_at_the_door(acme: House) -> None:
    file = SimpleUploadedFile("faq.exe", b"question,answer\na,b\n")
    response = client_of(acme.owner).post("/admin/knowledge/import/add/", {"file": file})
    assert "exe" in response.text
    assert not Import.unscoped.exists()


def test_lost_file_is_a_reason(acme: House) -> None:
    batch = imports.upload(acme.organization, ContentFile(b"question\na\n", "a.csv"))
    batch.file.delete(save=False)
    imports.check(batch.pk)
    batch.refresh_from_db()
    assert batch.error == "file_missing"


# --- which rows are wrong, and why ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "cells", "problem"),
    [
        ("question,answer", [" ", "So."], ("question", "missing")),
        ("question,answer", ["How?", ""], ("answer", "missing")),
        ("question", ["How?"], ("answer", "missing")),
        ("question,answer", ["x" * 301, "So."], ("question", "max_length")),
        ("question,answer", ["How?", "x" * 8001], ("answer", "max_length")),
        ("question,answer,priority", ["How?", "So.", "11"], ("priority", "priority")),
        ("question,answer,priority", ["How?", "So.", "high"], ("priority", "priority")),
        ("question,answer,priority", ["How?", "So.", "1.5"], ("priority", "priority")),
        ("question,answer,language", ["How?", "So.", "de"], ("language", "language")),
        ("question,answer,is_active", ["How?", "So.", "maybe"], ("is_active", "is_active")),
        ("question,answer,valid_from", ["How?", "So.", "31/12/2026"], ("valid_from", "date")),
        ("question,answer,valid_from", ["How?", "So.", "2026-02-30"], ("valid_from", "date")),
        (
            "question,answer,valid_from,valid_until",
            ["How?", "So.", "2026-02-02", "2026-02-01"],
            ("valid_until", "valid_until"),
        ),
        ("question,answer,category", ["How?", "So.", "A > B > C"], ("category", "category_depth")),
        ("question,answer,category", ["How?", "So.", "x" * 81], ("category", "max_length")),
        ("question,answer,keywords", ["How?", "So.", "x" * 61], ("keywords", "item_too_long")),
        ("question,answer,keywords", ["How?", "So.", "a," * 31], ("keywords", "keywords")),
        ("question,answer,phrasings", ["How?", "So.", "a|" * 51], ("phrasings", "phrasings")),
        ("id,question,answer", ["x" * 65, "How?", "So."], ("id", "max_length")),
        ("question,answer", ["How?", "So, what", "then"], ("", "more_cells")),
    ],
)
def test_wrong_row_says_where_and_why(
    acme: House, header: str, cells: list[str], problem: tuple[str, str]
) -> None:
    good = {"question": "Good?", "answer": "Yes."}
    names = header.split(",")
    batch = checked(acme, table(names, cells, [good.get(name, "") for name in names]))
    assert problem in codes(batch)[0]
    assert batch.rows.order_by("number")[0].number == 2
    page = client_of(acme.owner).get(f"/admin/knowledge/import/{batch.pk}/change/?rows=wrong")
    assert f"<code>{problem[1]}</code>" in page.text
    assert "%(" not in page.text
    if "answer" in names:
        assert actions(batch) == ["wrong", "new"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"question": {"a": 1}}, ("question", "not_a_text")),
        ({"question": ["a"]}, ("question", "not_a_text")),
        ({"question": True}, ("question", "not_a_text")),
        ({"phrasings": [1]}, ("phrasings", "not_a_list")),
        ({"phrasings": {"a": 1}}, ("phrasings", "not_a_text")),
        ({"priority": None, "answer": None}, ("answer", "missing")),
        ({"answer": "\ud800\0"}, ("answer", "missing")),
        ({"valid_from": 20260101}, ("valid_from", "date")),
    ],
)
def test_wrong_object_of_json_says_where_and_why(
    acme: House, fields: dict[str, Any], problem: tuple[str, str]
) -> None:
    row = {"question": "How?", "answer": "So.", **fields}
    assert codes(checked(acme, json.dumps([row]).encode(), "a.json")) == [[problem]]


def test_repeats_in_a_file_are_wrong_from_the_second_on(acme: House) -> None:
    data = table(
        ["id", "question", "answer"],
        ["1", "Where is it?", "Here."],
        ["1", "When is it?", "Now."],
        ["", "WHERE  is it?", "There."],
        ["2", "where is it?", "There."],
    )
    batch = checked(acme, data)
    assert codes(batch) == [
        [],
        [("id", "duplicate_id")],
        [("question", "duplicate_question")],
        [("question", "duplicate_question")],
    ]
    assert {problem["row"] for row in batch.rows.all() for problem in row.problems} == {2}


def test_row_of_a_text_table_has_the_number_that_a_program_of_tables_gives_it(acme: House) -> None:
    cells = [["First?", "In\nthree\nlines."], [], ["Second?", ""]]
    batch = checked(acme, table(["question", "answer"], *cells))
    assert list(batch.rows.order_by("number").values_list("number", flat=True)) == [2, 4]


def test_merged_cells_are_named(acme: House) -> None:
    data = workbook(["question", "answer"], ["A?", "1"], ["B?", None], ["C?", "3"], merge="B2:B3")
    assert [row[0][1] if row else "" for row in codes(checked(acme, data, "a.xlsx"))] == [
        "merged_cells",
        "merged_cells",
        "",
    ]


def test_every_code_has_a_sentence_in_both_languages() -> None:
    for language in ("ru", "en"):
        with translation.override(language):
            for sentence in (*problems.FILE.values(), *problems.ROW.values()):
                assert str(sentence)
    with translation.override("ru"):
        assert str(problems.ROW["date"]) != "Write a date as 2026-12-31 or 31.12.2026."
