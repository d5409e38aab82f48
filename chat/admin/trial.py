"""The admin page on which an owner tries a question: what is found, why, and what would be said."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

import ai
from ai.interface import AIError, ChatRequest
from ai.metering import listening, milliseconds
from chat.accounting import accounts, bills
from chat.answering import followups, grounds, prompts
from chat.answering.followups import FollowUp
from knowledge import explanations, markdown, retrieval
from knowledge.explanations import Why
from knowledge.models import ContextEntry
from knowledge.retrieval import Doubt
from knowledge.sameness import Difference
from organizations import access, providers
from organizations.models import Agent, Language, Organization

MODEL_SECONDS = 30.0
LONGEST = retrieval.LONGEST_QUESTION
# So many passages are shown that were not good enough.
UNUSED = 5
PLACES = {
    "asked": _("asked here too"),
    "other": _("another word for it"),
    "text": _("in the text"),
    "": _("missing"),
}
DOUBTS = {
    Doubt.NOTHING: _("Nothing reaches the cut-off: the assistant says that it does not know."),
    Doubt.NO_ENTRY: _("Not given word for word: only entries of questions and answers are."),
    Doubt.LOW: _("Not given word for word: the score is too low for that."),
    Doubt.RIVAL: _("Not given word for word: another entry answers nearly as well."),
    Difference.NEGATION: _(
        "Not given word for word: something is denied in the question or in the entry, "
        "but not in both."
    ),
    Difference.ASKS_ELSE: _(
        "Not given word for word: the two ask for different things (where, when, why, who)."
    ),
    Difference.NUMBERS: _("Not given word for word: the numbers differ."),
    Difference.MORE: _(
        "Not given word for word: the question says something that no wording of the entry does. "
        "If it asks the same, add it to the entry as another wording."
    ),
    Difference.LESS: _(
        "Not given word for word: the entry is about something narrower than the question."
    ),
}


class TrialForm(forms.Form):
    """A question, what was asked before it, and who is to answer."""

    question = forms.CharField(label=_("Question"), max_length=LONGEST)
    before = forms.CharField(label=_("Asked before it"), max_length=LONGEST, required=False)
    agent: Any = forms.ModelChoiceField(
        label=_("Agent"), queryset=None, required=False, empty_label=_("any knowledge")
    )

    def __init__(self, organization: Organization, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        agent: Any = self.fields["agent"]
        agent.queryset = Agent.objects.of(organization).order_by("name")


@dataclass(frozen=True)
class Trial:
    """What came of a question."""

    question: str
    understood: str
    language: str
    result: retrieval.Result
    milliseconds: int


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The form and what was found; by POST the model is asked too."""
    member = access.member_of(request.user)
    if member is None or not request.user.has_perm("knowledge.view_passage"):
        raise PermissionDenied
    organization = member.organization
    asked = request.POST if request.method == "POST" else request.GET
    form = TrialForm(organization, asked if "question" in asked else None)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": _("Try a question"),
        "form": form,
        "has_model": ai.has_model(),
    }
    if form.is_bound and form.is_valid():
        try:
            context |= _tried(organization, form.cleaned_data, request.method == "POST")
        except AIError as error:
            context["trouble"] = _trouble(error)
    return TemplateResponse(request, "chat/trial.html", context)


def _tried(organization: Organization, asked: dict[str, Any], with_model: bool) -> dict[str, Any]:
    """What is shown of a question; what models were asked for it is booked in any case."""
    account = accounts.account_of(organization, asked["agent"])
    bill = bills.Bill(account, purpose=accounts.Purpose.TRIAL)
    try:
        with listening() as searches:
            return _answered(organization, asked, with_model, bill)
    finally:
        bill.of(accounts.Purpose.EMBEDDING).extend(searches)
        bill.settle()


