"""The admin page of agents: how the assistant answers."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from organizations.admin.scoped import ScopedAdmin
from organizations.models import Agent


@admin.register(Agent)
class AgentAdmin(ScopedAdmin):
    """How the assistant answers."""

    list_display = ["name", "model", "fallback_model", "temperature", "updated_at"]
    list_filter = ["model"]
    search_fields = ["name", "instructions", "model"]
    ordering = ["name"]
    fieldsets = [
        (None, {"fields": ["name", "instructions"]}),
        (_("Model"), {"fields": ["model", "fallback_model", "temperature", "max_tokens"]}),
        (_("Limits"), {"fields": ["reply_delay", "daily_turns_per_visitor"]}),
        (_("Cost"), {"fields": ["input_price", "output_price"]}),
    ]
