"""The state of a chat: open, append, change who holds it, answer, close. Only this file writes it.

Verbs of all three actors call these inside their own transaction. A chat that is passed as
`locked` holds its row lock (`lock`), which orders seq, epoch and mode for everyone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from chat import calls, citations, handoffs, queue, snapshots, turns
from chat.delivery import events
from chat.models import Chat, Handoff, Message, Mode, Session, ToolCall, Turn, Visitor
from chat.protocol import (
    MODE_AFTER,
    AIResponse,
    AITyping,
    DeskMessage,
    ModeName,
    NewMessage,
    NewSupportRequest,
    Page,
    SupportJoined,
    SupportLeft,
    SupportTaken,
)
from organizations.models import ChatType, Member, Widget
from organizations.statements import row_of

Event = Message.Event


def lock(chat: Chat) -> Chat:
    """The chat as it is now, held until the transaction ends, with everything it refers to."""
    chats = Chat.objects.of(chat.organization)
    # Locked first and read afterwards: a join in the locking query would come from before the
    # wait, so that a chat just taken would show its new holder's id beside no holder at all.
    chats.select_for_update().values_list("pk").get(pk=chat.pk)
    return chats.select_related(
        "organization",
        "session__widget__agent",
        "session__visitor",
        "session__customer",
        "operator__user",
    ).get(pk=chat.pk)


def lock_own(visitor: Visitor, widget: Widget, chat_id: UUID) -> Chat | None:
    """A visitor's own chat as it is now, held as by `lock`; None when it is not theirs.

    Who asks knows the people already: anything else of them is read only when it is asked for.
    """
    row = row_of(
        LOCK_OWN,
        {
            "organization": widget.organization_id,
            "chat_id": chat_id,
            "visitor": visitor.pk,
            "widget": widget.pk,
        },
    )
    return own(row, visitor, widget) if row else None


def own(row: Sequence[Any], visitor: Visitor, widget: Widget) -> Chat:
    """What LOCK_OWN has given."""
    locked = Chat.from_db("default", CHAT_FIELDS, row)
    session = Session.from_db(
        "default", ["id", "organization_id"], [locked.session_id, widget.organization_id]
    )
    session.organization = locked.organization = widget.organization
    session.widget, session.visitor, locked.session = widget, visitor, session
    return locked


# Without what only prompts read, and what Django would have to decode.
CHAT_FIELDS = [
    field.attname
    for field in Chat._meta.concrete_fields
    if field.attname not in ("ai_context", "summary")
]
# The chat's own columns are those after the wait. The session's may be from before it, but whose
# and where it is never changes.
LOCK_OWN = f"""
SELECT {", ".join(f"c.{name}" for name in CHAT_FIELDS)}
FROM chat_chat c JOIN chat_session s ON s.id = c.session_id
WHERE c.organization_id = %(organization)s AND c.chat_id = %(chat_id)s
    AND s.visitor_id = %(visitor)s AND s.widget_id = %(widget)s
FOR UPDATE OF c
"""  # noqa: S608  (the names are the model's own)


def open_session(visitor: Visitor, widget: Widget, page: Page, language: str) -> Session:
    """The visitor's active session in this widget, made when there is none."""
    with transaction.atomic():
        session, _made = Session.objects.of(widget.organization).get_or_create(
            visitor=visitor,
            widget=widget,
            is_active=True,
            defaults={
                "organization": widget.organization,
                "customer": visitor.customer,
                "page_url": page.url,
                "page_title": page.title,
                "page_context": page.context,
                "language": language,
            },
        )
    return session


def open_chat(
    session: Session,
    *,
    name: str = "",
    type: str = Chat.Type.GENERAL,
    client_id: UUID | None = None,
    kind: ChatType | None = None,
) -> Chat:
    """A new chat; the same `client_id` again gives the first one."""
    try:
        with transaction.atomic():
            return Chat.unscoped.create(
                organization=session.organization,
                session=session,
                name=name,
                type=type,
                client_id=client_id,
                kind=kind,
            )
    except IntegrityError:
        return Chat.objects.of(session.organization).get(session=session, client_id=client_id)


