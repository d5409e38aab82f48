"""The statements of every message: planned once a connection, and bound like all others."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.transaction import TransactionManagementError

from organizations import statements
from organizations.models import Organization
from organizations.statements import row_of, rows_of

pytestmark = pytest.mark.django_db

BY_NAME = "SELECT id, name FROM organizations_organization WHERE slug = %(slug)s"
TWICE = (
    "INSERT INTO organizations_organization SELECT * FROM organizations_organization RETURNING id"
)


def prepared() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [row[0] for row in cursor.fetchall()]


def test_a_statement_is_planned_once_for_all_its_values() -> None:
    acme = Organization.objects.create(name="Acme", slug="acme")

    assert row_of(BY_NAME, {"slug": "acme"}) == (acme.pk, "Acme")
    assert row_of(BY_NAME, {"slug": "'; DROP TABLE chat_message; --"}) == ()

    assert rows_of(BY_NAME, {"slug": "acme"}) == [(acme.pk, "Acme")]
    assert rows_of(BY_NAME, {"slug": "nobody"}) == []

    assert prepared().count(BY_NAME.replace("%(slug)s", "$1")) == 1


def test_an_error_is_django_s_and_breaks_the_transaction() -> None:
    Organization.objects.create(name="Acme", slug="acme")
    with transaction.atomic():
        with pytest.raises(IntegrityError):
            row_of(TWICE, {})
        transaction.set_rollback(True)
        with pytest.raises(TransactionManagementError):
            row_of(BY_NAME, {"slug": "acme"})


def test_nothing_is_kept_where_the_server_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    acme = Organization.objects.create(name="Acme", slug="acme")
    monkeypatch.setattr(connection.connection, "prepare_threshold", None)
    statement = f"{BY_NAME} AND true"

    assert row_of(statement, {"slug": "acme"}) == (acme.pk, "Acme")

    assert statement.replace("%(slug)s", "$1") not in prepared()


def test_no_more_are_kept_than_the_server_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "MOST_KEPT", 3)
    texts = [f"{BY_NAME} AND {number} < 9" for number in range(9)]

    for text in texts:
        row_of(text, {"slug": "acme"})

    kept = prepared()
    assert [text.replace("%(slug)s", "$1") in kept for text in texts] == [False] * 6 + [True] * 3
