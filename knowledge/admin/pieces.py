"""Admin pages of what the assistant may say."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from knowledge import entries
from knowledge.admin.exports import EXPORTS, Exported
from knowledge.admin.revisions import VersionedAdmin
from knowledge.models import Article, Category, ContextEntry, Document, FAQEntry, Knowledge, Passage
from knowledge.reasons import reason
from organizations import access, dashboard
from organizations.admin import OwnFilter, ScopedAdmin
from organizations.models import Member


class KnowledgeAdmin(ScopedAdmin):
    """What the pages of entries, articles and documents share."""

    list_filter = ["status", "is_active", "language", ("category", OwnFilter)]
    list_select_related = ["category"]
    ordering = ["-updated_at"]
    readonly_fields = ["indexing_state", "indexed_at", "updated_at"]
    actions = ["activate", "deactivate", "index_again"]
    list_after = ["category", "language", "priority", "is_active", "indexing_state"]
    settings = (
        _("Use"),
        {"fields": [("category", "language"), ("priority", "is_active")]},
    )
    state = (_("Indexing"), {"fields": [("indexing_state", "indexed_at", "updated_at")]})

    def store(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save through the verb, which has the piece indexed."""
        entries.save(obj, access.member_of(request.user))

    @admin.display(description=_("indexing"), ordering="status")
    def indexing_state(self, item: Knowledge) -> SafeString:
        """Pending, ready, or failed with the reason."""
        label = item.get_status_display()
        if item.status == Knowledge.Status.FAILED:
            label = f"{label}: {reason(item.error)}"
        return format_html('<span class="state-{}">{}</span>', item.status, label)

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


@admin.register(FAQEntry)
class FAQEntryAdmin(Exported, VersionedAdmin, KnowledgeAdmin):
    """Questions and the words that answer them."""

    list_display = ["question", *KnowledgeAdmin.list_after]
    search_fields = ["question", "answer"]
    actions = [*KnowledgeAdmin.actions, *EXPORTS]
    fieldsets = [
        (None, {"fields": ["question", "answer"]}),
        KnowledgeAdmin.settings,
        KnowledgeAdmin.state,
    ]


@admin.register(Article)
class ArticleAdmin(VersionedAdmin, KnowledgeAdmin):
    """Pages of the owner's own."""

    list_display = ["title", *KnowledgeAdmin.list_after]
    search_fields = ["title", "body"]
    fieldsets = [
        (None, {"fields": ["title", "body", "url"]}),
        KnowledgeAdmin.settings,
        KnowledgeAdmin.state,
    ]


@admin.register(Document)
class DocumentAdmin(KnowledgeAdmin):
    """Uploaded files."""

    list_display = ["title", *KnowledgeAdmin.list_after]
    search_fields = ["title", "file"]
    fieldsets = [
        (None, {"fields": ["title", "file"]}),
        KnowledgeAdmin.settings,
        KnowledgeAdmin.state,
    ]


@admin.register(Category)
class CategoryAdmin(ScopedAdmin):
    """Shelves, and which agents may take from them."""

    list_display = ["name", "agents_that_may"]
    search_fields = ["name"]
    filter_horizontal = ["agents"]
    ordering = ["name"]

    @admin.display(description=_("agents that may use it"))
    def agents_that_may(self, category: Category) -> str:
        """The agents' names, or every one."""
        names = [agent.name for agent in category.agents.all()]
        return ", ".join(names) if names else str(_("every agent"))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Own rows with their agents, in two queries."""
        return super().get_queryset(request).prefetch_related("agents")


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
