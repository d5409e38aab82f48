"""The admin page of moderation: one for an organization."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
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

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Only the first; there is one each."""
        return bool(super().has_add_permission(request)) and not self.get_queryset(request).exists()
