"""Admin pages of what is missing: gaps and operators' answers, to accept, merge or dismiss."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Case, QuerySet, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from ai.interface import AIError
from knowledge import gaps, suggestions
from knowledge.admin.links import link_to
from knowledge.models import AskedQuestion, Category, FAQEntry, Suggestion
from organizations import dashboard
from organizations.admin import ScopedAdmin
from organizations.forms import LinesField
from organizations.models import Language, Member, Organization

log = logging.getLogger(__name__)

# How many of its questions a page shows, and how many entries it offers for merging.
SHOWN, OFFERED = 50, 20
Status = Suggestion.Status


class Phrasings(LinesField):
    """Ways to ask it, one a line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
            help_text=_("One a line. Each is matched like the question."),
            **options,
        )


class AcceptForm(forms.Form):
    """The entry that a suggestion becomes."""

    question = forms.CharField(
        label=_("Question"), max_length=300, widget=UnfoldAdminTextInputWidget
    )
    answer = forms.CharField(
        label=_("Answer"),
        max_length=8000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}),
        help_text=_("Markdown."),
    )
    phrasings = Phrasings(label=_("Other ways to ask it"))
    category: Any = forms.ModelChoiceField(
        label=_("Category"), queryset=None, required=False, widget=UnfoldAdminSelectWidget
    )
    language = forms.ChoiceField(
        label=_("Language"), choices=Language.choices, widget=UnfoldAdminSelectWidget
    )

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        category: Any = self.fields["category"]
        category.queryset = Category.objects.of(organization).select_related("parent")


