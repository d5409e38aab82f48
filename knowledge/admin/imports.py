"""Admin pages of imports: upload, the dry run, the bringing in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from knowledge import exports, imports, tables
from knowledge.admin.exports import delimiter, download
from knowledge.imports.problems import file_sentence, row_sentence
from knowledge.imports.reading import MAX_BYTES
from knowledge.models import FAQEntry, Import, ImportRow
from organizations import access
from organizations.admin import ScopedAdmin

PER_PAGE = 50
# Of a value that is shown in the dry run.
SHOWN = 300
Action = ImportRow.Action


class ImportForm(forms.ModelForm):  # type: ignore[type-arg]
    """A file, not too large."""

    def clean_file(self) -> Any:
        """Refuse what would be refused later, while its owner is still there."""
        file = self.cleaned_data["file"]
        if file.size > MAX_BYTES:
            sentence = file_sentence("file_too_large", {"megabytes": MAX_BYTES // 1024 // 1024})
            raise forms.ValidationError(sentence, code="file_too_large")
        return file


@admin.register(Import)
class ImportAdmin(ScopedAdmin):
    """Files of FAQ entries."""

    form = ImportForm
    list_display = [
        "file_name",
        "state",
        "created_count",
        "changed_count",
        "unchanged_count",
        "wrong_count",
        "author",
        "created_at",
    ]
    list_filter = ["status"]
    list_select_related = ["author__user"]
    search_fields = ["file", "name"]
    ordering = ["-pk"]
    fields = ["file"]
    add_form_template = "admin/knowledge_import_add.html"

    @admin.display(description=_("file"))
    def file_name(self, batch: Import) -> str:
        """What its owner calls it."""
        return str(batch)

    @admin.display(description=_("state"), ordering="status")
    def state(self, batch: Import) -> SafeString:
        """How far it is."""
        return format_html(
            '<span class="import-state is-{}">{}</span>', batch.status, batch.get_status_display()
        )

    def get_urls(self) -> list[URLPattern]:
        """The pages beside the usual ones."""
        view = self.admin_site.admin_view
        own = [
            path(
                "template/<str:kind>/", view(self.template_view), name="knowledge_import_template"
            ),
            path(
                "<path:object_id>/progress/",
                view(self.progress_view),
                name="knowledge_import_progress",
            ),
        ]
        return [*own, *super().get_urls()]

    def store(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Have the file checked."""
        obj.author = access.member_of(request.user)
        imports.submit(obj)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the dry run."""
        return redirect("admin:knowledge_import_change", obj.pk)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The upload, with what a file may look like."""
        context = {
            "columns": [(name, *_names(name)) for name in tables.COLUMNS],
            "kinds": list(exports.TYPES),
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
            **(extra_context or {}),
        }
        page: HttpResponse = super().add_view(request, form_url, context)
        return page

    def template_view(self, request: HttpRequest, kind: str) -> Any:
        """A file to begin with."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if kind not in exports.TYPES:
            raise Http404
        return download(request, kind, "faq-template", exports.template(kind, delimiter()))

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How far the worker is, for the page that waits for it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        batch = self.own_row(request, object_id)
        return JsonResponse({"is_under_way": batch.is_under_way, **_progress(batch)})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponse:
        """What the file would change, and the buttons; then how far it is; then what came of it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        batch = self.own_row(request, object_id)
        if request.method == "POST":
            return self._act(request, batch)
        shown = _shown(request, batch)
        found = ImportRow.objects.of(batch.organization).filter(batch=batch)
        found = (
            found.exclude(problems=[]).exclude(action=Action.WRONG)
            if shown == "left"
            else (found.filter(action=shown))
        )
        page = Paginator(found.order_by("number"), PER_PAGE).get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),
            "title": str(batch),
            "opts": self.opts,
            "original": batch,
            "batch": batch,
            "reason": file_sentence(batch.error, batch.report.get("params", {}))
            if batch.error
            else "",
            "progress": _progress(batch),
            "tabs": [(name, label, count) for name, label, count in _tabs(batch)],
            "shown": shown,
            "page": page,
            "rows": [_row(row) for row in page],
            "may_act": self.has_change_permission(request, batch),
            "count": batch.created_count + batch.changed_count,
        }
        return TemplateResponse(request, "admin/knowledge_import.html", context)

    def _act(self, request: HttpRequest, batch: Import) -> HttpResponse:
        if not self.has_change_permission(request, batch):
            raise PermissionDenied
        if "bring_in" in request.POST:
            is_done = imports.bring_in(batch)
        elif "cancel" in request.POST:
            is_done = imports.cancel(batch)
        else:
            raise Http404
        if not is_done:
            messages.warning(request, _("Too late: look what has become of it."))
        return redirect("admin:knowledge_import_change", batch.pk)


