"""Admin pages of experiments: started by a form, stopped by a button, read with their doubts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.formats import number_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from chat.models import Experiment
from chat.trials import experiments, intervals
from chat.trials.experiments import Line
from organizations import access
from organizations.admin import ScopedAdmin
from organizations.models import Agent, AgentVersion, Organization

DRAFT = "draft"


class ExperimentForm(forms.Form):
    """Whose chats, which settings, how many."""

    share = forms.IntegerField(
        label=_("Chats that go to the variant, %"),
        initial=50,
        min_value=1,
        max_value=90,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    note = forms.CharField(
        label=_("Note"),
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("What you want to find out."),
    )

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        agent: Any = forms.ModelChoiceField(
            label=_("Agent"),
            queryset=Agent.objects.of(organization).order_by("name"),
            widget=UnfoldAdminSelectWidget,
        )
        versions = AgentVersion.objects.of(organization).select_related("agent")
        self.versions = {str(one.pk): one for one in versions.order_by("agent__name", "-number")}
        variant = forms.ChoiceField(
            label=_("Variant"),
            choices=[
                (DRAFT, _("the agent's draft, as it is now")),
                *(
                    (key, gettext("%(agent)s, version %(number)s") % _named(one))
                    for key, one in self.versions.items()
                ),
            ],
            widget=UnfoldAdminSelectWidget,
            help_text=_("Another version, or a version of another agent."),
        )
        self.fields |= {"agent": agent, "variant": variant}
        self.order_fields(["agent", "variant", "share", "note"])


def _named(version: AgentVersion) -> dict[str, Any]:
    return {"agent": version.agent.name, "number": version.number}


@admin.register(Experiment)
class ExperimentAdmin(ScopedAdmin):
    """Experiments, running and over."""

    list_display = ["__str__", "agent", "variant", "share", "is_on", "started_at", "stopped_at"]
    list_filter = ["agent"]
    list_select_related = ["agent", "variant__agent"]
    ordering = ["-pk"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """What is being measured is not changed; it is stopped."""
        return False

    @admin.display(description=_("running"), boolean=True)
    def is_on(self, experiment: Experiment) -> bool:
        """Whether new chats are shared out."""
        return experiment.is_running

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The form that starts one."""
        organization = self.organization_of(request)
        if organization is None or not self.has_add_permission(request):
            raise PermissionDenied
        form = ExperimentForm(organization, request.POST or None)
        if request.method == "POST" and form.is_valid():
            asked = form.cleaned_data
            try:
                found = experiments.start(
                    asked["agent"],
                    form.versions.get(asked["variant"]),
                    asked["share"],
                    asked["note"],
                    access.member_of(request.user),
                )
            except ValidationError as error:
                form.add_error(None, error)
            else:
                return redirect("admin:chat_experiment_change", found.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Start an experiment"),
            "opts": self.opts,
            "form": form,
        }
        return TemplateResponse(request, "chat/trials/experiment_add.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What it shows so far, and the button that stops it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        experiment: Experiment = self.own_row(request, object_id)
        if request.method == "POST":
            if not self.has_add_permission(request):
                raise PermissionDenied
            if "stop" not in request.POST:
                raise Http404
            if not experiments.stop(experiment):
                messages.warning(request, _("It was stopped already."))
            return redirect("admin:chat_experiment_change", experiment.pk)
        found = experiments.compare(experiment)
        context = {
            **self.admin_site.each_context(request),
            "title": str(experiment),
            "opts": self.opts,
            "original": experiment,
            "experiment": experiment,
            "found": found,
            "rows": [_row(line, experiment.organization.currency) for line in found.lines],
            "is_mixed": experiment.is_running and experiment.agent.version_id != experiment.base_id,
            "fewest": intervals.FEWEST,
        }
        return TemplateResponse(request, "chat/trials/experiment.html", context)


VERDICTS = {
    "better": _("The variant is better"),
    "worse": _("The variant is worse"),
    "other": _("They differ"),
    "": _("No difference is proven"),
}


def _row(line: Line, currency: str) -> dict[str, Any]:
    interval = line.difference
    is_told = interval is not None and abs(interval.low) != float("inf")
    return {
        "label": line.measure.label,
        "unit": currency if line.measure.name == "cost" else "",
        "sides": [_side(line, side) for side in (line.base, line.variant)],
        "difference": (
            f"{_signed(line, interval.value)} ({_signed(line, interval.low)} … "
            f"{_signed(line, interval.high)})"
            if interval is not None and is_told
            else ""
        ),
        "verdict": VERDICTS[line.verdict] if interval is not None else _("Too few chats"),
        "kind": line.verdict,
    }


# How many digits say something.
_DIGITS = {"rating": 2, "cost": 5, "length": 0, "first": 0}


def _number(line: Line, value: float) -> str:
    """As numbers are written in the reader's language."""
    return f"{_plain(line, value)} %" if _is_share(line) else _plain(line, value)


def _plain(line: Line, value: float) -> str:
    if _is_share(line):
        return _written(100 * value, 1)
    return _written(value, _DIGITS[line.measure.name])


def _is_share(line: Line) -> bool:
    return line.measure.name in ("helped", "handoff")


def _written(value: float, digits: int) -> str:
    return number_format(round(Decimal(value), digits), digits, force_grouping=True)


def _signed(line: Line, value: float) -> str:
    number = f"{'+' if value > 0 else ''}{_plain(line, value)}".replace("-", "\u2212")
    # Of two shares the difference is told in points: "−40 %" could be two fifths less.
    return gettext("%(number)s pp") % {"number": number} if _is_share(line) else number


def _side(line: Line, side: experiments.Side) -> dict[str, Any]:
    value = "—" if side.value is None else _number(line, side.value)
    return {"value": value, "count": side.count}
