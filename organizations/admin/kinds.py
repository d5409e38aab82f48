"""The admin pages of chat types, with the examples to begin with."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from organizations import kinds
from organizations.admin.scoped import ScopedAdmin
from organizations.forms import KindForm
from organizations.models import ChatType
from organizations.models.kinds import by_language


@admin.register(ChatType)
class ChatTypeAdmin(ScopedAdmin):
    """How chats of a type begin, what the assistant is told in them, and what comes out."""

    form = KindForm
    list_display = ["title", "slug", "opening", "has_result", "finish_by", "is_active", "position"]
    list_filter = ["is_active", "opening", "finish_by"]
    search_fields = ["slug", "names", "instructions"]
    ordering = ["position", "slug"]
    actions_list = ["examples"]
    fieldsets = [
        (None, {"fields": ["names", "slug", "icon", "is_active", "position"]}),
        (_("The beginning"), {"fields": ["opening", "opening_texts"]}),
        (_("The dialogue"), {"fields": ["instructions"]}),
        (_("The finish"), {"fields": ["result_names", "button_texts", "finish_by", "schema"]}),
    ]

    @admin.display(description=_("name"), ordering="slug")
    def title(self, kind: ChatType) -> str:
        """What visitors call it, in the reader's language."""
        return kind.name(get_language() or "")

    @admin.display(description=_("has a result"), boolean=True)
    def has_result(self, kind: ChatType) -> bool:
        """Whether its chats can be finished."""
        return bool(kind.schema)

    @action(description=_("From an example"), permissions=["add"], icon="library_add")
    def examples(self, request: HttpRequest) -> HttpResponse:
        """The examples, and one of them taken."""
        organization = self.organization_of(request)
        if organization is None:
            raise PermissionDenied
        if request.method == "POST":
            slug = request.POST.get("example", "")
            if slug in kinds.TEMPLATES:
                kind = kinds.from_template(organization, slug)
                self.log_addition(request, kind, [{"added": {}}])
                messages.success(
                    request, _("Added. Change what you like, then offer it in a widget.")
                )
                return redirect("admin:organizations_chattype_change", kind.pk)
            messages.error(request, _("There is no such example."))
        language = get_language() or ""
        examples = [
            {
                "slug": slug,
                "name": by_language(template["names"], language),
                "about": kinds.ABOUT[slug],
                "fields": self._fields(template["schema"], language),
            }
            for slug, template in kinds.TEMPLATES.items()
        ]
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": _("Examples of chat types"),
            "opts": self.opts,
            "examples": examples,
        }
        return TemplateResponse(request, "organizations/kind_examples.html", context)

    def _fields(self, schema: dict[str, Any], language: str) -> str:
        fields = schema["properties"].values()
        return ", ".join(by_language(field["titles"], language) for field in fields)
