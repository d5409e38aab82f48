"""The playground: an owner talks with agents as a visitor would, and sees each receipt."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any, Literal

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import translation
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from chat.accounting import accounts
from chat.admin import receipt as receipts_of_turns
from chat.database import in_database
from chat.models import Handoff, Turn
from chat.protocol import MAX_TEXT
from chat.trials import candidates, receipts, rehearsal
from chat.trials.receipts import Receipt
from knowledge import markdown
from organizations import access
from organizations.models import Language, Organization

log = logging.getLogger(__name__)

PERMISSION = "organizations.change_agent"
MOST_LINES = 60
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)]


class Said(BaseModel):
    """A line of the dialogue so far."""

    role: Literal["user", "assistant"]
    text: Annotated[str, StringConstraints(max_length=20_000)]
    outcome: Annotated[str, StringConstraints(max_length=10)] = ""


class Question(BaseModel):
    """What the page sends. `page_facts` are lines of `label: value`."""

    agent: Annotated[str, StringConstraints(max_length=40)]
    text: Text
    language: Language
    history: Annotated[list[Said], Field(max_length=MOST_LINES)] = []
    page_url: Annotated[str, StringConstraints(max_length=1000)] = ""
    page_title: Annotated[str, StringConstraints(max_length=300)] = ""
    page_facts: Annotated[str, StringConstraints(max_length=4000)] = ""


class Wrong(Exception):
    """What was sent cannot be asked; `code` is for programs, `sentence` for people."""

    def __init__(self, code: str, sentence: Any) -> None:
        super().__init__(code)
        self.code, self.sentence = code, sentence


def _organization(request: HttpRequest) -> Organization:
    """The owner's own organization; nobody else tries agents."""
    member = access.member_of(request.user)
    if member is None or not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    return member.organization


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The form and two empty dialogues; the page's own script does the rest."""
    organization = _organization(request)
    found = candidates.all_of(organization)
    keys = [one.key for one in found]
    first = request.GET.get("agent", "")
    second = request.GET.get("beside", "")
    context = {
        **admin.site.each_context(request),
        "title": _("Playground"),
        "candidates": found,
        "languages": Language.choices,
        "language": get_language(),
        "first": first if first in keys else keys[0] if keys else "",
        "second": second if second in keys else "",
        "words": {
            "you": str(_("You")),
            "answering": str(_("Answering…")),
            "answered": str(_("Answered.")),
            "failed": str(_("The answer could not be fetched. Try again.")),
        },
    }
    return TemplateResponse(request, "chat/trials/playground.html", context)


@require_POST
def ask(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The answer as it comes, a JSON object a line: texts, then the receipt."""
    organization = _organization(request)
    try:
        asked = _asked(organization, request.body)
    except Wrong as wrong:
        return JsonResponse({"code": wrong.code, "message": str(wrong.sentence)}, status=400)
    response = StreamingHttpResponse(
        _lines(asked, organization.currency, get_language() or ""),
        content_type="application/x-ndjson",
    )
    # A proxy that waits for the whole would hide the stream.
    response["X-Accel-Buffering"] = "no"
    response["Cache-Control"] = "no-store"
    return response


def _asked(organization: Organization, body: bytes) -> rehearsal.Asked:
    """What is to be rehearsed; raises Wrong."""
    try:
        question = Question.model_validate_json(body)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][:1])
        if "text" in field:
            raise Wrong("bad_question", _("Ask something, in at most 4000 characters.")) from None
        if "history" in field:
            raise Wrong("long_dialogue", _("The dialogue is too long. Begin a new one.")) from None
        raise Wrong("bad_request", _("This cannot be asked. Reload the page.")) from None
    candidate = candidates.find(organization, question.agent)
    if candidate is None:
        raise Wrong("no_agent", _("This agent or its draft is not there any more."))
    return rehearsal.Asked(
        agent=candidate.copy(),
        question=question.text.replace("\0", ""),
        language=question.language,
        history=tuple(
            rehearsal.Said(
                line.role,
                line.text.replace("\0", ""),
                is_grounded=line.outcome == receipts.ANSWER,
                knew_nothing=line.outcome == receipts.UNKNOWN,
            )
            for line in question.history
        ),
        page_url=question.page_url,
        page_title=question.page_title,
        page_context=facts_of(question.page_facts),
    )


def facts_of(text: str) -> dict[str, str]:
    """The facts of a page from lines of `label: value`; raises Wrong."""
    facts = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        label, colon, value = (part.strip() for part in line.partition(":"))
        if not (label and colon and value):
            raise Wrong("bad_facts", _("A fact about the page is a line such as “price: 3800”."))
        facts[label] = value
    return facts


async def _lines(asked: rehearsal.Asked, currency: str, language: str) -> AsyncIterator[bytes]:
    try:
        async with aclosing(rehearsal.stream(asked)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Receipt):
                    yield _line(**await in_database(_shown, piece, currency, language))
                else:
                    yield _line(type="text", text=piece)
    except Exception:
        # The head of the response is out: the page is told in the stream itself.
        log.exception("a rehearsal of agent %s failed", asked.agent.pk)
        with translation.override(language):
            yield _line(
                type="error", code="failed", message=str(_("Something went wrong. Try again."))
            )


def _line(**content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode() + b"\n"


def _shown(receipt: Receipt, currency: str, language: str) -> dict[str, Any]:
    """The end of the stream: the answer as visitors see it, and its receipt, as HTML."""
    with translation.override(language):
        context = answer_of(receipt, currency)
        return {
            "type": "receipt",
            "text": receipt.text,
            "outcome": receipt.outcome,
            "answer": render_to_string("chat/trials/answer.html", context),
            "receipt": render_to_string("chat/trials/receipt.html", context),
        }


def answer_of(receipt: Receipt, currency: str) -> dict[str, Any]:
    """What the template of an answer is given."""
    reasons = dict(Handoff.Reason.choices)
    # Those pages read a turn; this one is none that is kept.
    turn = Turn(prompt_parts=receipt.prompt_parts, flags=receipt.flags)
    return {
        "parts": receipts_of_turns.parts_of(turn),
        "flags": receipts_of_turns.flags_of(turn),
        "receipt": receipt,
        "currency": currency,
        # `knowledge.markdown` sanitises as it renders.
        "html": mark_safe(markdown.render(receipt.text)),  # noqa: S308
        "reason": reasons.get(receipt.reason, receipt.reason),
        "limit": accounts.sentence(receipt.error) if receipt.outcome == receipts.LIMIT else "",
    }


admin.site.add_page(  # type: ignore[attr-defined]
    path("playground/", admin.site.admin_view(page), name="chat_playground")
)
admin.site.add_page(  # type: ignore[attr-defined]
    path("playground/ask/", admin.site.admin_view(ask), name="chat_playground_ask")
)