def _names(column: str) -> tuple[str, str]:
    """What the owner may call a column in Russian, and what stands in it."""
    return tables.NAMES[column][0], str(HINTS[column])


HINTS = {
    "id": _("empty for a new entry; an export has it"),
    "question": _("at most 300 characters"),
    "phrasings": _("other ways to ask it, a line each"),
    "answer": _("Markdown, at most 8000 characters"),
    "category": _("its name, or “Outer › Inner”; made if it is not there"),
    "keywords": _("with commas between them"),
    "language": _("ru or en; empty: by the letters"),
    "priority": _("1 to 10"),
    "is_active": _("yes or no"),
    "valid_from": _("2026-12-31 or 31.12.2026"),
    "valid_until": _("the last day on which it holds"),
}


def _tabs(batch: Import) -> list[tuple[str, str, int]]:
    """The kinds of rows and how many there are."""
    tabs = [
        (str(Action.WRONG), str(_("Wrong")), batch.wrong_count),
        (str(Action.NEW), str(_("New")), batch.created_count),
        (str(Action.CHANGED), str(_("Changed")), batch.changed_count),
        (str(Action.UNCHANGED), str(_("Unchanged")), batch.unchanged_count),
    ]
    if batch.left_count:
        tabs.insert(0, ("left", str(_("Left out")), batch.left_count))
    return tabs


def _shown(request: HttpRequest, batch: Import) -> str:
    """The kind of rows that is looked at: the chosen one, else the first that has any."""
    tabs = _tabs(batch)
    wanted = request.GET.get("rows")
    if wanted in {name for name, _label, _count in tabs}:
        return str(wanted)
    return next((name for name, _label, count in tabs if count), str(Action.NEW))


def _progress(batch: Import) -> dict[str, Any]:
    share = batch.rows_done * 100 // batch.rows_total if batch.rows_total else 0
    text = _("%(state)s: %(done)s of %(total)s rows") % {
        "state": batch.get_status_display(),
        "done": batch.rows_done,
        "total": batch.rows_total or "…",
    }
    return {"percent": min(share, 100), "text": text}


def _row(row: ImportRow) -> dict[str, Any]:
    """A row as the page shows it."""
    return {
        "row": row,
        "problems": [
            {"label": _label(problem["column"]), "code": problem["code"], "sentence": sentence}
            for problem in row.problems
            for sentence in [row_sentence(problem)]
        ],
        "fields": [
            {"label": _label(name), "before": _plain(row.before.get(name)), "after": _plain(value)}
            for name, value in _in_order(row.values)
            if row.action == Action.CHANGED or (name != "question" and value not in ("", []))
        ],
    }


def _in_order(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, values[name]) for name in tables.COLUMNS if name in values]


def _label(column: str) -> str:
    if not column:
        return ""
    field: Any = FAQEntry._meta.get_field("key" if column == "id" else column)
    return str(field.verbose_name)


def _plain(value: Any) -> str:
    """A value in few words."""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    text = "; ".join(value) if isinstance(value, list) else str("" if value is None else value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"
