"""Admin pages of the desk: the console's address, and who is at work."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.urls import path, reverse
from django.utils.translation import gettext_lazy as _

from operators import presence
from operators.console import console
from operators.models import Availability
from organizations import dashboard
from organizations.admin import ScopedAdmin
from organizations.models import Member


@admin.register(Availability)
class AvailabilityAdmin(ScopedAdmin):
    """How many chats a member takes, and when they were last seen."""

    list_display = ["member", "status", "max_chats", "seen_at"]
    list_filter = ["status"]
    search_fields = ["member__display_name", "member__user__username"]
    readonly_fields = ["member", "seen_at"]
    fields = ["member", "status", "max_chats", "seen_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows are made by the members' consoles."""
        return False


# The site asks for pages beside those of its models; see `AssistantAdminSite.add_page`.
admin.site.add_page(path("console/", admin.site.admin_view(console), name="console"))  # type: ignore[attr-defined]


@dashboard.contributor
def people_step(member: Member, start: dashboard.Start) -> None:
    """Whether somebody could take a chat now."""
    online = presence.is_anybody_online(member.organization)
    start.steps.append(
        dashboard.Step(
            title=_("Somebody in the console"),
            detail=_("An operator is online.") if online else _("Nobody is online right now."),
            is_done=online,
            url=reverse("admin:console"),
        )
    )
