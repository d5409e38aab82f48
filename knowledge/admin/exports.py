"""The actions that download FAQ entries as files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import admin
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from knowledge import exports


class Exported:
    """Adds the actions to the list of FAQ entries."""

    @admin.action(description=_("Export as CSV"), permissions=["view"])
    def export_csv(self, request: HttpRequest, rows: QuerySet[Any]) -> StreamingHttpResponse:
        """The chosen entries as a text table."""
        return _export(request, rows, "csv")

    @admin.action(description=_("Export as XLSX"), permissions=["view"])
    def export_xlsx(self, request: HttpRequest, rows: QuerySet[Any]) -> StreamingHttpResponse:
        """The chosen entries as a workbook."""
        return _export(request, rows, "xlsx")

    @admin.action(description=_("Export as JSON"), permissions=["view"])
    def export_json(self, request: HttpRequest, rows: QuerySet[Any]) -> StreamingHttpResponse:
        """The chosen entries for programs."""
        return _export(request, rows, "json")


EXPORTS = ["export_csv", "export_xlsx", "export_json"]


def delimiter() -> str:
    """What the programs of tables of the reader's country expect."""
    return ";" if get_language() == "ru" else ","


def download(
    request: HttpRequest, kind: str, name: str, pieces: Iterator[bytes]
) -> StreamingHttpResponse:
    """A file that is sent as it is made."""
    is_async = isinstance(request, ASGIRequest)
    response = StreamingHttpResponse(
        _awaited(pieces) if is_async else pieces, content_type=exports.TYPES[kind]
    )
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


def _export(request: HttpRequest, rows: QuerySet[Any], kind: str) -> StreamingHttpResponse:
    ids = list(rows.values_list("pk", flat=True))
    pieces = exports.make(kind, exports.by_ids(ids), delimiter())
    return download(request, kind, f"faq-{timezone.localdate():%Y-%m-%d}", pieces)


async def _awaited(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    # Django would make a list of the whole of what a plain iterator gives to an ASGI server.
    following = sync_to_async(lambda: next(pieces, b""))
    while piece := await following():
        yield piece
