"""The admin page of moderation: one for an organization."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from organizations.admin.scoped import ScopedAdmin
from organizations.forms import ModerationForm
from organizations.models import Moderation


@admin.register(Moderation)
class ModerationAdmin(ScopedAdmin):
    """What is done about rude words, spam and the owner's words."""

    form = ModerationForm
    list_display = ["__str__", "is_on", "warnings", "mute_minutes", "updated_at"]
    fieldsets = [
        (None, {"fields": ["is_on", "warnings", "mute_minutes"]}),
        (_("Words"), {"fields": ["blocked_words", "masked_words", "topics"]}),
        (_("Links"), {"fields": ["linked_sites"]}),
    ]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The one there is, or the form of the first: nobody looks through a list of one."""
        if not request.GET and request.method == "GET" and self.has_view_permission(request):
            row = self.get_queryset(request).first()
            if row is not None:
                return redirect("admin:organizations_moderation_change", row.pk)
            if self.has_add_permission(request):
                return redirect("admin:organizations_moderation_add")
        shown: HttpResponse = super().changelist_view(request, extra_context)
        return shown

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The form, which offers no second row."""
        context["show_save_and_add_another"] = False
        shown: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return shown

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only the first; there is one each."""
        return bool(super().has_add_permission(request)) and not self.get_queryset(request).exists()
