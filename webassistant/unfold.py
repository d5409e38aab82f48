"""The looks and the navigation of the admin; filled from what each app registers."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def item(title: Any, icon: str, name: str, permission: str | None = None) -> dict[str, Any]:
    """A line of the sidebar: the admin page `name`, for those who may see it."""
    line: dict[str, Any] = {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}")}
    if permission:
        line["permission"] = lambda request: request.user.has_perm(permission)
    return line


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Web Assistant"),
    "SITE_HEADER": _("Web Assistant"),
    "SITE_SYMBOL": "forum",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "STYLES": [lambda request: static("admin/assistant.css")],
    "COLORS": {
        "primary": {
            "50": "240 253 250",
            "100": "204 251 241",
            "200": "153 246 228",
            "300": "94 234 212",
            "400": "45 212 191",
            "500": "20 184 166",
            "600": "13 148 136",
            "700": "15 118 110",
            "800": "17 94 89",
            "900": "19 78 74",
            "950": "4 47 46",
        }
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": _("Conversations"),
                "items": [
                    item(_("Console"), "support_agent", "console", "operators.use_console"),
                    item(_("Chats"), "forum", "chat_chat_changelist", "chat.view_chat"),
                    item(_("Sessions"), "history", "chat_session_changelist", "chat.view_session"),
                    item(
                        _("Contact requests"),
                        "mail",
                        "chat_contactrequest_changelist",
                        "chat.view_contactrequest",
                    ),
                    item(_("Visitors"), "person", "chat_visitor_changelist", "chat.view_visitor"),
                    item(_("Customers"), "group", "chat_customer_changelist", "chat.view_customer"),
                ],
            },
            {
                "title": _("Knowledge"),
                "items": [
                    item(
                        _("FAQ"), "quiz", "knowledge_faqentry_changelist", "knowledge.view_faqentry"
                    ),
                    item(
                        _("Articles"),
                        "article",
                        "knowledge_article_changelist",
                        "knowledge.view_article",
                    ),
                    item(
                        _("Documents"),
                        "description",
                        "knowledge_document_changelist",
                        "knowledge.view_document",
                    ),
                    item(
                        _("Categories"),
                        "category",
                        "knowledge_category_changelist",
                        "knowledge.view_category",
                    ),
                    item(
                        _("Context"),
                        "info",
                        "knowledge_contextentry_changelist",
                        "knowledge.view_contextentry",
                    ),
                ],
            },
            {
                "title": _("Settings"),
                "items": [
                    item(
                        _("Widgets"),
                        "widgets",
                        "organizations_widget_changelist",
                        "organizations.view_widget",
                    ),
                    item(
                        _("Agents"),
                        "smart_toy",
                        "organizations_agent_changelist",
                        "organizations.view_agent",
                    ),
                    item(
                        _("Members"),
                        "badge",
                        "organizations_member_changelist",
                        "organizations.view_member",
                    ),
                    item(
                        _("Organizations"),
                        "domain",
                        "organizations_organization_changelist",
                        "organizations.view_organization",
                    ),
                ],
            },
        ],
    },
}