def append(
    locked: Chat,
    *,
    role: Message.Role,
    content: str,
    sender: str,
    quietly: bool = False,
    answer_in: float | None = None,
    **fields: Any,
) -> Message:
    """Add a line with the next seq and tell both sides (unless `quietly`: the caller does).

    With `answer_in` the assistant has so many seconds to wait before it answers the line.
    """
    locked.seq += 1
    locked.updated_at = timezone.now()
    if role == Message.Role.USER and not locked.name:
        # A chat without a name of its own is known by its first words.
        locked.name = " ".join(content.split())[:80]
    message = Message(
        organization=locked.organization,
        chat=locked,
        seq=locked.seq,
        role=role,
        content=content,
        sender=sender,
        **fields,
    )
    _store(message, locked, answer_in)
    if not quietly:
        body = snapshots.message_body(message, locked.session.widget)
        events.publish(
            locked.chat_id,
            NewMessage(chat_id=locked.chat_id, epoch=locked.epoch, message=body),
        )
    if locked.mode in (Mode.WAITING, Mode.OPERATOR) and role != Message.Role.SYSTEM:
        events.publish_desk(
            locked.organization_id,
            DeskMessage(
                chat_id=locked.chat_id,
                last_text=snapshots.glimpse(role, content)[:160],
                last_role=role,
            ),
        )
    events.tell("message", locked.chat_id, sender)
    return message


def _store(message: Message, locked: Chat, answer_in: float | None) -> None:
    values = {
        field.attname: field.get_db_prep_save(getattr(message, field.attname), connection)
        for field in LINE_FIELDS
    }
    values |= {"head": locked.seq, "updated_at": locked.updated_at, "name": locked.name}
    statement = APPEND
    if answer_in is not None:
        statement = APPEND_AND_ASK
        values |= turns.values(locked, locked.seq, answer_in)
    message.pk, message.timestamp, due = row_of(statement, values)
    message._state.adding, message._state.db = False, "default"
    if due:
        turns.dispatch_on_commit(due)


# The chat's head, the line and its turn in one statement: no message has to pay for three.
LINE_FIELDS = [
    field for field in Message._meta.concrete_fields if field.name not in ("id", "timestamp")
]
STORED = f"""
counted AS (
    UPDATE chat_chat SET seq = %(head)s, updated_at = %(updated_at)s, name = %(name)s
    WHERE id = %(chat_id)s
), line AS (
    INSERT INTO chat_message ({", ".join(field.attname for field in LINE_FIELDS)})
    VALUES ({", ".join(f"%({field.attname})s" for field in LINE_FIELDS)})
    RETURNING id, timestamp
)
"""  # noqa: S608  (as above)
APPEND = f"WITH {STORED} SELECT id, timestamp, NULL FROM line"  # noqa: S608
APPEND_AND_ASK = f"""
WITH {STORED}, {turns.OPENED_OR_WIDENED}
SELECT id, timestamp, ARRAY(SELECT id FROM due) FROM line
"""  # noqa: S608


def change_mode(
    locked: Chat,
    event: Event,
    *,
    actor: str,
    operator: Member | None = None,
    reason: Handoff.Reason = Handoff.Reason.ASKED,
    turn: Turn | None = None,
) -> Message:
    """Give the chat to somebody else, as `event` says; returns the line that records it.

    A request for a person keeps the `turn` that ended in it.

    The epoch rises in the same commit that stops the running turn, so an answer under way can
    never be saved behind it; what was shown of that answer is kept as a stopped message.
    """
    mode = Mode(MODE_AFTER[event])
    stop_answer(locked)
    before = locked.operator
    locked.mode = mode
    locked.epoch += 1
    locked.operator = operator if mode == Mode.OPERATOR else None
    locked.closed_at = timezone.now() if mode == Mode.CLOSED else None
    if mode != Mode.AI:
        # What was asked before a person was called is that person's to answer.
        locked.answered_seq = locked.seq
    locked.save(update_fields=["mode", "epoch", "operator", "closed_at", "answered_seq"])
    handoff = _record_handoff(locked, event, operator, reason, turn)
    line = append(
        locked,
        role=Message.Role.SYSTEM,
        content=_sentence(locked, event, operator or before, reason),
        sender="system",
        event=event,
        author=operator or (before if event == Event.LEFT else None),
    )
    _announce(locked, event, handoff)
    if mode == Mode.AI:
        # What nobody answered while people had the chat, the assistant does now.
        _answer_the_rest(locked, locked.answered_seq)
    events.tell(event, locked.chat_id, actor)
    return line


