"""The admin pages of results: read as cards, taken along as files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from chat import cards, snapshots
from chat.admin.cards import card_of
from chat.admin.links import chat_link
from chat.models import ChatResult
from knowledge import tables
from organizations import schemas
from organizations.admin import ReadOnlyAdmin
from organizations.templatetags.money import money

# One file; more are chosen by the filters.
MOST_ROWS = 10_000


@admin.register(ChatResult)
class ChatResultAdmin(ReadOnlyAdmin):
    """Tickets, leads, plans: what dialogues were turned into."""

    class Media:
        css = {"all": ["admin/results.css"]}

    list_display = ["__str__", "dialogue", "kind", "status", "author", "created_at"]
    list_filter = ["kind", "status", "created_at"]
    list_select_related = ["chat__session", "kind", "author__user"]
    search_fields = ["name", "data", "chat__chat_id", "chat__name"]
    ordering = ["-created_at", "-pk"]
    actions = ["export_csv", "export_json"]
    fieldsets = [
        (None, {"fields": ["card"]}),
        (
            _("Facts"),
            {
                "fields": [
                    *("dialogue", "kind", "version", "status", "trouble", "author"),
                    *("model", "tokens", "price", "created_at", "finished_at"),
                ]
            },
        ),
        (_("For support"), {"classes": ["collapse"], "fields": ["as_json", "schema_json"]}),
    ]

    @admin.display(description=_("result"))
    def card(self, result: ChatResult) -> SafeString:
        """The fields by their titles."""
        return card_of(result)

    @admin.display(description=_("chat"))
    def dialogue(self, result: ChatResult) -> SafeString:
        """The way to the transcript."""
        return chat_link(result.chat)

    @admin.display(description=_("what went wrong"))
    def trouble(self, result: ChatResult) -> str:
        """Why there is none, with the code."""
        return f"{cards.sentence(result.error)} ({result.error})" if result.error else "—"

    @admin.display(description=_("tokens"))
    def tokens(self, result: ChatResult) -> str:
        """Of the prompts and of the answers."""
        return f"{result.prompt_tokens} + {result.completion_tokens}"

    @admin.display(description=_("cost"))
    def price(self, result: ChatResult) -> str:
        """What all its requests cost, in the organization's currency."""
        return money(result.cost, result.organization.currency)

    @admin.display(description=_("as JSON"))
    def as_json(self, result: ChatResult) -> SafeString:
        """The data as it is exported."""
        return render_to_string("chat/result_json.html", {"value": pretty(result.data)})

    @admin.display(description=_("schema"))
    def schema_json(self, result: ChatResult) -> SafeString:
        """The schema as it was then."""
        return render_to_string("chat/result_json.html", {"value": pretty(result.schema)})

    @admin.action(description=_("Export as CSV"), permissions=["view"])
    def export_csv(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse:
        """The chosen results as a text table."""
        return download("csv", "text/csv; charset=utf-8", as_csv(rows[:MOST_ROWS]))

    @admin.action(description=_("Export as JSON"), permissions=["view"])
    def export_json(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse:
        """The chosen results for programs."""
        found = [exported(row) for row in rows[:MOST_ROWS].iterator(chunk_size=500)]
        return download("json", "application/json", [pretty(found)])


def pretty(value: Any) -> str:
    """JSON for people."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def download(ending: str, content_type: str, pieces: Iterable[str]) -> HttpResponse:
    """A file of results."""
    response = HttpResponse("".join(pieces), content_type=content_type)
    name = f"results-{timezone.localdate():%Y-%m-%d}.{ending}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def exported(result: ChatResult) -> dict[str, Any]:
    """A result for programs."""
    return {
        "chat_id": str(result.chat.chat_id),
        "type": result.kind.slug if result.kind else "",
        "name": result.name,
        "version": result.version,
        "status": result.status,
        "error": result.error,
        "author": result.author.name if result.author else "",
        "created": snapshots.iso(result.created_at),
        # In the order of the schema, which the database does not keep.
        "data": schemas.fitted(result.data, result.schema),
    }


def as_csv(rows: QuerySet[Any]) -> Iterator[str]:
    """A line each: what all have, then every field that any has; lists and objects as JSON."""
    found = [exported(row) for row in rows.iterator(chunk_size=500)]
    common = [name for name in (found[0] if found else {}) if name != "data"]
    fields = list(dict.fromkeys(name for row in found for name in row["data"] or {}))
    buffer = io.StringIO()
    # For programs of tables, which take the file for some old encoding otherwise.
    buffer.write("\ufeff")
    writer = csv.writer(buffer, delimiter=";" if get_language() == "ru" else ",")
    writer.writerow(tables.harmless(name) for name in [*common, *fields])
    for row in found:
        data = row["data"] or {}
        values = [row[name] for name in common] + [data.get(name, "") for name in fields]
        writer.writerow(_cell(value) for value in values)
    yield buffer.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, dict | list | bool):
        return json.dumps(value, ensure_ascii=False)
    return tables.harmless(str(value))
