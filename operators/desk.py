"""What an operator can do. The console's socket parses, authorises and calls these verbs."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from chat import approvals, conversation, lessons, offences, results, snapshots
from chat.delivery import events
from chat.models import (
    Chat,
    ChatResult,
    ContactRequest,
    Handoff,
    Message,
    Mode,
    Note,
    ToolCall,
)
from chat.protocol import Learnt, NewNote, SupportTaken
from chat.refusals import ChatClosed, Refused
from knowledge.models import Suggestion
from organizations.models import Member


class UnknownChat(Refused):
    code = "unknown_chat"

    def __init__(self) -> None:
        super().__init__(_("There is no such chat."))


class AlreadyTaken(Refused):
    code = "already_taken"

    def __init__(self, holder: str) -> None:
        super().__init__(format_lazy(_("{holder} has taken this chat already."), holder=holder))


class NotYours(Refused):
    code = "not_yours"

    def __init__(self) -> None:
        super().__init__(_("You do not hold this chat. Take it first."))


class AlreadyDecided(Refused):
    code = "already_decided"

    def __init__(self, who: str) -> None:
        super().__init__(format_lazy(_("{who} has decided on this already."), who=who))


class ClientIdReused(Refused):
    code = "client_id_reused"

    def __init__(self) -> None:
        super().__init__(_("This message was sent before with other words."))


class UnknownMember(Refused):
    code = "unknown_member"

    def __init__(self) -> None:
        super().__init__(_("There is no such colleague."))


def sender(member: Member) -> str:
    """The name under which a member's messages are deduplicated."""
    return f"member:{member.pk}"


def find(member: Member, chat_id: UUID) -> Chat:
    """A chat of the member's organization; refuses every other."""
    chat = (
        Chat.objects.of(member.organization)
        .select_related(
            "organization",
            "session__widget",
            "session__visitor",
            "session__customer",
            "operator__user",
            "kind",
        )
        .filter(chat_id=chat_id)
        .first()
    )
    if chat is None:
        raise UnknownChat
    return chat


def _locked(chat: Chat, member: Member) -> Chat:
    if chat.organization_id != member.organization_id:
        raise UnknownChat
    return conversation.lock(chat)


def _held(chat: Chat, member: Member) -> Chat:
    """The locked chat; refuses unless this member holds it."""
    chat = _locked(chat, member)
    if chat.mode == Mode.CLOSED:
        raise ChatClosed
    if chat.mode != Mode.OPERATOR or chat.operator_id != member.pk:
        raise NotYours
    return chat


def accept(chat: Chat, member: Member) -> Chat:
    """Give a chat to one operator, whether it waits or the assistant has it.

    The first one under the chat's lock wins; everyone after gets AlreadyTaken. Accepting one's
    own chat again changes nothing.
    """
    with transaction.atomic():
        chat = _locked(chat, member)
        if chat.mode == Mode.CLOSED:
            raise ChatClosed
        if chat.mode == Mode.OPERATOR:
            if chat.operator_id != member.pk:
                raise AlreadyTaken(chat.operator.name if chat.operator else "")
            return chat
        conversation.change_mode(
            chat,
            Message.Event.JOINED,
            actor=sender(member),
            operator=member,
            reason=Handoff.Reason.TAKEN,
        )
        return chat


def reply(chat: Chat, member: Member, text: str, client_id: UUID) -> Message:
    """Say something to the visitor; the same `client_id` again returns the first line."""
    with transaction.atomic():
        locked = _locked(chat, member)
        before = (
            Message.objects.of(member.organization)
            .select_related("chat")
            .filter(sender=sender(member), client_id=client_id)
            .first()
        )
        if before:
            if before.content != text or before.chat_id != chat.pk:
                raise ClientIdReused
            return before
        locked = _held(chat, member)
        message = conversation.append(
            locked,
            role=Message.Role.OPERATOR,
            content=text,
            sender=sender(member),
            client_id=client_id,
            author=member,
        )
        # What was written before a person answered is answered.
        locked.answered_seq = message.seq
        locked.save(update_fields=["answered_seq"])
        return message


def add_note(chat: Chat, member: Member, text: str, client_id: UUID) -> Note:
    """Write an internal note, which no visitor ever sees; the same `client_id` is one note."""
    with transaction.atomic():
        locked = _locked(chat, member)
        before = (
            Note.objects.of(member.organization)
            .filter(chat=locked, author=member, client_id=client_id)
            .first()
        )
        if before:
            if before.content != text:
                raise ClientIdReused
            return before
        note = Note.unscoped.create(
            organization=member.organization,
            chat=locked,
            author=member,
            client_id=client_id,
            after_seq=locked.seq,
            content=text,
        )
        events.publish(
            locked.chat_id, NewNote(chat_id=locked.chat_id, note=snapshots.note_body(note))
        )
        return note


def hand_back(chat: Chat, member: Member) -> None:
    """Give the chat back to the assistant, for which the operator's words are facts now."""
    with transaction.atomic():
        locked = _held(chat, member)
        conversation.change_mode(locked, Message.Event.LEFT, actor=sender(member))


def transfer(chat: Chat, member: Member, to: Member) -> None:
    """Give the chat to a colleague."""
    if to.organization_id != member.organization_id or not to.user.is_active:
        raise UnknownMember
    with transaction.atomic():
        locked = _held(chat, member)
        if to.pk != member.pk:
            conversation.change_mode(
                locked, Message.Event.TRANSFERRED, actor=sender(member), operator=to
            )


