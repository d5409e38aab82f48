"""The admin page of visits."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chat.admin.links import chat_links, stars
from chat.models import Chat, Session
from organizations.admin import ReadOnlyAdmin


@admin.register(Session)
class SessionAdmin(ReadOnlyAdmin):
    """Visits."""

    list_display = ["__str__", "person", "widget", "language", "is_active", "rating", "created_at"]
    list_filter = ["is_active", "language", "widget", "satisfaction_rating", "created_at"]
    search_fields = ["title", "page_url", "customer__email", "session_uuid"]
    list_select_related = ["widget", "customer", "visitor"]
    ordering = ["-created_at"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "title",
                    "chats",
                    "visitor",
                    "customer",
                    "widget",
                    "language",
                    "is_active",
                    "rating",
                    "rating_comment",
                    "created_at",
                    "updated_at",
                    "ended_at",
                ]
            },
        ),
        (_("Page"), {"fields": ["page_url", "page_title", "page_context"]}),
        (_("For support"), {"classes": ["collapse"], "fields": ["session_uuid"]}),
    ]

    @admin.display(description=_("visitor"))
    def person(self, session: Session) -> str:
        """The customer, or the anonymous visitor."""
        return str(session.customer or session.visitor)

    @admin.display(description=_("rating"), ordering="satisfaction_rating")
    def rating(self, session: Session) -> str:
        """The rating in stars."""
        return stars(session.satisfaction_rating)

    @admin.display(description=_("chats"))
    def chats(self, session: Session) -> SafeString:
        """The ways to its transcripts."""
        found = Chat.objects.of(session.organization).filter(session=session).order_by("pk")
        return chat_links(found)
