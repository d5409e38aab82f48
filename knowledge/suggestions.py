"""What becomes of a suggestion: proposed by an operator; accepted, merged or dismissed by an owner.

`knowledge.gaps` makes the others. The admin and the console call these verbs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from knowledge import entries
from knowledge.clusters import folded
from knowledge.models import AskedQuestion, FAQEntry, Suggestion
from knowledge.models.pieces import MAX_PHRASINGS
from organizations.models import Member, Organization

LONGEST = 300
# The wordings that are offered to the owner, the latest first.
WORDINGS = 20

Status = Suggestion.Status


class Settled(ValidationError):
    """Somebody has accepted or dismissed it already."""

    def __init__(self) -> None:
        super().__init__(_("This suggestion was settled already."), code="settled")


def propose(
    member: Member, *, chat_id: UUID, seq: int, question: str, answer: str, language: str
) -> Suggestion:
    """Keep an operator's answer as a suggestion; the same line again gives the same one."""
    suggestion, _made = Suggestion.objects.of(member.organization).get_or_create(
        chat_id=chat_id,
        seq=seq,
        defaults={
            "organization": member.organization,
            "origin": Suggestion.Origin.CHAT,
            "author": member,
            "language": language,
            "question": question[:LONGEST],
            "answer": answer[:8000],
            "asked_count": 1,
            "last_asked_at": Now(),
        },
    )
    return suggestion


def proposed_of(organization: Organization, chat_id: UUID) -> list[int]:
    """The lines of a chat that were kept."""
    rows = Suggestion.objects.of(organization).filter(chat_id=chat_id)
    return sorted(seq for seq in rows.values_list("seq", flat=True) if seq is not None)


def accept(
    suggestion: Suggestion,
    *,
    question: str,
    answer: str,
    language: str,
    phrasings: Iterable[str] = (),
    **fields: Any,
) -> FAQEntry:
    """Make it an entry with these words. Raises ValidationError and then changes nothing."""
    with transaction.atomic():
        _hold(suggestion)
        entry = entries.create_faq(
            suggestion.organization,
            question=question,
            answer=answer,
            language=language,
            phrasings=_distinct(phrasings, [question]),
            **fields,
        )
        _close(suggestion, Status.ACCEPTED, entry)
        _close_answered(entry)
    return entry


def merge(suggestion: Suggestion, entry: FAQEntry, phrasings: Iterable[str]) -> FAQEntry:
    """Teach an existing entry these other ways to ask it.

    Raises ValidationError and then changes nothing.
    """
    with transaction.atomic():
        _hold(suggestion)
        # Held, so that an edit of the same moment is not overwritten.
        entry = FAQEntry.objects.of(suggestion.organization).select_for_update().get(pk=entry.pk)
        known = [entry.question, *entry.phrasings]
        entry.phrasings = [*entry.phrasings, *_distinct(phrasings, known)]
        entries.save(entry)
        _close(suggestion, Status.ACCEPTED, entry)
        _close_answered(entry)
    return entry


def dismiss(suggestion: Suggestion) -> None:
    """Put it aside for good: similar questions join it and do not come back."""
    with transaction.atomic():
        _hold(suggestion)
        _close(suggestion, Status.DISMISSED, None)


def reopen(suggestion: Suggestion) -> None:
    """Take a dismissed one up again; does nothing to any other."""
    with transaction.atomic():
        held = Suggestion.objects.of(suggestion.organization).select_for_update()
        row = held.filter(pk=suggestion.pk, status=Status.DISMISSED).first()
        if row is not None:
            _close(row, Status.OPEN, None)


def wordings(suggestion: Suggestion) -> list[str]:
    """The other ways in which visitors asked it, each once."""
    texts = (
        AskedQuestion.objects.of(suggestion.organization)
        .filter(suggestion=suggestion)
        .order_by("-asked_at", "-pk")
        .values_list("text", flat=True)[:200]
    )
    one_line = (" ".join(text.split())[:LONGEST] for text in texts)
    return _distinct(one_line, [suggestion.question])[:WORDINGS]


def _distinct(texts: Iterable[str], known: Iterable[str]) -> list[str]:
    """The texts that are not among the known ones, each once, whatever their case and signs."""
    seen = {folded(text) for text in known}
    kept: list[str] = []
    for text in texts:
        key = folded(text)
        if key and key not in seen:
            seen.add(key)
            kept.append(text.strip())
    return kept


def room_in(entry: FAQEntry) -> int:
    """How many phrasings an entry can still take."""
    return max(0, MAX_PHRASINGS - len(entry.phrasings))


def _hold(suggestion: Suggestion) -> None:
    """Lock the row; refuse one that was settled meanwhile."""
    rows = Suggestion.objects.of(suggestion.organization).select_for_update()
    if not rows.filter(pk=suggestion.pk, status=Status.OPEN).exists():
        raise Settled


def _close_answered(entry: FAQEntry) -> None:
    """Close the gaps that ask what the entry answers now; operators' answers stay to be read."""
    asked = {folded(text) for text in (entry.question, *entry.phrasings)}
    gaps = Suggestion.objects.of(entry.organization).filter(
        status=Status.OPEN, origin=Suggestion.Origin.GAP, language=entry.language
    )
    same = [pk for pk, question in gaps.values_list("pk", "question") if folded(question) in asked]
    # One that somebody settles at this moment is left to them.
    for gap in gaps.filter(pk__in=same).select_for_update(skip_locked=True):
        _close(gap, Status.ACCEPTED, entry)


def _close(suggestion: Suggestion, status: Status, entry: FAQEntry | None) -> None:
    suggestion.status, suggestion.entry = status, entry
    suggestion.save(update_fields=["status", "entry", "updated_at"])
