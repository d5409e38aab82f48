"""Admin pages of what the assistant may say."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, ForeignKey, Q, QuerySet
from django.forms.widgets import Script
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action

from knowledge import categories, entries, markdown
from knowledge.admin.came import came_at
from knowledge.admin.exports import EXPORTS, Exported
from knowledge.admin.forms import STYLES, ArticleForm, DocumentForm, FAQEntryForm
from knowledge.admin.revisions import VersionedAdmin
from knowledge.models import Article, Category, ContextEntry, Document, FAQEntry, Knowledge, Passage
from knowledge.reasons import reason
from organizations import access, dashboard
from organizations.admin import OwnFilter, ScopedAdmin, ids_in
from organizations.models import Member

# So many passages are shown under a text, and so many rows are asked for at once.
SHOWN = 100


class KnowledgeAdmin(ScopedAdmin):
    """What the pages of entries, articles and documents share."""

    class Media:
        css = STYLES
        js = [Script("admin/indexing.js", type="module")]

    list_filter = ["status", "is_active", "language", ("category", OwnFilter)]
    list_select_related = ["category"]
    ordering = ["-updated_at"]
    readonly_fields = ["indexing_state", "indexed", "updated_at"]
    actions = ["activate", "deactivate", "index_again"]
    actions_detail = ["index_once_more"]
    list_after = [
        *("category", "language", "priority", "is_active"),
        *("views_count", "helped", "indexing_state"),
    ]
    settings = (
        _("Use"),
        {
            "fields": [
                ("category", "language"),
                ("priority", "is_active"),
                ("valid_from", "valid_until"),
            ]
        },
    )
    # A reason may be long, so it has a line of its own.
    state = (_("Indexing"), {"fields": ["indexing_state", ("indexed", "updated_at")]})

    def store(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save through the verb, which has the piece indexed."""
        entries.save(obj, access.member_of(request.user))

    def get_urls(self) -> list[URLPattern]:
        """The page that tells how far the indexing came."""
        view = self.admin_site.admin_view(self.progress)
        name = f"{self.opts.app_label}_{self.opts.model_name}_progress"
        return [path("progress/", view, name=name), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Own rows with their shelves, in one query."""
        return super().get_queryset(request).select_related("category__parent")

    def formfield_for_foreignkey(
        self, field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Categories in the order in which their owner has put them."""
        if field.related_model is Category:
            kwargs["queryset"] = categories.in_order(self.own_rows(request, Category))
        return super().formfield_for_foreignkey(field, request, **kwargs)

    def progress(self, request: HttpRequest) -> JsonResponse:
        """How far the indexing of the asked rows came, as the pages show it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = ids_in(request.GET.get("ids", ""))
        rows = self.get_queryset(request).filter(pk__in=asked[:SHOWN])
        states = {
            row.pk: {
                "status": row.status,
                "html": self._state(row),
                "text": f"{row}: {_words(row)}",
            }
            for row in rows
        }
        return JsonResponse(states)

    @admin.display(description=_("indexing"), ordering="status")
    def indexing_state(self, item: Knowledge) -> SafeString:
        """Pending (and how far), ready, or failed with the reason; brought up to date by itself."""
        if item.pk is None:
            return format_html("{}", "–")
        address = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_progress")
        return format_html(
            '<span data-indexing="{}" data-status="{}" data-address="{}">{}</span>',
            item.pk,
            item.status,
            address,
            self._state(item),
        )

    @admin.display(description=_("indexed"), ordering="indexed_at")
    def indexed(self, item: Knowledge) -> SafeString:
        """When that was; brought up to date with the state."""
        return came_at("indexed", item.indexed_at)

    def _state(self, item: Knowledge) -> SafeString:
        words = format_html('<span class="state-{}">{}</span>', item.status, _words(item))
        if item.status != Knowledge.Status.PENDING or item.progress is None:
            return words
        return format_html(
            '{} <progress max="100" value="{}" aria-label="{}"></progress>',
            words,
            item.progress,
            _("indexing"),
        )

    @admin.display(description=_("helped / not"), ordering="helpful_count")
    def helped(self, item: Knowledge) -> str:
        """What visitors' thumbs say."""
        return f"{item.helpful_count} / {item.not_helpful_count}"

    @admin.display(description=_("passages"))
    def became(self, item: Knowledge) -> str:
        """What the text became, which is what is searched."""
        passages = Passage.unscoped.none()
        if item.pk:
            own = Passage.objects.of(item.organization).filter(
                **{entries.kind_of(item): item}, is_wording=False
            )
            passages = own.order_by("position")
        shown = list(passages.only("heading", "text")[:SHOWN])
        context = {
            "passages": shown,
            "count": passages.count() if len(shown) == SHOWN else len(shown),
            "is_failed": item.status == Knowledge.Status.FAILED,
        }
        return render_to_string("admin/knowledge_passages.html", context)

    @action(description=_("Index again"), permissions=["change"], icon="refresh")
    def index_once_more(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have this row indexed anew."""
        item = self.own_row(request, object_id)
        if request.method != "POST":
            return self.ask(
                request,
                item,
                title=_("Index again"),
                text=_("What is there now is found until the new passages are ready."),
                button=_("Index again"),
            )
        entries.index_again(item)
        messages.success(request, _("It is being indexed."))
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", item.pk)

    @admin.action(description=_("Let the assistant use them"), permissions=["change"])
    def activate(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Make the chosen rows active."""
        self._set_active(request, rows, True)

    @admin.action(description=_("Keep the assistant from using them"), permissions=["change"])
    def deactivate(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Make the chosen rows inactive."""
        self._set_active(request, rows, False)

    def _set_active(self, request: HttpRequest, rows: QuerySet[Any], is_active: bool) -> None:
        member = access.member_of(request.user)
        for item in rows:
            entries.set_active(item, is_active, member)
        self._say_how_many(request, len(rows))

    @admin.action(description=_("Index again"), permissions=["change"])
    def index_again(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Have the chosen rows indexed anew."""
        for item in rows:
            entries.index_again(item)
        self._say_how_many(request, len(rows))

    def _say_how_many(self, request: HttpRequest, count: int) -> None:
        messages.success(
            request,
            ngettext("%(count)s row changed.", "%(count)s rows changed.", count) % {"count": count},
        )


def _words(item: Knowledge) -> str:
    """The state of a row, with the reason or how far it came."""
    label: str = item.get_status_display()
    if item.status == Knowledge.Status.FAILED:
        return f"{label}: {reason(item.error)}"
    if item.status == Knowledge.Status.PENDING and item.progress is not None:
        return f"{capfirst(_('indexing'))}: {item.progress} %"
    return label


@admin.register(FAQEntry)
class FAQEntryAdmin(Exported, VersionedAdmin, KnowledgeAdmin):
    """Questions and the words that answer them."""

    form = FAQEntryForm
    list_display = ["question", *KnowledgeAdmin.list_after]
    search_fields = ["question", "phrasings", "answer"]
    actions = [*KnowledgeAdmin.actions, *EXPORTS]
    fieldsets = [
        (None, {"fields": ["question", "phrasings", "answer", "keywords"]}),
        KnowledgeAdmin.settings,
        KnowledgeAdmin.state,
    ]


@admin.register(Article)
class ArticleAdmin(VersionedAdmin, KnowledgeAdmin):
    """Pages of the owner's own."""

    form = ArticleForm
    list_display = ["title", *KnowledgeAdmin.list_after]
    search_fields = ["title", "body"]
    readonly_fields = [*KnowledgeAdmin.readonly_fields, "became"]
    fieldsets = [
        (None, {"fields": ["title", "body", "became", "url"]}),
        KnowledgeAdmin.settings,
        KnowledgeAdmin.state,
    ]

    def get_urls(self) -> list[URLPattern]:
        """The page that makes previews, of entries' answers too."""
        view = self.admin_site.admin_view(self.preview)
        return [path("preview/", view, name="knowledge_article_preview"), *super().get_urls()]

    def preview(self, request: HttpRequest) -> JsonResponse:
        """Markdown as visitors will see it."""
        organization = self.organization_of(request)
        if organization is None or not self.has_change_permission(request):
            raise PermissionDenied
        return JsonResponse({"html": markdown.preview(request.POST.get("text", ""), organization)})


@admin.register(Document)
class DocumentAdmin(KnowledgeAdmin):
    """Uploaded files."""

    form = DocumentForm
    list_display = ["title", *KnowledgeAdmin.list_after]
    search_fields = ["title", "file"]
    readonly_fields = [*KnowledgeAdmin.readonly_fields, "became"]
    fieldsets = [
        (None, {"fields": ["file", "title"]}),
        KnowledgeAdmin.settings,
        KnowledgeAdmin.state,
        (_("Passages"), {"fields": ["became"]}),
    ]

    def get_urls(self) -> list[URLPattern]:
        """The page that gives the file back."""
        view = self.admin_site.admin_view(self.file)
        return [
            path("<path:object_id>/file/", view, name="knowledge_document_file"),
            *super().get_urls(),
        ]

    def file(self, request: HttpRequest, object_id: str) -> FileResponse:
        """The file as it was uploaded, to be saved and never shown: it may be a page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        document = self.own_row(request, object_id)
        try:
            content = document.file.open("rb")
        except FileNotFoundError as error:
            raise Http404 from error
        return FileResponse(
            content,
            as_attachment=True,
            filename=document.file_name,
            content_type="application/octet-stream",
        )


@admin.register(ContextEntry)
class ContextEntryAdmin(ScopedAdmin):
    """Facts given to the agent with every question."""

    list_display = ["key", "short_value", "category", "agent", "is_active"]
    list_filter = ["is_active", ("agent", OwnFilter), "category"]
    search_fields = ["key", "value", "category"]
    ordering = ["category", "key"]
    fields = [("key", "category"), "value", ("agent", "is_active")]

    @admin.display(description=_("value"))
    def short_value(self, entry: ContextEntry) -> str:
        """The beginning of the value."""
        return entry.value if len(entry.value) <= 80 else f"{entry.value[:79]}…"


@admin.register(Passage)
class PassageAdmin(ScopedAdmin):
    """The searchable pieces, to look at."""

    list_display = ["heading", "short_text", "language", "is_active", "embedder"]
    list_filter = ["language", "is_active", "embedder"]
    search_fields = ["heading", "text"]
    ordering = ["-pk"]
    fields = ["heading", "text", ("language", "category"), ("priority", "is_active"), "embedder"]
    readonly_fields = [
        "heading",
        "text",
        "language",
        "category",
        "priority",
        "is_active",
        "embedder",
    ]

    @admin.display(description=_("text"))
    def short_text(self, passage: Passage) -> str:
        """The beginning of the text."""
        return passage.text if len(passage.text) <= 80 else f"{passage.text[:79]}…"


@dashboard.contributor
def knowledge_step(member: Member, start: dashboard.Start) -> None:
    """Whether there is something to answer from, and whether all of it is searchable."""
    counts = {"ready": 0, "pending": 0, "failed": 0}
    for model in entries.KINDS.values():
        found = model.objects.of(member.organization).aggregate(
            **{name: Count("pk", filter=Q(status=name)) for name in counts}
        )
        counts = {name: counts[name] + found[name] for name in counts}
    start.steps.append(
        dashboard.Step(
            title=_("Knowledge to answer from"),
            detail=_("%(ready)s ready, %(pending)s pending, %(failed)s failed.") % counts,
            is_done=counts["ready"] > 0 and not counts["failed"],
            url=reverse("admin:knowledge_faqentry_changelist"),
        )
    )