def _answered(
    organization: Organization, asked: dict[str, Any], with_model: bool, bill: bills.Bill
) -> dict[str, Any]:
    agent: Agent | None = asked["agent"]
    trial = search(organization, asked["question"], asked["before"], agent)
    found, trace = trial.result.sources, trial.result.trace
    rows = [_row(why) for why in explanations.explain(organization, trial.result)]
    shown: dict[str, Any] = {
        "trial": trial,
        "language_name": dict(Language.choices).get(trial.language, trial.language),
        "cut_off": trace.cut_off if trace else retrieval.CUT_OFF,
        "mended": trace.asked.mended if trace else (),
        "doubt": DOUBTS[trace.doubt] if trace and trace.doubt else "",
        "rows": [row for row in rows if row["why"].is_used],
        "unused": [row for row in rows if not row["why"].is_used][:UNUSED],
        "said": _shown_words(_alone(found)),
    }
    if with_model and ai.has_model():
        known = providers.of(organization)
        model = ai.chat_model(*(providers.models_of(agent, known) if agent else ()))
        request = _request(organization, trial, agent)
        request = replace(request, calls=bill.of(accounts.Purpose.ANSWER))
        models = [(model.provider, model.name)]
        if limit := bill.reserve(models, request.messages, request.max_tokens):
            return shown | {"trouble": accounts.sentence(f"limit_{limit}")}
        began = time.monotonic()
        try:
            said = ai.whole(model, request, MODEL_SECONDS)
        except AIError as error:
            shown["trouble"] = _trouble(error)
        else:
            shown["model_name"] = model.name
            shown["model_said"] = _shown_words(said)
            shown["model_milliseconds"] = milliseconds(began)
    return shown


def _trouble(error: AIError) -> str:
    sentence = _("The model could not be asked (%(code)s). Try again later.")
    return str(sentence) % {"code": error.code}


def search(
    organization: Organization, question: str, before: str = "", agent: Agent | None = None
) -> Trial:
    """Search as for a visitor; a follow-up is made whole by rule."""
    language = get_language()
    dialogue = [prompts.Line("user", text) for text in (before, question) if text]
    follow_up: FollowUp | None = followups.of(question, dialogue)
    began = time.monotonic()
    result = retrieval.search(organization, question, agent=agent, language=language)
    understood = ""
    if follow_up:
        whole = retrieval.search(organization, follow_up.combined, agent=agent, language=language)
        if followups.better(result, whole):
            result, understood = whole, follow_up.combined
    return Trial(
        question=question,
        understood=understood,
        language=result.trace.language if result.trace else str(language),
        result=result,
        milliseconds=milliseconds(began),
    )


def _row(why: Why) -> dict[str, Any]:
    """A found passage, the question's words by where it has them, and the way to its piece."""
    model = {"page": "webpage", "faq": "faqentry"}.get(why.found.kind, why.found.kind)
    try:
        address = reverse(f"admin:knowledge_{model}_change", args=[why.found.item_id])
    except NoReverseMatch:
        address = ""
    words = [
        {
            "label": label,
            "place": place or "missing",
            "words": [(one.word, one.share * 100) for one in why.words if one.place == place],
        }
        for place, label in PLACES.items()
    ]
    return {
        "found": why.found,
        "why": why,
        "address": address,
        "words": [one for one in words if one["words"]],
    }


def _alone(found: tuple[retrieval.Found, ...]) -> str:
    """What knowledge alone would say, of the page and of host code's facts nothing known."""
    if not found:
        return str(_("I do not know that. Shall I ask a person to help?"))
    return found[0].answer or found[0].text


def _request(organization: Organization, trial: Trial, agent: Agent | None) -> ChatRequest:
    """What the model would be asked, with no page and no visitor."""
    settings = ContextEntry.objects.of(organization).filter(Q(agent=agent) | Q(agent=None))
    sources = [grounds.source_text(one) for one in trial.result.sources]
    return ChatRequest(
        messages=prompts.build(
            prompts.Material(
                name="",
                organization=organization.name,
                language=trial.language,
                instructions=agent.instructions if agent else "",
                settings=list(settings.filter(is_active=True).values_list("key", "value")),
                sources=sources,
                question=trial.understood or trial.question,
            )
        ).messages,
        sources=tuple(sources),
        fallback=_alone(()),
        temperature=agent.temperature if agent else 0.3,
        max_tokens=agent.max_tokens if agent else 800,
    )


def _shown_words(text: str) -> Any:
    # `knowledge.markdown` sanitises as it renders.
    return mark_safe(markdown.render(text, set()))  # noqa: S308


admin.site.add_page(  # type: ignore[attr-defined]
    path("knowledge/try/", admin.site.admin_view(page), name="knowledge_try")
)
