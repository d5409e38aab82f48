"""The looks and the navigation of the admin."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


def page(title: str | Promise, icon: str, name: str, permission: str = "") -> dict[str, Any]:
    """A line of the sidebar: an admin page, for those who may see it."""
    line: dict[str, Any] = {"title": title, "icon": icon, "link": reverse_lazy(f"admin:{name}")}
    if permission:
        line["permission"] = lambda request: request.user.has_perm(permission)
    return line


def rows(title: str | Promise, icon: str, app: str, model: str) -> dict[str, Any]:
    """A line of the sidebar: a list of rows, for those who may view them."""
    return page(title, icon, f"{app}_{model}_changelist", f"{app}.view_{model}")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Web Assistant"),
    "SITE_HEADER": _("Web Assistant"),
    "SITE_SYMBOL": "forum",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda request: static("admin/favicon.svg"),
        }
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "STYLES": [lambda request: static("admin/assistant.css")],
    "SCRIPTS": [
        lambda request: static("admin/copy.js"),
        lambda request: static("admin/select.js"),
    ],
    # Shown to those without a password too, who may set their first one there.
    "ACCOUNT": {
        "navigation": [{"title": _("Password"), "link": reverse_lazy("admin:password_change")}]
    },
    "COLORS": {
        "primary": {
            "50": "240 253 250",
            "100": "204 251 241",
            "200": "153 246 228",
            "300": "94 234 212",
            "400": "45 212 191",
            "500": "20 184 166",
            "600": "15 118 110",
            "700": "17 94 89",
            "800": "19 78 74",
            "900": "4 47 46",
            "950": "2 31 30",
        }
    },
    "SIDEBAR": {
        "navigation": [
            {
                "items": [
                    page(_("Overview"), "home", "index"),
                    page(_("Console"), "support_agent", "console", "operators.use_console"),
                ]
            },
            {
                "title": _("Conversations"),
                "separator": True,
                "items": [
                    rows(_("Chats"), "forum", "chat", "chat"),
                    rows(_("Results"), "task", "chat", "chatresult"),
                    rows(_("Contact requests"), "mail", "chat", "contactrequest"),
                    rows(_("Ready replies"), "quickreply", "operators", "readyreply"),
                    rows(_("Visitors"), "person", "chat", "visitor"),
                    rows(_("Customers"), "group", "chat", "customer"),
                    rows(_("Memory"), "neurology", "chat", "memoryfact"),
                ],
            },
            {
                "title": _("Knowledge"),
                "separator": True,
                "items": [
                    rows(_("FAQ"), "quiz", "knowledge", "faqentry"),
                    rows(_("Articles"), "article", "knowledge", "article"),
                    rows(_("Documents"), "description", "knowledge", "document"),
                    rows(_("Web sources"), "language", "knowledge", "websource"),
                    rows(_("Web pages"), "web", "knowledge", "webpage"),
                    rows(_("Context"), "info", "knowledge", "contextentry"),
                    rows(_("Categories"), "category", "knowledge", "category"),
                    rows(_("Imports"), "upload_file", "knowledge", "import"),
                ],
            },
            {
                "title": _("How good the knowledge is"),
                "separator": True,
                "items": [
                    page(_("Try a question"), "search", "knowledge_try", "knowledge.view_passage"),
                    rows(_("Gaps"), "lightbulb", "knowledge", "suggestion"),
                    page(
                        _("Popular answers"),
                        "trending_up",
                        "knowledge_popular",
                        "knowledge.view_faqentry",
                    ),
                    page(
                        _("Knowledge check"),
                        "fact_check",
                        "knowledge_checkup",
                        "knowledge.change_faqentry",
                    ),
                    page(
                        _("Knowledge graph"), "graph_3", "knowledge_graph", "knowledge.view_passage"
                    ),
                    rows(_("Passages"), "segment", "knowledge", "passage"),
                ],
            },
            {
                "title": _("Assistant"),
                "separator": True,
                "items": [
                    rows(_("Agents"), "smart_toy", "organizations", "agent"),
                    rows(_("Agents' versions"), "history", "organizations", "agentversion"),
                    rows(_("Chat types"), "shapes", "organizations", "chattype"),
                    rows(_("Tools"), "build", "organizations", "tool"),
                    rows(
                        _("Context providers"), "cloud_download", "organizations", "contextprovider"
                    ),
                    rows(_("Moderation"), "shield", "organizations", "moderation"),
                ],
            },
            {
                "title": _("Trying it"),
                "separator": True,
                "items": [
                    page(
                        _("Playground"), "science", "chat_playground", "organizations.change_agent"
                    ),
                    rows(_("Test sets"), "checklist", "chat", "testset"),
                    rows(_("Cases"), "rule", "chat", "testcase"),
                    rows(_("Test runs"), "labs", "chat", "testrun"),
                    rows(_("Gates"), "verified", "chat", "gate"),
                    rows(_("Experiments"), "alt_route", "chat", "experiment"),
                ],
            },
            {
                "title": _("Models and money"),
                "separator": True,
                "items": [
                    rows(_("Model providers"), "hub", "organizations", "provider"),
                    rows(_("Prices of models"), "sell", "organizations", "modelprice"),
                    page(_("Usage"), "bar_chart", "usage", "chat.view_modelcall"),
                ],
            },
            {
                "title": _("Site and team"),
                "separator": True,
                "items": [
                    rows(_("Widgets"), "widgets", "organizations", "widget"),
                    rows(_("Members"), "badge", "organizations", "member"),
                    rows(_("At work"), "schedule", "operators", "availability"),
                    rows(_("Organization"), "domain", "organizations", "organization"),
                    rows(_("Accounts"), "key", "organizations", "user"),
                ],
            },
            {
                "title": _("Records"),
                "separator": True,
                "items": [
                    rows(_("Turns"), "receipt_long", "chat", "turn"),
                    rows(_("Tool calls"), "build_circle", "chat", "toolcall"),
                    rows(_("Handoffs"), "swap_horiz", "chat", "handoff"),
                    rows(_("Visits"), "history_toggle_off", "chat", "session"),
                ],
            },
        ],
    },
}
