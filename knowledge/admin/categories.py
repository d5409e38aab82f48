"""The admin pages of categories: the shelves, sorted by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Count, ForeignKey, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.widgets import UnfoldAdminSelectWidget

from knowledge import categories, entries
from knowledge.admin.forms import STYLES
from knowledge.models import Category
from organizations.admin import ScopedAdmin, ids_in, may_be_id

STEPS = {"up": -1, "down": 1}


@admin.register(Category)
class CategoryAdmin(ScopedAdmin):
    """Shelves, their order, and which agents may take from them."""

    search_fields = ["name"]
    # Who may take from it is said by the agents, whose settings are published in versions.
    fields = ["name", "parent"]
    # The page is a tree, and half a tree is none.
    list_per_page = list_max_show_all = 1000

    class Media:
        css = STYLES
        js = ["admin/sorting.js"]

    def get_urls(self) -> list[URLPattern]:
        """The page that saves an order."""
        view = self.admin_site.admin_view(require_POST(self.sort))
        return [path("sort/", view, name="knowledge_category_sort"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Own rows with their agents, as they stand."""
        rows = super().get_queryset(request).prefetch_related("agents", "parent__agents")
        return categories.in_order(rows)

    def get_ordering(self, request: HttpRequest) -> list[str]:
        """None beside the owner's."""
        return []

    def formfield_for_foreignkey(
        self, field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Only a shelf that stands alone can have another inside."""
        if field.name == "parent":
            own = self.own_rows(request, Category).filter(parent=None)
            match = request.resolver_match
            itself = match.kwargs.get("object_id") if match else None
            kwargs["queryset"] = own.exclude(pk=itself) if may_be_id(str(itself)) else own
            kwargs["widget"] = UnfoldAdminSelectWidget()
        return super().formfield_for_foreignkey(field, request, **kwargs)

    def store(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save through the verb, which knows its place."""
        categories.save(obj)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The shelves as a tree."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = list(self.get_queryset(request))
        counts = self._pieces(request)
        for row in rows:
            row.pieces = counts[row.pk]
            row.whose = self._whose(row)
        context = {
            **(extra_context or {}),
            "tree": categories.tree(rows),
            "may_change": self.has_change_permission(request),
        }
        page: HttpResponse = super().changelist_view(request, context)
        return page

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask, and say what becomes of what stands on the shelf."""
        row = self.get_object(request, unquote(object_id))
        context = {"left": self._left(request, row) if row else 0, **(extra_context or {})}
        page: HttpResponse = super().delete_view(request, object_id, context)
        return page

    def _left(self, request: HttpRequest, category: Category) -> int:
        """How many pieces will stand on no shelf once this one is gone, with those inside it."""
        gone = [category.pk, *self.own_rows(request, Category).filter(parent=category)
                .values_list("pk", flat=True)]  # fmt: skip
        counts = self._pieces(request)
        return sum(counts[pk] for pk in gone)

    def _pieces(self, request: HttpRequest) -> Counter[int]:
        """How much stands on each shelf."""
        counts: Counter[int] = Counter()
        for model in entries.KINDS.values():
            rows = self.own_rows(request, model).exclude(category=None).order_by()
            counts.update(dict(rows.values_list("category").annotate(Count("pk"))))
        return counts

    def _whose(self, category: Category) -> str:
        """The agents that may use it, by itself or by the shelf that it stands in."""
        chosen = [
            *category.agents.all(),
            *(category.parent.agents.all() if category.parent else []),
        ]
        names = dict.fromkeys(agent.name for agent in chosen)
        return ", ".join(names) if names else str(_("every agent"))

    def sort(self, request: HttpRequest) -> HttpResponse:
        """Save the order of one shelf, as a page has it; or move a category by one place."""
        organization = self.organization_of(request)
        if organization is None or not self.has_change_permission(request):
            raise PermissionDenied
        if "move" in request.POST:
            pk, _colon, way = request.POST["move"].partition(":")
            categories.move(self.own_row(request, pk), STEPS.get(way, 0))
            return redirect(f"{reverse('admin:knowledge_category_changelist')}#category-{pk}")
        order = ids_in(request.POST.get("order", ""))
        parent = ids_in(request.POST.get("parent", ""))
        try:
            categories.arrange(organization, parent[0] if parent else None, order)
        except categories.StaleOrder:
            text = _("The categories have changed meanwhile. Reload the page.")
            return JsonResponse({"code": "stale_order", "message": text}, status=409)
        return JsonResponse({"code": "saved"})
