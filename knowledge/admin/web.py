"""Admin pages of web sources, and of the pages that were read from them."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from knowledge import websites
from knowledge.admin.came import came_at
from knowledge.models import Knowledge, WebPage, WebSource
from knowledge.reasons import reason
from organizations.admin import OwnFilter, ReadOnlyAdmin, ScopedAdmin


class WebSourceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A source as its owner gives it; an address that will never be read is refused at once."""

    def clean_url(self) -> str:
        """Refuse what leads inside, with the reason."""
        url: str = self.cleaned_data["url"]
        websites.check_url(url)
        return url


@admin.register(WebSource)
class WebSourceAdmin(ScopedAdmin):
    """Pages and sitemaps to be read, how far that came, and what went wrong."""

    form = WebSourceForm
    list_display = ["url", "kind", "category", "reading_state", "pages_link", "last_read"]
    list_filter = ["status", "kind", "is_active", ("category", OwnFilter)]
    list_select_related = ["category"]
    search_fields = ["url"]
    ordering = ["url"]
    actions = ["read_again"]
    actions_detail = ["read_now"]
    readonly_fields = ["reading_state", "pages_link", "last_read", "next_read"]
    fieldsets = [
        (None, {"fields": ["url", ("kind", "max_pages")]}),
        (
            _("Use"),
            {"fields": [("category", "language"), ("priority", "is_active"), "every_hours"]},
        ),
        (
            _("Reading"),
            {"fields": ["reading_state", "pages_link", ("last_read", "next_read")]},
        ),
    ]

    class Media:
        js = [Script("admin/progress.js", type="module")]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Own rows, with how many of their pages are in trouble."""
        rows: Any = (
            super()
            .get_queryset(request)
            .annotate(
                pages_ready=Count("pages", filter=Q(pages__status=Knowledge.Status.READY)),
                pages_in_trouble=Count("pages", filter=~Q(pages__fetch_error="")),
            )
        )
        return cast(QuerySet[Any], rows)

    def get_urls(self) -> list[URLPattern]:
        """With the address that a page asks how far the reading came."""
        progress = path(
            "<path:object_id>/progress/",
            self.admin_site.admin_view(self.progress),
            name="knowledge_websource_progress",
        )
        return [progress, *super().get_urls()]

    def store(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save through the verb, which has the source read."""
        websites.save(obj)

    def progress(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The state as it stands in a list or on a source's page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponse(self.reading_state(self.own_row(request, object_id)))

    @admin.display(description=_("state"), ordering="status")
    def reading_state(self, source: WebSource) -> SafeString:
        """How far the reading is, or how it ended; it moves while it is under way."""
        if not source.pk:
            return format_html("{}", _("It is read as soon as it is saved."))
        return render_to_string(
            "admin/knowledge/reading_state.html",
            {
                "source": source,
                "is_reading": source.status == WebSource.Status.READING,
                "trouble": websites.trouble(source.error) if source.error else "",
                "in_trouble": getattr(source, "pages_in_trouble", 0),
                "url": reverse("admin:knowledge_websource_progress", args=[source.pk]),
            },
        )

    @admin.display(description=_("pages"))
    def pages_link(self, source: WebSource) -> SafeString | str:
        """The way to the source's pages."""
        if not source.pk:
            return "–"
        count = getattr(source, "pages_ready", 0)
        return format_html(
            '<a class="row-link" href="{}?source__id__exact={}" data-came="pages-{}">{}</a>',
            reverse("admin:knowledge_webpage_changelist"),
            source.pk,
            source.pk,
            ngettext("%(count)s page to answer from", "%(count)s pages to answer from", count)
            % {"count": count},
        )

    @admin.display(description=_("last read"), ordering="last_read_at")
    def last_read(self, source: WebSource) -> SafeString:
        """When it was read, brought up to date with the state."""
        return came_at(f"last-read-{source.pk}", source.last_read_at)

    @admin.display(description=_("next reading"))
    def next_read(self, source: WebSource) -> SafeString:
        """When it will be read again, brought up to date with the state."""
        return came_at(f"next-read-{source.pk}", source.next_read_at)

    @action(description=_("Read now"), permissions=["change"], icon="refresh")
    def read_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have this source read, after asking."""
        source = self.own_row(request, object_id)
        if request.method != "POST":
            return self.ask(
                request,
                source,
                title=_("Read now"),
                text=_("Every page of %(url)s is asked whether it has changed.")
                % {"url": source.url},
                button=_("Read now"),
            )
        self._read(request, [source])
        return redirect("admin:knowledge_websource_change", source.pk)

    @admin.action(description=_("Read again"), permissions=["change"])
    def read_again(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Have the chosen sources read."""
        self._read(request, list(rows))

    def _read(self, request: HttpRequest, sources: list[WebSource]) -> None:
        begun = sum(websites.read(source) for source in sources)
        if begun < len(sources):
            messages.info(request, _("What is being read already goes on as it is."))
        if begun:
            messages.success(
                request,
                ngettext(
                    "%(count)s source is being read.", "%(count)s sources are being read.", begun
                )
                % {"count": begun},
            )


@admin.register(WebPage)
class WebPageAdmin(ReadOnlyAdmin):
    """What was read from the web, to look at."""

    list_display = ["name", "address", "page_state", "language", "fetched_at"]
    list_filter = [
        *(("source", OwnFilter), ("fetch_error", admin.EmptyFieldListFilter), "status"),
        *("language", ("category", OwnFilter)),
    ]
    list_select_related = ["source"]
    search_fields = ["title", "url", "body"]
    ordering = ["url"]
    fields = [
        *("name", "address", "source", "page_state", ("language", "category")),
        *(("fetched_at", "indexed_at"), "body"),
    ]
    readonly_fields = fields[:4]

    @admin.display(description=_("title"), ordering="title")
    def name(self, page: WebPage) -> str:
        """The title, or the address while there is none."""
        return page.title or page.url

    @admin.display(description=_("address"), ordering="url")
    def address(self, page: WebPage) -> SafeString:
        """The way to the page itself."""
        return format_html(
            '<a class="row-link" href="{}" rel="noopener noreferrer" target="_blank">{}</a>',
            page.url,
            page.url,
        )

    @admin.display(description=_("state"), ordering="fetch_error")
    def page_state(self, page: WebPage) -> SafeString:
        """Whether it can be answered from, and if not, why."""
        if page.fetch_error:
            state, words = "failed", websites.trouble(page.fetch_error)
            if page.body:
                words = " ".join([words, gettext("What was read before is still used.")])
        elif not page.fetched_at:
            state, words = "pending", str(WebSource.Status.WAITING.label)
        else:
            state, words = page.status, page.get_status_display()
            if state == Knowledge.Status.FAILED:
                words = f"{words}: {reason(page.error)}"
        return format_html('<span class="state-{}">{}</span>', state, words)
