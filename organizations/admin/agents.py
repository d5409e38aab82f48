"""The admin pages of agents: their draft, what publishing it would change, and past versions."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from organizations import access, agents, budgets
from organizations.admin.scoped import ReadOnlyAdmin, ScopedAdmin
from organizations.forms import AgentForm
from organizations.models import Agent, AgentVersion


class NoteForm(forms.Form):
    """A word on what is published."""

    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("What has changed and why, for the list of versions."),
    )


class OverrideForm(forms.Form):
    """Why it is published all the same."""

    note = forms.CharField(
        label=_("Note"), required=False, max_length=120, widget=UnfoldAdminTextInputWidget
    )
    reason = forms.CharField(
        label=_("Reason to publish all the same"),
        max_length=140,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("It is kept in the note of the version."),
    )


@admin.register(Agent)
class AgentAdmin(ScopedAdmin):
    """How the assistant answers: the form is the draft, and visitors hear what is published."""

    form = AgentForm
    list_display = ["name", "provider", "model", "published_version", "is_as_published"]
    list_filter = ["provider"]
    list_select_related = ["provider", "version"]
    search_fields = ["name", "instructions", "model"]
    ordering = ["name"]
    actions_detail = ["publish", "discard", "versions"]
    change_form_before_template = "organizations/draft.html"
    fieldsets = [
        (None, {"fields": ["name", "avatar", "instructions", "tone", "languages"]}),
        (
            _("Model"),
            {
                "fields": [
                    *("provider", "model", "fallbacks"),
                    *("temperature", "top_p", "max_tokens", "context_window"),
                ]
            },
        ),
        (_("Knowledge"), {"fields": ["categories", "only_from_sources"]}),
        (_("Tools"), {"fields": ["tools"]}),
        (_("Memory"), {"fields": ["remembers"]}),
        (_("In the chat"), {"fields": ["greeting", "suggested_questions", "reply_delay"]}),
        (_("People"), {"fields": ["handoff_on"]}),
        (
            _("Limits"),
            {
                "fields": [
                    "daily_turns_per_visitor",
                    *("daily_tokens_per_visitor", "daily_cost_per_visitor"),
                    *("daily_tokens_per_ip", "daily_cost_per_ip", "daily_tokens", "daily_cost"),
                    "used",
                ]
            },
        ),
    ]
    readonly_fields = ["used"]

    @admin.display(description=_("used today"))
    def used(self, agent: Agent) -> SafeString:
        """What is used of the published limits."""
        if not agent.pk:
            return SafeString("—")
        published = Agent.objects.of(agent.organization).get(pk=agent.pk)
        return budgets.table(budgets.of_agent(published), agent.organization.currency)

    @admin.display(description=_("published version"), ordering="version__number")
    def published_version(self, agent: Agent) -> str:
        """The number of the version that answers."""
        return str(agent.version.number) if agent.version else "—"

    @admin.display(description=_("all published"), boolean=True)
    def is_as_published(self, agent: Agent) -> bool:
        """Whether the draft holds nothing more."""
        return agent.draft is None

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[forms.ModelForm[Any]]:
        """A form that offers own rows."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        organization = self.organization_of(request)

        class Offering(form):
            def __init__(self, *args: Any, **inner: Any) -> None:
                super().__init__(*args, **inner)
                if organization and "categories" in self.fields:
                    self.offer(organization)

        return Offering

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        """The form, with what publishing would change."""
        context["model_words"] = {
            "models": _("Models"),
            "asking": _("Asking the provider…"),
            "found": _("{count} of {all} models. Another name may be typed, too."),
            "refresh": _("Ask again"),
            "failed": _("The models could not be fetched. A name may be typed all the same."),
        }
        agent = kwargs.get("obj") or (args[3] if len(args) > 3 else None)
        if agent is not None and agent.pk:
            context["changes"] = self.changes(agent)
        return super().render_change_form(request, context, *args, **kwargs)

    def changes(self, agent: Agent) -> list[agents.Difference]:
        """What the draft changes."""
        return agents.differences(agent, agents.published(agent), agents.drafted(agent))

    def store(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A new agent is published at once; what is changed later is a draft."""
        settings = form.settings()
        if not change:
            obj.save()
            agents.keep_draft(obj, settings)
            agents.publish(obj, access.member_of(request.user))
            return
        if form.stored.name != obj.name:
            Agent.objects.of(obj.organization).filter(pk=obj.pk).update(name=obj.name)
        agents.keep_draft(form.stored, settings)
        obj.draft = form.stored.draft

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        """Stay where the draft can be published."""
        if obj.draft is None or "_addanother" in request.POST:
            response: HttpResponse = super().response_change(request, obj)
            return response
        messages.info(
            request, _("Saved as a draft. Visitors notice it when you publish the changes.")
        )
        return redirect("admin:organizations_agent_change", obj.pk)

    # --- actions ------------------------------------------------------------------------------

    @action(description=_("Publish…"), permissions=["change"], icon="publish")
    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Let the assistant answer by the draft, after a look at what that changes."""
        agent = self.own_row(request, object_id)
        back = redirect("admin:organizations_agent_change", agent.pk)
        form: forms.Form = NoteForm(request.POST or None)
        if agent.draft is None and agent.version:
            messages.info(request, _("There is nothing to publish."))
            return back
        held = agents.obstacle(agent, agents.drafted(agent))
        if held and not held.may_override:
            messages.error(request, told(held))
            return back
        if held:
            form = OverrideForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            return self.ask(
                request,
                agent,
                title=_("Publish the changes"),
                text=told(held)
                if held
                else _("From the next question on the assistant answers by these settings."),
                button=_("Publish"),
                form=form,
                changes=self.changes(agent),
            )
        try:
            version = agents.publish(
                agent,
                access.member_of(request.user),
                note_of(form.cleaned_data),
                is_overriding="reason" in form.cleaned_data,
            )
        except agents.Held as error:
            messages.error(request, told(error.obstacle))
            return back
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return back
        self.log_change(request, agent, [{"changed": {"fields": [f"version {version.number}"]}}])
        messages.success(request, _("Version %(number)s answers now.") % {"number": version.number})
        return back

    @action(description=_("Discard the draft"), permissions=["change"], icon="undo")
    def discard(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Forget what is not published."""
        agent = self.own_row(request, object_id)
        back = redirect("admin:organizations_agent_change", agent.pk)
        if agent.draft is None:
            messages.info(request, _("There is no draft."))
            return back
        if request.method != "POST":
            return self.ask(
                request,
                agent,
                title=_("Discard the draft"),
                text=_("The form shows again what is published."),
                button=_("Discard"),
                changes=self.changes(agent),
            )
        agents.discard(agent)
        messages.success(request, _("The draft was discarded."))
        return back

    @action(description=_("Versions"), permissions=["view"], icon="history")
    def versions(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The agent's past versions."""
        agent = self.own_row(request, object_id)
        address = reverse("admin:organizations_agentversion_changelist")
        return redirect(f"{address}?agent__id__exact={agent.pk}")


@admin.register(AgentVersion)
class AgentVersionAdmin(ReadOnlyAdmin):
    """What was published, by whom, and what it changed; any can be published again."""

    list_display = ["number", "agent", "answers_now", "created_at", "author", "note"]
    list_display_links = ["number"]
    list_filter = ["agent"]
    list_select_related = ["agent", "author__user"]
    search_fields = ["note"]
    ordering = ["-created_at", "-pk"]
    actions_detail = ["roll_back"]
    fields = ["agent", "number", "created_at", "author", "note", "changed", "against_published"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Own rows with what their pages name."""
        return super().get_queryset(request).select_related("agent__organization", "author__user")

    @admin.display(description=_("answers now"), boolean=True)
    def answers_now(self, version: AgentVersion) -> bool:
        """Whether the agent answers by it."""
        return version.agent.version_id == version.pk

    @admin.display(description=_("changed by it"))
    def changed(self, version: AgentVersion) -> SafeString:
        """What differs from the version before."""
        before = (
            AgentVersion.objects.of(version.agent.organization)
            .filter(agent=version.agent, number__lt=version.number)
            .order_by("-number")
            .first()
        )
        return table(version.agent, before.settings if before else {}, version.settings)

    @admin.display(description=_("against what is published"))
    def against_published(self, version: AgentVersion) -> SafeString:
        """What publishing it again would change."""
        return table(version.agent, agents.published(version.agent), version.settings)

    def has_roll_back_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Who may change agents may go back."""
        return request.user.has_perm("organizations.change_agent")

    @action(description=_("Publish this again"), permissions=["roll_back"], icon="restore")
    def roll_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Publish the version again, as a new one."""
        version = self.own_row(request, object_id)
        agent = version.agent
        if request.method != "POST":
            return self.ask(
                request,
                version,
                title=_("Publish version %(number)s again") % {"number": version.number},
                text=_("It becomes a new version, and takes the place of a draft there may be."),
                button=_("Publish"),
                changes=agents.differences(agent, agents.published(agent), version.settings),
            )
        try:
            fresh = agents.roll_back(agent, version, access.member_of(request.user))
        except ValidationError as error:
            agents.keep_draft(agent, version.settings)
            messages.error(request, " ".join(error.messages))
            messages.info(request, _("These settings are the draft now: mend and publish them."))
        else:
            messages.success(
                request, _("Version %(number)s answers now.") % {"number": fresh.number}
            )
        return redirect("admin:organizations_agent_change", agent.pk)


def told(held: agents.Obstacle) -> SafeString:
    """Why publishing is held up, with the way to what helps."""
    return format_html(
        '{} <a class="row-link" href="{}">{}</a>', held.sentence, held.address, _("To the test")
    )


def note_of(filled: dict[str, Any]) -> str:
    """The version's note; a reason to pass the gate stands in it."""
    if "reason" not in filled:
        return str(filled["note"])
    past = _("Published past its gate: %(reason)s") % filled
    return " · ".join(part for part in (filled["note"], past) if part)


def table(agent: Agent, before: agents.Settings, after: agents.Settings) -> SafeString:
    """What differs, as a table."""
    changes = agents.differences(agent, before, after)
    return render_to_string("organizations/changes.html", {"changes": changes})
