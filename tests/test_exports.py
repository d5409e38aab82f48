"""FAQ entries as files: what goes out comes back as it was, and no cell of it is a formula."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from knowledge import entries, exports, tables
from knowledge.models import Category, FAQEntry
from knowledge.written import tidy, tidy_text, written
from organizations.models import Organization
from tests.conftest import House, client_of
from tests.tables import actions, brought_in, checked, saved

KINDS = list(exports.TYPES)

# --- out and in again -----------------------------------------------------------------------------

# Whatever may stand in a row of the table; more of what tables stumble over.
TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60),
    st.text("=+-@＝'\"[]{}|;,\t\n\r\\ ›>/_xаЯё1", max_size=12),
    st.sampled_from(["=1+1", "'=1", "''", "'", "-5 %", "@user", "[1]", '["a"]', "_x0041_", "#N/A"]),
    st.sampled_from(["true", "1", "007", "1e5", "NULL", "2026-01-01", "\ufeffa", "a\x0bb\x1f"]),
)
FULL_TEXT = TEXT.filter(lambda text: bool(tidy_text(text)))
ENTRY = st.fixed_dictionaries(
    {
        "question": FULL_TEXT,
        "answer": FULL_TEXT,
        "phrasings": st.lists(FULL_TEXT, max_size=4),
        "keywords": st.lists(FULL_TEXT, max_size=4),
        "language": st.sampled_from(["ru", "en"]),
        "priority": st.integers(1, 10),
        "is_active": st.booleans(),
        "valid_from": st.none() | st.dates(date(1990, 1, 1), date(2020, 1, 1)),
        "valid_until": st.none() | st.dates(date(2020, 1, 2), date(2090, 1, 1)),
        "category": st.none() | st.tuples(FULL_TEXT, st.none() | FULL_TEXT),
    }
)


def shelf(organization: Organization, names: tuple[str, str | None]) -> Category:
    """A category with these names, made if need be."""
    outer, _made = Category.objects.of(organization).get_or_create(
        organization=organization, parent=None, name=names[0]
    )
    if names[1] is None:
        return outer
    inner, _made = Category.objects.of(organization).get_or_create(
        organization=organization, parent=outer, name=names[1]
    )
    return inner


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("delimiter", [",", ";"])
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(written_entries=st.lists(ENTRY, min_size=1, max_size=4))
@example(
    written_entries=[
        {
            "question": "=cmd|' /C calc'!A0",
            "answer": "'=1\n@x",
            "phrasings": ["a|b", "[x]"],
            "keywords": ["a, b", "-c"],
            "language": "en",
            "priority": 1,
            "is_active": False,
            "valid_from": None,
            "valid_until": None,
            "category": ("+A > B", "C › D"),
        }
    ]
)
def test_export_that_is_imported_changes_nothing(
    acme: House, kind: str, delimiter: str, written_entries: list[dict[str, Any]]
) -> None:
    FAQEntry.objects.of(acme.organization).delete()
    Category.objects.of(acme.organization).delete()
    for fields in written_entries:
        category = fields["category"] and shelf(acme.organization, fields["category"])
        FAQEntry.unscoped.create(organization=acme.organization, **{**fields, "category": category})
    ids = [entry.pk for entry in saved(acme)]
    data = b"".join(exports.make(kind, exports.by_ids(ids), delimiter))
    batch = checked(acme, data, f"faq.{kind}")
    assert batch.error == ""
    assert [
        (row.action, row.problems, row.values, row.before) for row in batch.rows.order_by("number")
    ] == [("unchanged", [], {}, {})] * len(ids)


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(fields=ENTRY)
def test_export_fills_another_organization_with_the_same(
    acme: House, globex: House, kind: str, fields: dict[str, Any]
) -> None:
    for house in (acme, globex):
        FAQEntry.objects.of(house.organization).delete()
    entry = FAQEntry.unscoped.create(organization=acme.organization, **{**fields, "category": None})
    data = b"".join(exports.make(kind, exports.by_ids([entry.pk])))
    brought_in(globex, data, f"faq.{kind}")
    copy = FAQEntry.objects.of(globex.organization).get()
    assert copy.key == entry.key
    assert tidy(written(copy)) == tidy(written(entry))


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "＝1", "'=1", "\t=1", "\r=1"])
def test_no_cell_of_an_export_is_a_formula(acme: House, kind: str, text: str) -> None:
    entry = FAQEntry.unscoped.create(
        organization=acme.organization,
        question=text,
        answer=text,
        phrasings=[text],
        keywords=[text],
        key=text,
    )
    data = b"".join(exports.make(kind, [entry]))
    if kind == "csv":
        cells = [c for row in csv.reader(io.StringIO(data.decode("utf-8-sig"))) for c in row]
    else:
        sheet: Any = openpyxl.load_workbook(io.BytesIO(data)).active
        assert {cell.data_type for row in sheet.rows for cell in row} <= {
            "s",
            "inlineStr",
            "n",
            "b",
        }
        cells = [cell.value for row in sheet.rows for cell in row]
    risky = [c for c in cells if isinstance(c, str) and c[:1] in "=+-@＝\t\r" and c]
    assert risky == []


@given(text=st.text(max_size=8) | st.text("'=+-@a", max_size=5))
def test_what_was_made_harmless_is_given_back(text: str) -> None:
    assert tables.unharmed(tables.harmless(text)) == text


def test_list_offers_the_chosen_entries_as_files(acme: House, globex: House) -> None:
    mine = [entries.create_faq(acme.organization, question=f"Q{n}", answer="A") for n in range(3)]
    entries.create_faq(globex.organization, question="Theirs", answer="A")
    client = client_of(acme.owner)
    chosen = {"action": "export_json", "_selected_action": [mine[0].pk, mine[2].pk]}
    response: Any = client.post("/admin/knowledge/faqentry/", chosen)
    assert [row["question"] for row in json.loads(b"".join(response))] == ["Q2", "Q0"]
    chosen = {"action": "export_csv", "_selected_action": [mine[0].pk], "select_across": "1"}
    response = client.post("/admin/knowledge/faqentry/?is_active__exact=1", chosen)
    assert "attachment" in response["Content-Disposition"]
    text = b"".join(response).decode()
    assert text.startswith("\ufeffid,question,")
    assert "Q1" in text
    assert "Theirs" not in text


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("kind", KINDS)
def test_template_is_a_file_that_can_be_brought_in(acme: House, kind: str, language: str) -> None:
    client = client_of(acme.owner)
    response: Any = client.get(
        f"/admin/knowledge/import/template/{kind}/", headers={"accept-language": language}
    )
    batch = checked(acme, b"".join(response), f"template.{kind}")
    assert actions(batch) == ["new", "new"]
    assert client_of(acme.operator).get("/admin/knowledge/import/template/csv/").status_code == 403
