"""Admin pages of test runs and replays: begun, followed, and read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget

from chat.accounting import accounts
from chat.admin.playground import answer_of
from chat.admin.test_sets import CandidateField
from chat.models import TestResult, TestRun
from chat.trials import comparing, judging, replay, runs
from chat.trials.cases import PIECES
from chat.trials.comparing import BETTER, CHANGED, LABELS, SAME, WORSE, Compared
from organizations import access
from organizations.admin import ReadOnlyAdmin, ScopedAdmin
from organizations.models import Organization, Tool

PER_PAGE = 25
ALL, FAILED = "all", "failed"


class ReplayForm(forms.Form):
    """Whose past questions are asked again, which ones, and how many."""

    which = forms.ChoiceField(
        label=_("Questions"), choices=list(replay.CHOICES.items()), widget=UnfoldAdminSelectWidget
    )
    count = forms.IntegerField(
        label=_("How many"),
        initial=50,
        min_value=1,
        max_value=replay.MOST,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["candidate"] = CandidateField(organization, label=_("Agent"))
        self.order_fields(["candidate", "which", "count"])


@admin.register(TestRun)
class TestRunAdmin(ReadOnlyAdmin):
    """Runs of test sets, and replays."""

    __test__ = False

    list_display = ["__str__", "kind", "test_set", "agent", "status", "outcome", "created_at"]
    list_filter = ["kind", "status", "test_set", "agent"]
    list_select_related = ["test_set", "agent"]
    ordering = ["-pk"]
    actions_list = ["replay"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Owners may clear old runs away."""
        return ScopedAdmin.has_delete_permission(self, request, obj)

    @admin.display(description=_("outcome"))
    def outcome(self, run: TestRun) -> str:
        """How many cases passed, or were asked."""
        if run.kind == TestRun.Kind.REPLAY or run.is_under_way:
            return f"{run.done} / {run.total}"
        return gettext("%(passed)s of %(total)s passed") % {
            "passed": run.passed,
            "total": run.total,
        }

    def get_urls(self) -> list[URLPattern]:
        """With the address that a page asks how far the run came."""
        progress = path(
            "<path:object_id>/progress/",
            self.admin_site.admin_view(self.progress_view),
            name="chat_testrun_progress",
        )
        return [progress, *super().get_urls()]

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How far the worker is, for the page that waits for it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = self.own_row(request, object_id)
        return JsonResponse({"is_under_way": run.is_under_way, **_progress(run)})

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """Who may write test sets may replay."""
        return request.user.has_perm("chat.add_testset")

    @action(description=_("Ask past questions again…"), permissions=["replay"], icon="replay")
    def replay(self, request: HttpRequest) -> HttpResponse:
        """Have past questions asked of an agent, mostly of its draft."""
        organization = self.organization_of(request)
        if organization is None:
            raise PermissionDenied
        form = ReplayForm(organization, request.POST or None)
        if request.method == "POST" and form.is_valid():
            asked = form.cleaned_data
            run = replay.begin(
                asked["candidate"],
                asked["which"],
                asked["count"],
                access.member_of(request.user),
            )
            if run is not None:
                return redirect("admin:chat_testrun_change", run.pk)
            messages.info(request, _("This agent has answered no such questions yet."))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Ask past questions again"),
            "opts": self.opts,
            "form": form,
        }
        return TemplateResponse(request, "chat/trials/replay.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """How far it is; then what came of it, the worst first."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        run = self.own_row(request, object_id)
        may_act = request.user.has_perm("chat.change_testset")
        if request.method == "POST":
            return self._act(request, run, may_act)
        found = comparing.compared(
            TestResult.objects.of(run.organization).filter(run=run).order_by("number")
        )
        tabs = _tabs(found)
        shown = request.GET.get("rows", ALL)
        shown = shown if shown in {name for name, _label, _count in tabs} else ALL
        page = Paginator([one for one in found if _is_in(one, shown)], PER_PAGE).get_page(
            request.GET.get("p")
        )
        bases = [one.base for one in found if one.base]
        context = {
            **self.admin_site.each_context(request),
            "title": _title(run),
            "opts": self.opts,
            "original": run,
            "run": run,
            "is_replay": run.kind == TestRun.Kind.REPLAY,
            "progress": _progress(run),
            "may_act": may_act,
            "currency": run.organization.currency,
            "share": runs.share(run),
            "tools": _tools(run),
            "limit": accounts.sentence(run.error) if run.status == TestRun.Status.LIMIT else "",
            "sums": comparing.sums(one.receipt for one in found),
            "base_sums": comparing.sums(bases) if bases else None,
            "base_passed": sum(bool(one.result.base_passed) for one in found),
            "tabs": tabs,
            "shown": shown,
            "page": page,
            "rows": _rows(run.organization, list(page)),
        }
        return TemplateResponse(request, "chat/trials/run.html", context)

    def _act(self, request: HttpRequest, run: TestRun, may_act: bool) -> HttpResponse:
        if not may_act:
            raise PermissionDenied
        if "cancel" not in request.POST:
            raise Http404
        if not runs.cancel(run):
            messages.warning(request, _("Too late: the run is over."))
        return redirect("admin:chat_testrun_change", run.pk)


def _title(run: TestRun) -> str:
    which = gettext("draft") if run.is_draft else gettext("as published")
    name = run.test_set.name if run.test_set else gettext("Replay")
    return f"{name} · {run.agent.name} ({which})"


def _progress(run: TestRun) -> dict[str, Any]:
    text = gettext("%(done)s of %(total)s questions were asked.")
    return {
        "percent": run.done * 100 // run.total if run.total else 0,
        "text": text % {"done": run.done, "total": run.total},
    }


def _is_in(one: Compared, tab: str) -> bool:
    if tab == ALL:
        return True
    return one.result.passed is False if tab == FAILED else one.change == tab


def _tabs(found: list[Compared]) -> list[tuple[str, Any, int]]:
    """The kinds of results, and how many there are of each."""
    names: list[tuple[str, Any]] = [(ALL, _("All"))]
    if any(one.result.passed is not None for one in found):
        names.append((FAILED, _("Not passed")))
    if any(one.change for one in found):
        names += [(name, LABELS[name]) for name in (WORSE, BETTER, CHANGED, SAME)]
    return [(name, label, sum(_is_in(one, name) for one in found)) for name, label in names]


def _rows(organization: Organization, found: list[Compared]) -> list[dict[str, Any]]:
    titles = _titles(organization, found)
    return [
        {
            "one": one,
            "result": one.result,
            "label": LABELS.get(one.change, ""),
            "problems": [judging.sentence(problem, titles) for problem in one.result.problems],
            "answer": answer_of(one.receipt, organization.currency),
            "base": answer_of(one.base, organization.currency) if one.base else None,
            "sides": one.sides() if one.base and one.change != SAME else None,
        }
        for one in found
    ]


def _tools(run: TestRun) -> str:
    """The tools that were there to be called, each with its revision."""
    noted = run.tools or {}
    rows = Tool.objects.of(run.organization).filter(pk__in=noted).order_by("label")
    labels = {str(row.pk): row.label for row in rows}
    return ", ".join(
        _("%(tool)s (revision %(number)s)")
        % {"tool": labels.get(pk) or _("a deleted tool"), "number": number}
        for pk, number in noted.items()
    )


def _titles(organization: Organization, found: list[Compared]) -> dict[str, str]:
    """What the expected pieces of knowledge are called."""
    named = {
        problem["about"]
        for one in found
        for problem in one.result.problems
        if problem["code"] == "not_cited"
    }
    titles: dict[str, str] = {}
    for kind, (model, field) in PIECES.items():
        ids = [int(name.split(":")[1]) for name in named if name.startswith(f"{kind}:")]
        rows = model.objects.of(organization).filter(pk__in=ids).values_list("pk", field)
        titles |= {f"{kind}:{pk}": title for pk, title in rows}
    return titles
