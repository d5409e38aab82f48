"""Admin pages of test sets and their cases, of gates, and the way from a real turn to a case."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from chat.models import Gate, TestCase, TestRun, TestSet, Turn
from chat.models.trials import LONGEST_PHRASE
from chat.trials import candidates, cases, runs, tables
from organizations import access
from organizations.admin import ScopedAdmin
from organizations.forms import LinesField
from organizations.models import Organization


class CandidateField(forms.ChoiceField):
    """Which agent is asked, published or by its draft; its value is a Candidate."""

    def __init__(self, organization: Organization, **kwargs: Any) -> None:
        self.found = {one.key: one for one in candidates.all_of(organization)}
        which = {True: gettext("draft"), False: gettext("as published")}
        choices = [
            (key, f"{one.agent.name} · {which[one.is_draft]}") for key, one in self.found.items()
        ]
        super().__init__(choices=choices, widget=UnfoldAdminSelectWidget, **kwargs)

    def clean(self, value: Any) -> Any:
        """The candidate of the key."""
        return self.found[super().clean(value)]


class RunForm(forms.Form):
    """Whom to ask, and with what to compare."""

    with_base = forms.BooleanField(
        label=_("Compare with what is published"),
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Every question is then asked twice."),
    )

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["candidate"] = CandidateField(organization, label=_("Agent"))
        self.order_fields(["candidate", "with_base"])


class FileForm(forms.Form):
    """A table of cases."""

    file = forms.FileField(label=_("CSV file"), widget=UnfoldAdminFileFieldWidget)


@admin.register(TestSet)
class TestSetAdmin(ScopedAdmin):
    """Sets of questions, and what came of asking them."""

    class Media:
        css = {"all": ["admin/trials.css"]}

    list_display = ["name", "case_count", "last_run", "changed_at"]
    search_fields = ["name", "note"]
    ordering = ["name"]
    actions_detail = ["run", "cases", "import_csv", "export_csv"]
    fields = ["name", "note", "cases_of", "runs_of"]
    readonly_fields = ["cases_of", "runs_of"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Own sets with the number of their cases."""
        rows: Any = super().get_queryset(request).annotate(_cases=Count("cases"))
        return cast(QuerySet[Any], rows)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new set has no cases yet."""
        return super().get_fields(request, obj) if obj else ["name", "note"]

    @admin.display(description=_("cases"), ordering="_cases")
    def case_count(self, test_set: Any) -> int:
        """How many questions."""
        return int(test_set._cases)

    @admin.display(description=_("last run"))
    def last_run(self, test_set: TestSet) -> SafeString:
        """How the last one ended."""
        run = TestRun.objects.of(test_set.organization).filter(test_set=test_set).last()
        return run_line(run) if run else SafeString("—")

    @admin.display(description=_("cases"))
    def cases_of(self, test_set: TestSet) -> SafeString:
        """The questions, with the way to each."""
        found = TestCase.objects.of(test_set.organization).filter(test_set=test_set)
        context = {"cases": found.order_by("pk")[:100], "test_set": test_set}
        return render_to_string("chat/trials/cases.html", context)

    @admin.display(description=_("test runs"))
    def runs_of(self, test_set: TestSet) -> SafeString:
        """The last runs."""
        found = TestRun.objects.of(test_set.organization).filter(test_set=test_set)
        lines = [run_line(run) for run in found.select_related("agent").order_by("-pk")[:10]]
        return render_to_string("chat/trials/runs.html", {"lines": lines})

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on with the cases."""
        messages.success(request, _("The test set is there; now add its cases."))
        return redirect("admin:chat_testset_change", obj.pk)

    @action(description=_("Run…"), permissions=["change"], icon="play_arrow")
    def run(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Have the set asked of an agent."""
        test_set = self.own_row(request, object_id)
        if not test_set._cases:
            messages.warning(request, _("The set has no case yet."))
            return redirect("admin:chat_testset_change", test_set.pk)
        form = RunForm(test_set.organization, request.POST or None)
        if request.method != "POST" or not form.is_valid():
            return self.ask(
                request,
                test_set,
                title=_("Run the test set"),
                text=_("Every question is asked of the agent's model, which has its price."),
                button=_("Run the test set"),
                form=form,
            )
        run = runs.begin(
            test_set,
            form.cleaned_data["candidate"],
            with_base=form.cleaned_data["with_base"],
            by=access.member_of(request.user),
        )
        return redirect("admin:chat_testrun_change", run.pk)

    @action(description=_("All cases"), permissions=["view"], icon="rule")
    def cases(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The list of the set's cases."""
        test_set = self.own_row(request, object_id)
        address = reverse("admin:chat_testcase_changelist")
        return redirect(f"{address}?test_set__id__exact={test_set.pk}")

    @action(description=_("Export as CSV"), permissions=["view"], icon="download")
    def export_csv(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The cases as a table that can be brought in again."""
        test_set = self.own_row(request, object_id)
        # Without the mark Excel reads UTF-8 as the letters of old Windows.
        content = "\ufeff" + tables.export(test_set, ";" if get_language() == "ru" else ",")
        response = HttpResponse(content, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="test-set-{test_set.pk}.csv"'
        return response

    @action(description=_("Import CSV…"), permissions=["change"], icon="upload_file")
    def import_csv(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Look through a table, say what it would change, and bring it in when told so."""
        test_set = self.own_row(request, object_id)
        form = FileForm(None, request.FILES or None)
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": gettext("Import cases"),
            "original": test_set,
            "opts": self.opts,
            "form": form,
            "columns": tables.COLUMNS,
        }
        if request.method == "POST":
            try:
                text = _sent(request)
                rows = tables.look(test_set, text)
            except tables.BadFile as bad:
                context |= {"trouble": bad.sentence, "code": bad.code}
            else:
                if "bring_in" in request.POST:
                    count = tables.bring_in(test_set, rows)
                    messages.success(request, _("Cases brought in: %(count)s") % {"count": count})
                    return redirect("admin:chat_testset_change", test_set.pk)
                counts = {
                    name: sum(row.action == name for row in rows)
                    for name in ("new", "changed", "same")
                }
                wrong = [row for row in rows if row.problems]
                context |= {"rows": rows, "wrong": wrong, "content": text, "counts": counts}
        return TemplateResponse(request, "chat/trials/import.html", context)


def _sent(request: HttpRequest) -> str:
    """The table that was uploaded, or looked at before; raises BadFile."""
    file: Any = request.FILES.get("file")
    if file is None:
        return request.POST.get("content", "")
    if file.size > tables.MAX_BYTES:
        raise tables.BadFile("too_large")
    return tables.text_of(file.read())


def run_line(run: TestRun) -> SafeString:
    """A run in a line, with the way to it."""
    address = reverse("admin:chat_testrun_change", args=[run.pk])
    if run.is_under_way:
        words = gettext("under way: %(done)s of %(total)s")
    else:
        words = gettext("%(passed)s of %(total)s passed")
    counts = {"done": run.done, "passed": run.passed, "total": run.total}
    return format_html('<a class="row-link" href="{}">{} · {}</a>', address, run, words % counts)


# --- cases --------------------------------------------------------------------------------------


class HistoryField(forms.CharField):
    """What was said before, a line each, as `user: …` or `assistant: …`."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def prepare_value(self, value: Any) -> Any:
        """The history as lines."""
        return cases.written(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """The lines as a history."""
        return cases.dialogue(str(value or "").replace("\0", ""))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Whether the lines differ."""
        return bool(cases.written(initial or []) != str(data or "").replace("\r\n", "\n").strip())


class PhrasesField(LinesField):
    """Phrases, one in a line."""

    widget = UnfoldAdminTextareaWidget(attrs={"rows": 3})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(longest=LONGEST_PHRASE, **kwargs)


class TestCaseForm(forms.ModelForm):  # type: ignore[type-arg]
    """A case."""

    __test__ = False

    history = HistoryField(
        label=_("Said before"),
        required=False,
        help_text=_("A line each, such as “user: How much is the tour?” or “assistant: 3800.”"),
    )
    all_of = PhrasesField(
        label=_("Must be said"),
        help_text=_("Phrases, one in a line. Capitals, marks and ё make no difference."),
    )
    any_of = PhrasesField(label=_("One of them must be said"))
    none_of = PhrasesField(label=_("Must not be said"))

    class Meta:
        model = TestCase
        fields = [
            *("test_set", "question", "language", "history", "outcome", "handoff_reason"),
            *("all_of", "any_of", "none_of", "faq", "article", "document"),
        ]
        widgets = {"question": UnfoldAdminTextareaWidget(attrs={"rows": 2})}


@admin.register(TestCase)
class TestCaseAdmin(ScopedAdmin):
    """The cases of all sets."""

    __test__ = False

    form = TestCaseForm
    list_display = ["__str__", "test_set", "language", "outcome"]
    list_filter = ["test_set", "outcome", "language"]
    list_select_related = ["test_set"]
    search_fields = ["question"]
    ordering = ["test_set", "pk"]
    autocomplete_fields = ["faq", "article", "document"]
    fieldsets = [
        (None, {"fields": ["test_set", "question", "language", "history"]}),
        (_("Expected"), {"fields": ["outcome", "handoff_reason", "all_of", "any_of", "none_of"]}),
        (_("Among the sources"), {"fields": ["faq", "article", "document"]}),
    ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """In the reader's language; the set is named in the address."""
        given: dict[str, Any] = super().get_changeform_initial_data(request)
        return {"language": get_language(), **given}

    def store(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Keep the case; runs from before prove nothing any more."""
        cases.save(obj)
        moved = form.initial.get("test_set")
        if change and moved and moved != obj.test_set_id:
            cases.touch(TestSet.objects.of(obj.organization).get(pk=moved))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Take a case out of its set."""
        test_set = obj.test_set
        super().delete_model(request, obj)
        cases.touch(test_set)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Take cases out of their sets."""
        sets = {case.test_set for case in queryset.select_related("test_set__organization")}
        super().delete_queryset(request, queryset)
        for test_set in sets:
            cases.touch(test_set)


class SetForm(forms.Form):
    """Which set takes the turn."""

    test_set: Any = forms.ModelChoiceField(
        label=_("Test set"), queryset=None, widget=UnfoldAdminSelectWidget
    )

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["test_set"]
        field.queryset = TestSet.objects.of(organization).order_by("-changed_at")
        field.initial = field.queryset.first()


class CaseOfTurn:
    """Adds the button to the page of a turn that makes a case of it."""

    actions_detail = ["add_case"]

    def has_add_case_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Who may write cases may make them of turns."""
        return request.user.has_perm("chat.add_testcase")

    @action(description=_("Add to a test set…"), permissions=["add_case"], icon="playlist_add")
    def add_case(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make a case of the turn's question and its first source, to be looked over."""
        turn: Turn = self.own_row(request, object_id)
        form = SetForm(turn.organization, request.POST or None)
        if not TestSet.objects.of(turn.organization).exists():
            messages.info(request, _("Make a test set first."))
            return redirect("admin:chat_testset_add")
        if request.method != "POST" or not form.is_valid():
            asked: HttpResponse = self.ask(
                request,
                turn,
                title=_("Add to a test set"),
                text=_("The question becomes a case, with its first source as what is expected."),
                button=_("Add"),
                form=form,
            )
            return asked
        try:
            case = cases.of_turn(form.cleaned_data["test_set"], turn)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
            return redirect("admin:chat_turn_change", turn.pk)
        messages.success(request, _("The case was added. Say what else must be in the answer."))
        return redirect("admin:chat_testcase_change", case.pk)


@admin.register(Gate)
class GateAdmin(ScopedAdmin):
    """What an agent's settings must pass before they are published."""

    list_display = ["agent", "test_set", "least", "may_override"]
    list_select_related = ["agent", "test_set"]
    ordering = ["agent__name"]
    fields = ["agent", "test_set", "least", "may_override"]