# So much of an answer tells whose words it is.
BEGINNING = 80


def stop_answer(locked: Chat) -> Message | None:
    """End the open turn, if any; what the visitor has seen of it stays as a stopped message."""
    turn = turns.open_turn(locked)
    if turn is None:
        return None
    turns.finish(turn, Turn.Status.STOPPED)
    if not turn.draft.strip():
        return None
    return append(
        locked,
        role=Message.Role.ASSISTANT,
        content=turn.draft,
        sender="assistant",
        turn=turn,
        model=turn.model,
        sources=_cited_by(turn),
        is_stopped=True,
    )


def _cited_by(turn: Turn) -> list[dict[str, Any]]:
    """What the part that was shown rests on.

    Knowledge alone says the words of one source; the receipt has all that were found.
    """
    if not turn.prompt_version:
        beginning = turn.draft.strip()[:BEGINNING]
        return [source for source in turn.sources if beginning in source.get("quote", "")][:1]
    return citations.of_receipt(turn.draft, turn.sources, turn.facts)


def cut_short(locked: Chat) -> bool:
    """Stop the answer under way, as its reader wishes; False when there is none.

    What was written after that answer began is not part of it, and is answered next.
    """
    turn = turns.open_turn(locked)
    if turn is None:
        return False
    stop_answer(locked)
    locked.answered_seq = turn.upto_seq
    locked.save(update_fields=["answered_seq"])
    events.publish(locked.chat_id, AITyping(chat_id=locked.chat_id, active=False, turn=turn.pk))
    _answer_the_rest(locked, turn.upto_seq)
    return True


def answer(
    claim: turns.Claim, content: str, *, asks: bool = False, **fields: Any
) -> Message | None:
    """Save the assistant's whole answer; None when the turn is no longer the claimer's to end.

    `asks`: it has proposed something that people are to confirm. `fields` go to the message;
    tokens, model and the rest of the receipt are on the turn already.
    """
    with transaction.atomic():
        turn, locked = _hold(claim.turn_id)
        if not _is_mine(claim, turn, locked):
            return None
        turns.finish(turn, Turn.Status.DONE, draft="")
        tokens = (
            turn.prompt_tokens + turn.completion_tokens
            if turn.prompt_tokens is not None and turn.completion_tokens is not None
            else None
        )
        message = append(
            locked,
            role=Message.Role.ASSISTANT,
            content=content,
            sender="assistant",
            quietly=True,
            turn=turn,
            model=turn.model,
            tokens_used=tokens,
            replaces=turn.replaces,
            **fields,
        )
        if turn.replaces:
            former = Message.objects.of(locked.organization).filter(chat=locked)
            former.filter(seq=turn.replaces).update(is_replaced=True)
        events.publish(
            locked.chat_id,
            AIResponse(
                chat_id=locked.chat_id,
                turn=turn.pk,
                epoch=turn.epoch,
                tokens_used=tokens,
                model=turn.model,
                message=snapshots.message_body(message, locked.session.widget),
            ),
        )
        if asks:
            for call in calls.put_to_people(locked, turn):
                tell_of_call(locked, call, Event.CALL_ASKED)
        # One that is given anew covers nothing that was not covered before.
        locked.answered_seq = max(locked.answered_seq, turn.upto_seq)
        locked.save(update_fields=["answered_seq"])
        _answer_the_rest(locked, turn.upto_seq)
        return message


