"""Cases of test sets: saved, made of a real turn, and the dialogues before them as lines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from chat.models import TestCase, TestSet, Turn
from chat.models.trials import LONGEST_LINE, LONGEST_QUESTION, MOST_LINES
from chat.trials import replay
from knowledge.models import Article, Document, FAQEntry

PIECES: dict[str, tuple[Any, str]] = {
    "faq": (FAQEntry, "question"),
    "article": (Article, "title"),
    "document": (Document, "title"),
}


def save(case: TestCase) -> TestCase:
    """Keep a case; runs from before prove nothing any more."""
    with transaction.atomic():
        case.save()
        touch(case.test_set)
    return case


def touch(test_set: TestSet) -> None:
    """A set has changed."""
    TestSet.objects.of(test_set.organization).filter(pk=test_set.pk).update(
        changed_at=timezone.now()
    )


def of_turn(test_set: TestSet, turn: Turn) -> TestCase:
    """A turn as a case: its question, and its first source, or that nothing was known.

    Raises ValidationError for one that answers nobody: it begins a chat, or tells what was decided.
    """
    question = replay.question_of(turn)
    if not question:
        raise ValidationError(_("No question of a visitor was answered here."), code="no_question")
    message = getattr(turn, "message", None)
    sources = [one for one in (message.sources if message else []) if one.get("kind") in PIECES]
    case = TestCase(
        organization=test_set.organization,
        test_set=test_set,
        question=question[:LONGEST_QUESTION],
        language=turn.chat.session.language,
        history=[
            {"role": _role(line["role"]), "text": line["text"][:LONGEST_LINE]}
            for line in replay.history_of(turn)[-MOST_LINES:]
            if line["text"].strip()
        ],
        turn=turn,
    )
    for source in sources[:1]:
        model, _title = PIECES[source["kind"]]
        if model.objects.of(test_set.organization).filter(pk=source["item"]).exists():
            setattr(case, f"{source['kind']}_id", source["item"])
    if not case.sources():
        case.outcome = TestCase.Outcome.UNKNOWN
    return save(case)


def _role(role: str) -> str:
    return "user" if role == "user" else "assistant"


# --- lines of a dialogue ------------------------------------------------------------------------

_SPEAKERS = {
    "user": "user",
    "visitor": "user",
    "посетитель": "user",
    "assistant": "assistant",
    "ассистент": "assistant",
    "помощник": "assistant",
}


def dialogue(text: str) -> list[dict[str, str]]:
    """Lines such as `user: Hello` as a history; raises ValidationError."""
    history = []
    for line in filter(None, map(str.strip, text.splitlines())):
        speaker, colon, words = line.partition(":")
        role = _SPEAKERS.get(speaker.strip().casefold())
        if role is None or not colon or not words.strip():
            raise ValidationError(
                _("Begin each line with “user:” or “assistant:”."), code="bad_history"
            )
        history.append({"role": role, "text": words.strip()})
    return history


def written(history: Iterable[dict[str, str]]) -> str:
    """A history as lines that `dialogue` reads; a line's own breaks become spaces."""
    return "\n".join(f"{line['role']}: {' '.join(line['text'].split())}" for line in history)
