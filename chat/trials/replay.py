"""Replay: past questions of visitors asked again, of settings that are not published yet."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from chat import lessons
from chat.answering import prompts
from chat.models import Message, TestResult, TestRun, Turn
from chat.trials import receipts, runs
from chat.trials.candidates import Candidate
from chat.trials.receipts import Receipt
from organizations.models import Member

MOST = 200
ALL, BADLY_RATED, UNANSWERED = "all", "badly_rated", "unanswered"
CHOICES: dict[str, Promise] = {
    ALL: _("The last ones"),
    BADLY_RATED: _("Those whose answer did not help"),
    UNANSWERED: _("Those without an answer"),
}


def past(candidate: Candidate, which: str = ALL) -> QuerySet[Turn]:
    """The agent's answered turns, the last first."""
    turns = Turn.objects.of(candidate.agent.organization).filter(
        chat__session__widget__agent=candidate.agent,
        status=Turn.Status.DONE,
        message__isnull=False,
    )
    # What begins a chat, or tells what people decided, answers no question.
    asked = Message.objects.of(candidate.agent.organization).filter(
        chat=OuterRef("chat"),
        role=Message.Role.USER,
        seq__range=(OuterRef("from_seq"), OuterRef("upto_seq")),
    )
    turns = turns.exclude(message__event=Message.Event.OPENING).filter(Exists(asked))
    if which == BADLY_RATED:
        turns = turns.filter(message__helpful=False)
    elif which == UNANSWERED:
        turns = turns.filter(message__offers_support=True, sources=[])
    return turns.select_related("chat__session", "message").order_by("-pk")


def begin(
    candidate: Candidate, which: str = ALL, count: int = 50, by: Member | None = None
) -> TestRun | None:
    """Have past questions asked again; None when there are none."""
    results = [_result(turn) for turn in past(candidate, which)[: min(count, MOST)]]
    if not results:
        return None
    run = TestRun(
        organization=candidate.agent.organization,
        kind=TestRun.Kind.REPLAY,
        agent=candidate.agent,
        settings=candidate.settings,
        is_draft=candidate.is_draft,
        author=by,
    )
    return runs.enqueue(run, results)


def _result(turn: Turn) -> TestResult:
    """A turn as a question to be asked, with what was really answered."""
    session = turn.chat.session
    return TestResult(
        turn=turn,
        question=question_of(turn),
        language=session.language,
        history=history_of(turn),
        page={
            "url": session.page_url,
            "title": session.page_title,
            "context": session.page_context,
        },
        base_receipt=_really(turn).stored(),
    )


def question_of(turn: Turn) -> str:
    """The visitor's own words that a turn answers."""
    lines = Message.objects.of(turn.organization).filter(
        chat=turn.chat_id, role=Message.Role.USER, seq__range=(turn.from_seq, turn.upto_seq)
    )
    return "\n".join(lines.order_by("seq").values_list("content", flat=True))


def history_of(turn: Turn) -> list[dict[str, Any]]:
    """What was said before a turn, as the prompt would have it."""
    lines = (
        Message.objects.of(turn.organization)
        .filter(chat=turn.chat_id, seq__lt=turn.from_seq)
        .exclude(role=Message.Role.SYSTEM)
        .order_by("-seq")
        .values_list("role", "content", "sources", "offers_support")[: prompts.HISTORY - 1]
    )
    return [
        {
            "role": role,
            "text": content,
            "is_grounded": bool(sources),
            "knew_nothing": offers_support and not sources,
        }
        for role, content, sources, offers_support in reversed(list(lines))
    ]


def _really(turn: Turn) -> Receipt:
    """The receipt of the answer that the visitor got."""
    message: Any = turn.message
    return Receipt(
        outcome=receipts.UNKNOWN if message.offers_support else receipts.ANSWER,
        text=message.content,
        error=turn.error,
        model=message.model,
        prompt_tokens=turn.prompt_tokens,
        completion_tokens=turn.completion_tokens,
        cost="" if turn.cost is None else str(turn.cost),
        timings=turn.timings,
        prompt_version=turn.prompt_version,
        rewritten=turn.rewritten,
        sources=turn.sources,
        cited=message.sources,
        facts=turn.facts,
        prompt_parts=turn.prompt_parts,
        flags=turn.flags,
    )


def pieces_of(turn: Turn) -> set[tuple[str, int]]:
    """The pieces of knowledge that stood below a turn's answer."""
    message = getattr(turn, "message", None)
    return lessons.pieces_of(message.sources) if message else set()