def answer_anew(locked: Chat, seq: int) -> bool:
    """Have the last answer given once more; False where `seq` is not the last word, or is not his.

    The new answer is a line of its own that names the former (`replaces`); that one stays where it
    was, marked. So seq has no gaps, and every replay shows the same.
    """
    lines = Message.objects.of(locked.organization).filter(chat=locked)
    last = lines.exclude(role=Message.Role.SYSTEM).select_related("turn").order_by("-seq").first()
    if last is None or last.seq != seq or last.role != Message.Role.ASSISTANT:
        return False
    if last.turn is None or locked.mode != Mode.AI or turns.open_turn(locked):
        return False
    turns.open_anew(locked, last.turn, seq)
    return True


def tell_of_call(locked: Chat, call: ToolCall, event: Event) -> Message:
    """Tell the visitor how it stands with something that people had to confirm."""
    with translation.override(locked.session.language):
        words = calls.sentence(call)
    return append(locked, role=Message.Role.SYSTEM, content=words, sender="system", event=event)


def hand_over(claim: turns.Claim, reason: Handoff.Reason) -> bool:
    """Give the chat to people instead of answering; False when the turn is no longer ours."""
    with transaction.atomic():
        turn, locked = _hold(claim.turn_id)
        if not _is_mine(claim, turn, locked):
            return False
        turns.finish(turn, Turn.Status.DONE)
        change_mode(locked, Event.WAITING, actor="assistant", reason=reason, turn=turn)
        return True


def _hold(turn_id: int) -> tuple[Turn, Chat]:
    """The turn as it is once its chat is locked; raises Lost when they were erased meanwhile."""
    try:
        turn = Turn.unscoped.select_related("chat__organization").get(pk=turn_id)
        locked = lock(turn.chat)
        return Turn.unscoped.get(pk=turn_id), locked
    except ObjectDoesNotExist:
        raise turns.Lost from None


def _is_mine(claim: turns.Claim, turn: Turn, locked: Chat) -> bool:
    """Whether the claim still stands: the fence before everything the assistant writes."""
    return (
        turn.status == Turn.Status.RUNNING
        and turn.attempt == claim.attempt
        and turn.lease_token == claim.token
        and turn.epoch == locked.epoch
        and locked.mode == Mode.AI
    )


def _answer_the_rest(locked: Chat, covered: int) -> None:
    """Open one turn for what the visitor wrote, or people decided, during the last answer."""
    last = (
        Message.objects.of(locked.organization)
        .filter(chat=locked, seq__gt=covered)
        .filter(Q(role=Message.Role.USER) | Q(event=Event.CALL_DECIDED))
        .order_by("-seq")
        .values_list("seq", flat=True)
        .first()
    )
    if last is not None:
        turns.open_or_widen(locked, last, delay=0)


def give_up(turn_id: int) -> bool:
    """After too many failures: one apology, and within business hours the queue for a person."""
    with transaction.atomic():
        try:
            turn, locked = _hold(turn_id)
        except turns.Lost:
            return False
        if turn.status not in snapshots.OPEN or turn.failures < turns.MAX_FAILURES:
            return False
        turns.finish(turn, Turn.Status.FAILED, draft="")
        if opening := _opening_instead(turn, locked):
            append(
                locked,
                role=Message.Role.ASSISTANT,
                event=Event.OPENING,
                content=opening,
                sender="assistant",
                turn=turn,
            )
            locked.answered_seq = turn.upto_seq
            locked.save(update_fields=["answered_seq"])
            return True
        widget = locked.session.widget
        is_open = widget.is_open() and widget.agent.hands_over("error")
        with translation.override(locked.session.language):
            append(
                locked,
                role=Message.Role.ASSISTANT,
                content=_("I am sorry, I cannot answer right now. A person can help you."),
                sender="assistant",
                turn=turn,
                offers_support=not is_open,
            )
        locked.answered_seq = turn.upto_seq
        locked.save(update_fields=["answered_seq"])
        if is_open:
            change_mode(
                locked, Event.WAITING, actor="assistant", reason=Handoff.Reason.ERROR, turn=turn
            )
        else:
            _answer_the_rest(locked, turn.upto_seq)
        return True