class MergeForm(forms.Form):
    """The entry that learns other ways to ask it."""

    entry: Any = forms.ModelChoiceField(
        label=_("Entry that answers it"),
        queryset=None,
        empty_label=None,
        widget=UnfoldAdminRadioSelectWidget,
        help_text=_("The nearest ones, the nearest first."),
    )
    phrasings = Phrasings(label=_("Ways to ask it that are added"), required=True)

    def __init__(self, offered: QuerySet[FAQEntry], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        entry: Any = self.fields["entry"]
        entry.queryset = offered


class StatusFilter(admin.SimpleListFilter):
    """Open ones, unless others are asked for."""

    title = _("state")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Any:
        """The other states, and all."""
        return [
            (Status.ACCEPTED, Status.ACCEPTED.label),
            (Status.DISMISSED, Status.DISMISSED.label),
            ("all", _("All")),
        ]

    def choices(self, changelist: Any) -> Any:
        """The first choice is the open ones."""
        for index, choice in enumerate(super().choices(changelist)):
            yield {**choice, "display": Status.OPEN.label} if index == 0 else choice

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen state."""
        chosen = self.value() or Status.OPEN
        return queryset if chosen == "all" else queryset.filter(status=chosen)


@admin.register(Suggestion)
class SuggestionAdmin(ScopedAdmin):
    """Entries that are missing: what visitors asked in vain, and what operators answered."""

    list_display = [
        "question",
        "times_asked",
        "origin",
        "language",
        "last_asked_at",
        "has_answer",
    ]
    list_filter = [StatusFilter, "origin", "language"]
    search_fields = ["question", "answer", "questions__text"]
    ordering = ["-asked_count", "-last_asked_at", "-pk"]
    actions_detail = ["accept", "merge", "dismiss", "reopen"]
    change_form_outer_before_template = "knowledge/suggestion.html"

    class Media:
        css = {"all": ["admin/findings.css"]}

    @admin.display(description=_("times asked"), ordering="asked_count")
    def times_asked(self, suggestion: Suggestion) -> int:
        """How often visitors asked it."""
        return suggestion.asked_count

    @admin.display(description=_("draft"), boolean=True)
    def has_answer(self, suggestion: Suggestion) -> bool:
        """Whether an answer is there to be looked at."""
        return bool(suggestion.answer)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """They come from chats."""
        return False

    def has_settle_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may decide what becomes of one."""
        return self.has_change_permission(request, obj)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Nothing is edited in place."""
        return []

    def store(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save nothing: a row read a while ago would undo what was counted since."""

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        """What can be done in the row's state."""
        row = self.get_object(request, str(object_id))
        offered = {
            Status.OPEN: {"accept", "merge", "dismiss"},
            Status.DISMISSED: {"reopen"},
        }.get(Status(row.status) if row else Status.ACCEPTED, set())
        found = super().get_actions_detail(request, object_id)
        return [one for one in found if one.path in offered]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The suggestion with its questions and what is near; it is changed by its actions only."""
        row = self.get_object(request, object_id)
        context = {
            "show_save": False,
            "show_save_and_continue": False,
            "show_save_and_add_another": False,
            "show_delete": False,
            **(_about(row) if row else {}),
            **(extra_context or {}),
        }
        page: HttpResponse = super().change_view(request, object_id, form_url, context)
        return page

    # --- what an owner decides --------------------------------------------------------------------

    @action(description=_("Accept"), permissions=["settle"], icon="check", url_path="accept")
    def accept(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Make it an FAQ entry, with the words changed where they should be."""
        row = self.own_row(request, object_id)
        form = AcceptForm(row.organization, request.POST or None, initial=_first_words(row))

        def accepted(fields: dict[str, Any]) -> FAQEntry:
            return suggestions.accept(row, **fields)

        return self._settled(request, row, form, accepted) or self.ask(
            request,
            row,
            title=_("Accept as an FAQ entry"),
            text=(
                _("The answer was drafted by %(model)s. Read it before you accept it.")
                % {"model": row.drafted_by}
                if row.drafted_by
                else _("Visitors will be given this answer as soon as it is indexed.")
            ),
            button=_("Accept"),
            form=form,
        )

    @action(
        description=_("Add to an entry"), permissions=["settle"], icon="merge", url_path="merge"
    )
    def merge(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Teach an existing entry these ways to ask it."""
        row = self.own_row(request, object_id)
        words = "\n".join([row.question, *suggestions.wordings(row)])
        form = MergeForm(_offered(row), request.POST or None, initial={"phrasings": words})

        def merged(fields: dict[str, Any]) -> FAQEntry:
            return suggestions.merge(row, fields["entry"], fields["phrasings"])

        return self._settled(request, row, form, merged) or self.ask(
            request,
            row,
            title=_("Add to an entry"),
            text=_("The entry's answer stays; it will be found by these questions too."),
            button=_("Add"),
            form=form,
        )

    def _settled(
        self,
        request: HttpRequest,
        row: Suggestion,
        form: forms.Form,
        settle: Callable[[dict[str, Any]], FAQEntry],
    ) -> HttpResponse | None:
        """Settle what was sent, and go to the entry; None when the form is to be shown."""
        if request.method != "POST" or not form.is_valid():
            return None
        try:
            entry = settle(form.cleaned_data)
        except suggestions.Settled as error:
            return self._already(request, row, error)
        except ValidationError as error:
            _tell(form, error)
            return None
        self.log_change(request, row, [{"changed": {"fields": ["status"]}}])
        messages.success(
            request, _("Done: “%(question)s” is being indexed.") % {"question": entry.question}
        )
        return redirect("admin:knowledge_suggestion_changelist")

    def _already(
        self, request: HttpRequest, row: Suggestion, error: ValidationError
    ) -> HttpResponse:
        messages.warning(request, error.messages[0])
        return redirect("admin:knowledge_suggestion_change", row.pk)

    @action(
        description=_("Dismiss for good"),
        permissions=["settle"],
        icon="block",
        url_path="dismiss",
    )
    def dismiss(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Put it aside for good."""
        row = self.own_row(request, object_id)
        if request.method != "POST":
            return self.ask(
                request,
                row,
                title=_("Dismiss for good"),
                text=_("Similar questions will join it and not come back as new ones."),
                button=_("Dismiss for good"),
            )
        try:
            suggestions.dismiss(row)
        except suggestions.Settled as error:
            return self._already(request, row, error)
        self.log_change(request, row, [{"changed": {"fields": ["status"]}}])
        messages.success(request, _("The suggestion was dismissed."))
        return redirect("admin:knowledge_suggestion_changelist")

    @action(description=_("Take up again"), permissions=["settle"], icon="undo", url_path="reopen")
    def reopen(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take a dismissed one up again."""
        row = self.own_row(request, object_id)
        if request.method != "POST":
            return self.ask(
                request,
                row,
                title=_("Take up again"),
                text=_("It will stand among the open ones with all the questions it has taken."),
                button=_("Take up again"),
            )
        suggestions.reopen(row)
        self.log_change(request, row, [{"changed": {"fields": ["status"]}}])
        return redirect("admin:knowledge_suggestion_change", row.pk)


def _first_words(row: Suggestion) -> dict[str, Any]:
    return {
        "question": row.question,
        "answer": row.answer,
        "phrasings": "\n".join(suggestions.wordings(row)),
        "language": row.language,
    }


def _tell(form: forms.Form, error: ValidationError) -> None:
    """Say in the form what the verb refused."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error)
        return
    for name, errors in error.error_dict.items():
        form.add_error(name if name in form.fields else None, errors)


def _about(row: Suggestion) -> dict[str, Any]:
    """The questions behind a suggestion, and what the knowledge has nearest to them."""
    questions = AskedQuestion.objects.of(row.organization).filter(suggestion=row)
    near, trouble = _near(row)
    return {
        "suggestion": row,
        "questions": questions.order_by("-asked_at", "-pk")[:SHOWN],
        "more": max(0, questions.count() - SHOWN),
        "near": [(passage, *link_to(passage)) for passage in near],
        "trouble": trouble,
    }


def _near(row: Suggestion, limit: int = gaps.NEAREST_PASSAGES) -> tuple[list[Any], bool]:
    """The nearest passages; none, and that there was trouble, when the embedder is away."""
    try:
        return gaps.nearest_passages(row.organization, row.question, limit), False
    except AIError as error:
        log.warning("nothing near suggestion %s was found: %s", row.pk, error.code)
        return [], True


def _in_this_order(ids: list[int]) -> Case:
    return Case(*(When(pk=pk, then=place) for place, pk in enumerate(ids)))


def _offered(row: Suggestion) -> Any:
    """The entries that it may belong to, the nearest first; the latest where nothing is near."""
    near, _trouble = _near(row, 3 * OFFERED)
    ids = list(dict.fromkeys(one.faq_id for one in near if one.faq_id))[:OFFERED]
    entries = FAQEntry.objects.of(row.organization)
    if not ids:
        return entries.filter(pk__in=entries.order_by("-updated_at").values("pk")[:OFFERED])
    return entries.filter(pk__in=ids).order_by(_in_this_order(ids))


@dashboard.contributor
def gaps_figure(member: Member, start: dashboard.Start) -> None:
    """How many suggestions wait for the owner."""
    if not member.is_owner:
        return
    count = Suggestion.objects.of(member.organization).filter(status=Status.OPEN).count()
    start.figures.append(
        dashboard.Figure(
            _("Gaps to fill"), str(count), reverse("admin:knowledge_suggestion_changelist"), 1
        )
    )