def close(chat: Chat, member: Member) -> None:
    """Close the chat; the visitor is asked to rate it. Closing a closed one changes nothing."""
    with transaction.atomic():
        locked = _locked(chat, member)
        if locked.mode == Mode.CLOSED:
            return
        if locked.mode == Mode.OPERATOR and locked.operator_id != member.pk:
            raise NotYours
        conversation.change_mode(locked, Message.Event.CLOSED, actor=sender(member))


def learn(chat: Chat, member: Member, seq: int) -> Suggestion:
    """Propose an operator's answer for the knowledge base; the same line again gives the same one.

    Any member may, whoever holds the chat; it is an owner's to accept.
    """
    if chat.organization_id != member.organization_id:
        raise UnknownChat
    with transaction.atomic():
        suggestion = lessons.keep(chat, seq, member)
        events.publish(chat.chat_id, Learnt(chat_id=chat.chat_id, seq=seq))
    return suggestion


def reveal(chat: Chat, member: Member, seq: int) -> str:
    """A hidden message as it was written; any member may look."""
    if chat.organization_id != member.organization_id:
        raise UnknownChat
    line = Message.objects.of(member.organization).filter(chat=chat, seq=seq).first()
    if line is None or not line.original:
        raise Refused(_("Nothing is hidden in this message."), code="nothing_hidden")
    return line.original


def unmute(chat: Chat, member: Member) -> None:
    """Let the visitor of a chat write again; one who is not muted may write already."""
    if chat.organization_id != member.organization_id:
        raise UnknownChat
    if offences.forgive(chat):
        events.tell("unmuted", chat.chat_id, sender(member))


def regenerate(chat: Chat, member: Member, seq: int) -> None:
    """Have the assistant give its last answer anew; refuses any other line, or while it writes."""
    with transaction.atomic():
        locked = _locked(chat, member)
        if locked.mode == Mode.CLOSED:
            raise ChatClosed
        if not conversation.answer_anew(locked, seq):
            raise Refused(
                _("Only the last answer can be given anew, while the assistant holds the chat."),
                code="not_the_last_answer",
            )
        events.tell("regenerated", locked.chat_id, sender(member))


def finish(chat: Chat, member: Member) -> ChatResult:
    """Have a chat turned into its result; any member may, whoever holds it."""
    with transaction.atomic():
        return results.ask(_locked(chat, member), "operator", member)


def handle_contact(member: Member, contact_id: int) -> None:
    """Mark a contact request as done."""
    with transaction.atomic():
        request = (
            ContactRequest.objects.of(member.organization)
            .select_related("chat")
            .select_for_update(of=("self",))
            .filter(pk=contact_id)
            .first()
        )
        if request is None:
            raise Refused(_("There is no such request."), code="unknown_contact")
        if request.handled_at is None:
            request.handled_at, request.handled_by = timezone.now(), member
            request.save(update_fields=["handled_at", "handled_by"])
        events.publish_desk(
            member.organization_id, SupportTaken(chat_id=request.chat.chat_id, operator="")
        )


def decide(member: Member, call_id: int, approve: bool) -> None:
    """Confirm or refuse a call that changes something; raise AlreadyDecided for all but the first.

    Saying the same again changes nothing. A confirmed call is made by a worker, once.
    """
    calls = ToolCall.objects.of(member.organization).filter(is_changing=True)
    call = calls.select_related("chat__organization", "tool").filter(pk=call_id).first()
    if call is None or call.status == ToolCall.Status.PROPOSED:
        raise Refused(_("There is no such request."), code="unknown_call")
    with transaction.atomic():
        locked = conversation.lock(call.chat)
        if locked.mode == Mode.CLOSED:
            raise ChatClosed
        if approve and (call.tool is None or not call.tool.is_active):
            raise Refused(_("The tool has been deleted or switched off."), code="tool_gone")
        if approve and not approvals.is_what_was_asked(call):
            raise Refused(
                _("The tool has been changed since. Decline this; the assistant can ask again."),
                code="tool_changed",
            )
        if approvals.decide(locked, call, member, approve):
            return
    call.refresh_from_db()
    is_same = approve == (call.status != ToolCall.Status.REFUSED)
    if call.decided_by_id != member.pk or not is_same:
        raise AlreadyDecided(call.decided_by.name if call.decided_by else "")


def colleague(member: Member, member_id: int) -> Member:
    """Another member of the same organization."""
    found = (
        Member.objects.of(member.organization).select_related("user").filter(pk=member_id).first()
    )
    if found is None:
        raise UnknownMember
    return found


def expire_waiting() -> int:
    """Tell those who waited too long that nobody comes, and offer the form; how many."""
    limit = ExpressionWrapper(
        F("chat__session__widget__support_timeout") * timedelta(minutes=1),
        output_field=DurationField(),
    )
    overdue = (
        Handoff.unscoped.filter(accepted_at__isnull=True, ended_at__isnull=True)
        .annotate(limit=limit)
        .filter(requested_at__lt=Now() - F("limit"))
        .select_related("chat__organization")[:100]
    )
    count = 0
    for handoff in overdue:
        with transaction.atomic():
            locked = conversation.lock(handoff.chat)
            # A request taken back and made anew meanwhile is another one, and has just begun.
            still_open = snapshots.open_handoff(locked)
            if locked.mode == Mode.WAITING and still_open and still_open.pk == handoff.pk:
                conversation.change_mode(locked, Message.Event.UNANSWERED, actor="system")
                count += 1
    return count
