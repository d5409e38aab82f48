"""Admin pages of the desk: the console's address, and who is at work."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.urls import path, reverse
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from operators import presence
from operators.console import console, earlier
from operators.models import Availability, ReadyReply
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


@admin.register(ReadyReply)
class ReadyReplyAdmin(ScopedAdmin):
    """What operators need not type again and again."""

    list_display = ["__str__", "beginning"]
    search_fields = ["shortcut", "text"]
    fields = ["shortcut", "text"]

    @admin.display(description=_("text"), ordering="text")
    def beginning(self, reply: ReadyReply) -> str:
        """As much of it as a list has room for."""
        return Truncator(" ".join(reply.text.split())).chars(90)


# The site asks for pages beside those of its models; see `AssistantAdminSite.add_page`.
reading = path(
    "console/<uuid:chat_id>/earlier/", admin.site.admin_view(earlier), name="console_earlier"
)
admin.site.add_page(reading)  # type: ignore[attr-defined]
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
