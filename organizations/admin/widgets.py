"""The admin page of widgets: looks, texts, hours, sites, and the line to paste."""

from __future__ import annotations

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from organizations import dashboard
from organizations.admin.scoped import ScopedAdmin
from organizations.forms import WidgetForm
from organizations.models import Member, Widget, new_key


@admin.register(Widget)
class WidgetAdmin(ScopedAdmin):
    """Looks, texts, hours and sites of a widget, and the line to paste."""

    form = WidgetForm
    list_display = ["name", "bot_name", "agent", "position", "is_active", "updated_at"]
    list_filter = ["is_active", "agent", "position"]
    list_select_related = ["agent"]
    search_fields = ["name", "bot_name", "welcome_message"]
    ordering = ["name"]
    actions_detail = ["change_key"]
    change_form_before_template = "organizations/embed_code.html"
    fieldsets = [
        (None, {"fields": ["name", "is_active", "agent"]}),
        (
            _("Looks"),
            {
                "fields": [
                    "bot_name",
                    "bot_avatar",
                    "primary_color",
                    "position",
                    "auto_open_delay",
                ]
            },
        ),
        (
            _("Texts"),
            {
                "fields": [
                    "languages",
                    "main_language",
                    "welcome_message",
                    "placeholder_text",
                    "offline_message",
                    "translations",
                ]
            },
        ),
        (
            _("People"),
            {"fields": ["timezone", "business_hours", "support_timeout"]},
        ),
        (_("Chat types"), {"fields": ["kinds", "default_kind"]}),
        (_("Sites"), {"fields": ["allowed_sites"]}),
    ]

    @action(description=_("Change the key"), permissions=["change"], icon="key")
    def change_key(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give the widget another public key: every pasted line stops working."""
        widget = self.own_row(request, object_id)
        if request.method != "POST":
            return self.ask(
                request,
                widget,
                title=_("Change the key"),
                text=_("The widget disappears from every site until the new line is pasted there."),
                button=_("Change the key"),
            )
        widget.key = new_key()
        widget.save(update_fields=["key", "updated_at"])
        self.log_change(request, widget, [{"changed": {"fields": ["key"]}}])
        messages.warning(request, _("The key was changed. Paste the new line into your site."))
        return redirect("admin:organizations_widget_change", widget.pk)


@dashboard.contributor
def widget_step(member: Member, start: dashboard.Start) -> None:
    """Whether a widget is there to be pasted."""
    names = list(
        Widget.objects.of(member.organization)
        .filter(is_active=True)
        .order_by("name")
        .values_list("name", flat=True)
    )
    start.steps.append(
        dashboard.Step(
            title=_("A widget for your site"),
            detail=(
                _("Active: %(names)s. Paste the line of one into your pages.")
                % {"names": ", ".join(names)}
                if names
                else _("Add a widget, then paste its line into your pages.")
            ),
            is_done=bool(names),
            url=reverse("admin:organizations_widget_changelist"),
        )
    )