def _opening_instead(turn: Turn, locked: Chat) -> str:
    """The owner's own opening, where a model was to write one and nobody has asked anything yet."""
    if locked.kind is None:
        return ""
    last = Message.objects.of(locked.organization).filter(chat=locked, seq=turn.upto_seq)
    if not last.filter(event=Event.STARTED).exists():
        return ""
    return locked.kind.opening_text(locked.session.language)


def end_session(session: Session) -> None:
    """The visit is over; a later one begins a session of its own."""
    Session.objects.of(session.organization).filter(pk=session.pk, is_active=True).update(
        is_active=False, ended_at=Now()
    )


def _record_handoff(
    locked: Chat,
    event: Event,
    operator: Member | None,
    reason: Handoff.Reason,
    turn: Turn | None,
) -> Handoff | None:
    now, handoff = timezone.now(), snapshots.open_handoff(locked)
    if event == Event.WAITING or (event == Event.JOINED and handoff is None):
        handoff = Handoff(
            organization=locked.organization,
            chat=locked,
            turn=turn,
            requested_at=now,
            reason=reason,
            summary=handoffs.by_rule(locked),
        )
    if handoff is None:
        return None
    is_new = handoff.pk is None
    if event in (Event.JOINED, Event.TRANSFERRED):
        handoff.operator = operator
        handoff.accepted_at = handoff.accepted_at or now
    elif event != Event.WAITING:
        handoff.ended_at = now
        handoff.outcome = {
            Event.LEFT: Handoff.Outcome.HANDED_BACK,
            Event.CANCELLED: Handoff.Outcome.CANCELLED,
            Event.UNANSWERED: Handoff.Outcome.UNANSWERED,
            Event.CLOSED: (
                Handoff.Outcome.ANSWERED if handoff.accepted_at else Handoff.Outcome.CLOSED
            ),
        }[event]
    handoff.save()
    if is_new:
        handoffs.ask_for_summary(handoff.pk)
    return handoff


def _sentence(locked: Chat, event: Event, operator: Member | None, reason: Handoff.Reason) -> str:
    """What the line says, in the visitor's language."""
    name = operator.name if operator else ""
    with translation.override(locked.session.language):
        return {
            Event.WAITING: {
                Handoff.Reason.NO_KNOWLEDGE: _("I find no answer to this. A person was asked for."),
                Handoff.Reason.FRUSTRATED: _("I am sorry about this. A person was asked for."),
                Handoff.Reason.SENSITIVE: _("This is for a person to answer. One was asked for."),
            }.get(reason, _("A person was asked for.")),
            Event.CANCELLED: _("The request for a person was taken back."),
            Event.JOINED: _("%(name)s joined the chat.") % {"name": name},
            Event.LEFT: _("%(name)s left; the assistant is here again.") % {"name": name},
            Event.TRANSFERRED: _("%(name)s took the chat over.") % {"name": name},
            Event.UNANSWERED: _("Nobody is free right now. Leave your e-mail and we will answer."),
            Event.CLOSED: _("The chat is closed."),
        }[event]


def _announce(locked: Chat, event: Event, handoff: Handoff | None) -> None:
    """Tell the visitor and the desk what the change means to them."""
    chat_id, organization = locked.chat_id, locked.organization
    name = locked.operator.name if locked.operator else ""
    if event == Event.WAITING and handoff:
        queue.tell_place_of(locked)
        events.publish_desk(organization.pk, NewSupportRequest(chat=snapshots.desk_chat(locked)))
        return
    if locked.mode == Mode.OPERATOR:
        events.publish(chat_id, SupportJoined(chat_id=chat_id, epoch=locked.epoch, operator=name))
    else:
        events.publish(
            chat_id,
            SupportLeft(chat_id=chat_id, epoch=locked.epoch, mode=cast(ModeName, locked.mode)),
        )
    events.publish_desk(organization.pk, SupportTaken(chat_id=chat_id, operator=name))
    queue.tell_places(organization)
