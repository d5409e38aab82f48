"""The admin pages of tools and context providers, each with its "Try it"."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from unfold.decorators import action

from organizations import agents, calling
from organizations.admin.scoped import ScopedAdmin
from organizations.forms.tools import ContextProviderForm, ToolForm, TryForm
from organizations.models import Agent, ContextProvider, Tool

hides_secrets = method_decorator(sensitive_post_parameters())


class CallAdmin(ScopedAdmin):
    """What both have in common: secrets that no report shows, and the page to try it on."""

    actions_detail = ["try_it"]

    @hides_secrets
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The form, whose fields no report of an error may show."""
        return super().changeform_view(request, *args, **kwargs)

    @action(description=_("Try it"), permissions=["change"], icon="play_arrow")
    @method_decorator(sensitive_variables())
    def try_it(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Call it once with typed arguments, and show what would be kept."""
        described = self.own_row(request, object_id)
        form = TryForm(described, request.POST if request.method == "POST" else None)
        outcome = None
        if request.method == "POST" and form.is_valid():
            outcome = calling.call_and_wait(described, form.arguments())
        context = {
            **self.admin_site.each_context(request),
            "title": _("Try it"),
            "original": described,
            "opts": self.opts,
            "form": form,
            "is_changing": getattr(described, "is_changing", False),
            "outcome": outcome,
            "trouble": calling.sentence(outcome.code) if outcome else "",
        }
        return TemplateResponse(request, "organizations/try_call.html", context)


@admin.register(Tool)
class ToolAdmin(CallAdmin):
    """What agents' models may call."""

    form = ToolForm
    list_display = ["label", "name", "method", "url", "is_changing", "is_active"]
    list_filter = ["is_changing", "is_active", "method"]
    search_fields = ["name", "label", "description", "url"]
    ordering = ["label"]
    fieldsets = [
        (None, {"fields": ["label", "name", "description", "is_changing", "is_active"]}),
        (_("Arguments"), {"fields": ["parameters"]}),
        (_("Request"), {"fields": ["method", "url", "body", "headers", "timeout"]}),
        (_("Answer"), {"fields": ["keep", "max_kept"]}),
    ]

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What goes along; agents that name the tool hold it."""
        gone, counts, needed, held = super().get_deleted_objects(objs, request)
        wanted = {tool.pk for tool in objs}
        users = [
            agent
            for agent in self.own_rows(request, Agent).order_by("name")
            if wanted & agents.tools_in(agent)
        ]
        held = [*held, *(f"{agent._meta.verbose_name}: {agent}" for agent in users)]
        return gone, counts, needed, list(dict.fromkeys(held))


@admin.register(ContextProvider)
class ContextProviderAdmin(CallAdmin):
    """Facts of other systems that agents are given with a question."""

    form = ContextProviderForm
    list_display = ["name", "agent", "method", "url", "cache_seconds", "is_active"]
    list_filter = ["agent", "is_active"]
    list_select_related = ["agent"]
    search_fields = ["name", "url"]
    ordering = ["name"]
    fieldsets = [
        (None, {"fields": ["name", "agent", "words", "is_active"]}),
        (_("Request"), {"fields": ["method", "url", "body", "headers", "timeout"]}),
        (_("Answer"), {"fields": ["keep", "max_kept", "cache_seconds"]}),
    ]
