"""The admin pages of tools and context providers, each with its "Try it"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from unfold.decorators import action

from organizations import access, agents, calling, definitions
from organizations.admin.scoped import ReadOnlyAdmin, ScopedAdmin
from organizations.agents import Difference
from organizations.forms.tools import ContextProviderForm, ToolForm, TryForm
from organizations.models import Agent, ContextProvider, Tool, ToolRevision

hides_secrets = method_decorator(sensitive_post_parameters())
TROUBLE = (_("Trouble of late"), {"fields": ["trouble"]})


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
    actions_detail = ["try_it", "revisions"]

    def store(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save it, and keep what it is now."""
        definitions.save(obj, access.member_of(request.user))

    @action(description=_("Revisions"), permissions=["view"], icon="history")
    def revisions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the tool was before, who changed it, and when."""
        tool = self.own_row(request, object_id)
        address = reverse("admin:organizations_toolrevision_changelist")
        return redirect(f"{address}?tool__id__exact={tool.pk}")

    def held_by(self, request: HttpRequest, rows: Any) -> Iterable[Agent]:
        """Agents that name the tool."""
        wanted = {tool.pk for tool in rows}
        own = self.own_rows(request, Agent).order_by("name")
        return [agent for agent in own if wanted & agents.tools_in(agent)]


@admin.register(ToolRevision)
class ToolRevisionAdmin(ReadOnlyAdmin):
    """What a tool was, who changed it when, and the way back."""

    list_display = ["number", "tool", "is_in_use", "created_at", "author"]
    list_display_links = ["number"]
    list_filter = ["tool"]
    list_select_related = ["tool", "author__user"]
    ordering = ["-created_at", "-pk"]
    actions_detail = ["restore"]
    fields = ["tool", "number", "created_at", "author", "changed", "against_now"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Own rows with what their pages name."""
        return super().get_queryset(request).select_related("tool__organization", "author__user")

    @admin.display(description=_("in use"), boolean=True)
    def is_in_use(self, revision: ToolRevision) -> bool:
        """Whether the tool is this now."""
        return revision.tool.revision == revision.number

    @admin.display(description=_("changed by it"))
    def changed(self, revision: ToolRevision) -> SafeString:
        """What differs from the revision before."""
        before = revision.tool.revisions.filter(number__lt=revision.number).first()
        return _table(definitions.differences(before.content if before else {}, revision.content))

    @admin.display(description=_("against what is in use"))
    def against_now(self, revision: ToolRevision) -> SafeString:
        """What going back to it would change."""
        return _table(definitions.against_now(revision))

    def has_restore_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Who may change tools may go back."""
        return request.user.has_perm("organizations.change_tool")

    @action(description=_("Use this again"), permissions=["restore"], icon="restore")
    def restore(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Bring the definition back, as a new revision."""
        revision = self.own_row(request, object_id)
        if request.method != "POST":
            return self.ask(
                request,
                revision,
                title=_("Use revision %(number)s again") % {"number": revision.number},
                text=_("It becomes a new revision. The stored headers stay as they are."),
                button=_("Use this again"),
                changes=definitions.against_now(revision),
            )
        try:
            tool = definitions.restore(revision.tool, revision, access.member_of(request.user))
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            number = {"number": tool.revision}
            messages.success(request, _("Revision %(number)s is in use now.") % number)
        return redirect("admin:organizations_tool_change", revision.tool_id)


def _table(changes: list[Difference]) -> SafeString:
    return render_to_string("organizations/changes.html", {"changes": changes})


@admin.register(ContextProvider)
class ContextProviderAdmin(CallAdmin):
    """Facts of other systems that agents are given with a question."""

    form = ContextProviderForm
    list_display = ["name", "agent", "method", "url", "cache_seconds", "is_active", "is_well"]
    list_filter = ["agent", "is_active"]
    list_select_related = ["agent"]
    search_fields = ["name", "url"]
    ordering = ["name"]
    fieldsets = [
        (None, {"fields": ["name", "agent", "words", "is_active"]}),
        (_("Request"), {"fields": ["method", "url", "body", "headers", "timeout"]}),
        (_("Answer"), {"fields": ["keep", "max_kept", "cache_seconds"]}),
        TROUBLE,
    ]
    readonly_fields = ["trouble"]

    @admin.display(description=_("answers now"), boolean=True)
    def is_well(self, provider: ContextProvider) -> bool:
        """Whether nothing was wrong when it was asked last."""
        return not provider.is_failing

    @admin.display(description=_("last failure"))
    def trouble(self, provider: ContextProvider) -> SafeString:
        """When it gave nothing, and why."""
        context = {"provider": provider, "sentence": calling.sentence(provider.error)}
        return render_to_string("organizations/context_trouble.html", context)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A provider that is not there yet has had no trouble."""
        shown = super().get_fieldsets(request, obj)
        return shown if obj else [one for one in shown if one is not TROUBLE]

    def store(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """With other settings it has not failed yet."""
        if form.changed_data:
            obj.error, obj.failed_at, obj.is_failing = "", None, False
        super().store(request, obj, form, change)
