"""What chats teach the knowledge: what was shown, what helped, what nobody could answer.

Answers are looked at by a periodic task after they are committed, each turn once; a thumb is
counted by `visitor.judge` as it comes; an operator's answer is kept when somebody says so.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from chat import intents
from chat.models import Chat, Handoff, Message, Turn
from chat.refusals import Refused
from knowledge import counts, gaps, retrieval, suggestions
from knowledge.counts import Piece
from knowledge.models import AskedQuestion, Suggestion
from organizations.models import Member, Organization

Reason = AskedQuestion.Reason


class NothingToKeep(Refused):
    code = "nothing_to_keep"

    def __init__(self) -> None:
        super().__init__(_("Only an operator's answer to a visitor's question can be kept."))


def learn(limit: int = 200) -> int:
    """Count what finished answers showed, and note what they could not answer; how many.

    The mark is set in the same commit, so every turn is looked at once, whatever is doubled,
    killed or lost.
    """
    with transaction.atomic():
        turns = list(
            Turn.unscoped.select_for_update(skip_locked=True, of=("self",))
            .filter(learnt_at=None, finished_at__isnull=False)
            .select_related("organization", "chat__session", "message")
            .order_by("pk")[:limit]
        )
        times: dict[Organization, Counter[Piece]] = defaultdict(Counter)
        for turn in turns:
            message = getattr(turn, "message", None)
            if message is not None:
                times[turn.organization].update(pieces_of(message.sources))
            if _is_unanswered(turn, message):
                _note(turn, Reason.NO_KNOWLEDGE)
        for organization, shown in sorted(times.items(), key=lambda pair: pair[0].pk):
            counts.shown(organization, shown)
        Turn.unscoped.filter(pk__in=[turn.pk for turn in turns]).update(learnt_at=Now())
    return len(turns)


def pieces_of(sources: Iterable[dict[str, Any]]) -> set[Piece]:
    """The pieces of knowledge among a line's sources; each once."""
    return {
        (source["kind"], source["item"])
        for source in sources
        if source.get("kind") and source.get("item")
    }


def _is_unanswered(turn: Turn, message: Message | None) -> bool:
    """Whether the assistant said that it does not know, or called a person because of that."""
    if message is None:
        return turn.status == Turn.Status.DONE and _called_a_person(turn)
    # A model may have been given what is near and have found no answer in it.
    used = message.sources if turn.prompt_version else turn.sources
    return turn.status == Turn.Status.DONE and message.offers_support and not used


def _called_a_person(turn: Turn) -> bool:
    """Whether a turn without an answer ended in a request for a person, for want of knowledge."""
    handoffs = Handoff.objects.of(turn.organization)
    return handoffs.filter(turn=turn, reason=Handoff.Reason.NO_KNOWLEDGE).exists()


def _note(turn: Turn, reason: Reason) -> None:
    """Keep what the visitor asked, as it was understood."""
    text = asked_in(turn)
    if intents.wants_person(text) or intents.is_greeting(text) or intents.is_thanks(text):
        return
    gaps.note(
        turn.organization,
        chat_id=turn.chat.chat_id,
        seq=turn.upto_seq,
        text=text,
        language=retrieval.language_of(text, turn.chat.session.language),
        reason=reason,
    )


def asked_in(turn: Turn) -> str:
    """What a turn was asked: as it was understood, or in the visitor's own words."""
    lines = Message.objects.of(turn.organization).filter(
        chat=turn.chat_id, role=Message.Role.USER, seq__range=(turn.from_seq, turn.upto_seq)
    )
    return turn.rewritten or "\n".join(lines.order_by("seq").values_list("content", flat=True))


# --- thumbs ---------------------------------------------------------------------------------------


def judge(chat: Chat, seq: int, helpful: bool) -> bool:
    """Set the thumb on an answer and count it for its sources; False when there is no such answer.

    Called inside a transaction: the line is held, so each change of the thumb is counted once.
    """
    answers = Message.objects.of(chat.organization).filter(
        chat=chat, seq=seq, role__in=[Message.Role.ASSISTANT, Message.Role.OPERATOR]
    )
    message = answers.select_for_update().first()
    if message is None:
        return False
    before = message.helpful
    if before is helpful:
        return True
    answers.update(helpful=helpful)
    counts.judged(chat.organization, pieces_of(message.sources), before, helpful)
    if message.turn_id:
        turn = Turn.objects.of(chat.organization).select_related("organization", "chat__session")
        _rethink(turn.get(pk=message.turn_id), helpful)
    return True


def _rethink(turn: Turn, helpful: bool) -> None:
    """A bad answer's question is one to answer better, until the visitor thinks better of it."""
    if helpful:
        gaps.withdraw(turn.organization, turn.chat.chat_id, turn.upto_seq)
    else:
        _note(turn, Reason.NOT_HELPFUL)


# --- an operator's answer -------------------------------------------------------------------------


def keep(chat: Chat, seq: int, member: Member) -> Suggestion:
    """Propose an operator's answer, with the question before it, as an entry; twice gives one.

    Refuses a line that is no operator's, or that follows no question.
    """
    with transaction.atomic():
        # Held, so that a chat erased in this moment leaves nothing behind.
        if not Chat.objects.of(member.organization).select_for_update().filter(pk=chat.pk):
            raise NothingToKeep
        lines = Message.objects.of(member.organization).filter(chat=chat)
        answer = lines.filter(seq=seq, role=Message.Role.OPERATOR).first()
        question = _question_before(lines.filter(seq__lt=seq)) if answer else ""
        if answer is None or not question:
            raise NothingToKeep
        return suggestions.propose(
            member,
            chat_id=chat.chat_id,
            seq=seq,
            question=question,
            answer=answer.content,
            language=retrieval.language_of(question, chat.session.language),
        )


def _question_before(lines: Any) -> str:
    """The last words of the visitor: the lines in a row that end the nearest to the answer."""
    said: list[str] = []
    for role, content in lines.order_by("-seq").values_list("role", "content")[:50]:
        if role == Message.Role.USER:
            said.insert(0, " ".join(content.split()))
        elif said:
            break
    return " ".join(said)


def kept_of(chat: Chat) -> list[int]:
    """The lines of a chat that were kept."""
    return suggestions.proposed_of(chat.organization, chat.chat_id)


def forget(organization_id: int, chat_id: UUID) -> None:
    """A chat is erased: the knowledge keeps none of its words but in entries that were accepted."""
    gaps.forget(organization_id, chat_id)
