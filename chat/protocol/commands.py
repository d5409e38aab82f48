"""Every command: what a visitor may send, and what an operator may."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter

from chat.protocol.shapes import ChatType, Frame, KindSlug, LastSeq, Line, Text, Whole

MAX_DEPTH = 8


# --- what a visitor sends ---------------------------------------------------------------------


def _check_depth(context: dict[str, Any]) -> dict[str, Any]:
    """Refuse what is nested deeper than any fact about a page; it could not be stored."""
    level: list[Any] = [context]
    for _depth in range(MAX_DEPTH):
        level = [
            part
            for whole in level
            for part in (whole.values() if isinstance(whole, dict) else whole)
            if isinstance(part, dict | list)
        ]
    if level:
        raise ValueError("nested too deeply")
    return context


class Page(Frame):
    """Where the visitor is, and what the site says of that page."""

    has_any_json = True
    url: Annotated[str, StringConstraints(max_length=1000)] = ""
    title: Line = ""
    context: Annotated[dict[str, Any], AfterValidator(_check_depth)] = Field(default_factory=dict)


class Register(Frame):
    """The first frame: who, through which widget, and what is known already.

    `token` is the browser's own secret; nothing is stored for it before the first message.
    """

    has_any_json = True
    type: Literal["register"]
    widget: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    token: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43,100}$")]
    chat_id: UUID | None = None
    last_seq: LastSeq = 0
    language: Annotated[str, StringConstraints(max_length=5)] = ""
    page: Page = Page()
    # The type that the page wants for a first chat.
    kind: KindSlug = ""


class Say(Frame):
    type: Literal["message"]
    client_id: UUID
    text: Text
    chat_id: UUID | None = None


class Typing(Frame):
    type: Literal["typing"]


class RestoreChat(Frame):
    """Asks for everything after `last_seq`: the way to fill a gap."""

    type: Literal["restore_chat"]
    last_seq: LastSeq = 0


class SwitchChat(Frame):
    type: Literal["switch_chat"]
    chat_id: UUID
    last_seq: LastSeq = 0


class NewChat(Frame):
    type: Literal["new_chat"]
    client_id: UUID
    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=80)] = ""
    chat_type: ChatType = "general"
    kind: KindSlug = ""


class Finish(Frame):
    """Asks for the result of the chat, where its type has one."""

    type: Literal["finish"]


class GetUserChats(Frame):
    type: Literal["get_user_chats"]


class RequestSupport(Frame):
    type: Literal["request_support"]
    reason: Literal["asked", "frustrated", "sensitive"] = "asked"


class CancelSupport(Frame):
    type: Literal["cancel_support"]


class Stop(Frame):
    type: Literal["stop"]


class Feedback(Frame):
    type: Literal["feedback"]
    seq: Whole
    helpful: bool


class Rate(Frame):
    type: Literal["rate"]
    rating: int = Field(ge=1, le=5)
    comment: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] = ""


class EndChat(Frame):
    type: Literal["end_chat"]


class PageChanged(Page):
    type: Literal["page"]


class GetMemory(Frame):
    """Asks what is remembered of oneself."""

    type: Literal["get_memory"]


class ForgetMemory(Frame):
    """Has one remembered thing forgotten; without its id, all of them."""

    type: Literal["forget_memory"]
    fact: Whole | None = None


class LeaveContact(Frame):
    """The offline form."""

    type: Literal["leave_contact"]
    client_id: UUID
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
    email: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=254)]
    text: Text


VisitorCommand = Annotated[
    Register
    | Say
    | Typing
    | RestoreChat
    | SwitchChat
    | NewChat
    | Finish
    | GetUserChats
    | RequestSupport
    | CancelSupport
    | Stop
    | Feedback
    | Rate
    | EndChat
    | PageChanged
    | GetMemory
    | ForgetMemory
    | LeaveContact,
    Field(discriminator="type"),
]
visitor_commands: TypeAdapter[Any] = TypeAdapter(VisitorCommand)


# --- what an operator sends -------------------------------------------------------------------


class SetPresence(Frame):
    type: Literal["presence"]
    status: Literal["online", "away"]


class Watch(Frame):
    type: Literal["watch"]
    chat_id: UUID
    last_seq: LastSeq = 0


class JoinSupportChat(Frame):
    type: Literal["join_support_chat"]
    chat_id: UUID


class OperatorSay(Frame):
    type: Literal["message"]
    client_id: UUID
    chat_id: UUID
    text: Text


class AddNote(Frame):
    type: Literal["note"]
    client_id: UUID
    chat_id: UUID
    text: Text


class OperatorIsTyping(Frame):
    type: Literal["typing"]
    chat_id: UUID


class HandBack(Frame):
    type: Literal["hand_back"]
    chat_id: UUID


class Transfer(Frame):
    type: Literal["transfer"]
    chat_id: UUID
    member_id: Whole


class CloseChat(Frame):
    type: Literal["close_chat"]
    chat_id: UUID


class HandleContact(Frame):
    type: Literal["handle_contact"]
    contact_id: Whole


class Learn(Frame):
    """Keep an operator's answer as a suggestion for the knowledge base."""

    type: Literal["learn"]
    chat_id: UUID
    seq: Whole


class Reveal(Frame):
    """Asks for a hidden message as it was written."""

    type: Literal["reveal"]
    chat_id: UUID
    seq: Whole


class Unmute(Frame):
    type: Literal["unmute"]
    chat_id: UUID


class Regenerate(Frame):
    """Have the last answer given anew; `seq` is the line that is meant."""

    type: Literal["regenerate"]
    chat_id: UUID
    seq: Whole


class DecideCall(Frame):
    """Confirm or refuse a call that changes something; the first of the operators decides."""

    type: Literal["decide_call"]
    call_id: Whole
    approve: bool


class FinishChat(Frame):
    """Asks for the result of a chat, where its type has one."""

    type: Literal["finish"]
    chat_id: UUID


OperatorCommand = Annotated[
    SetPresence
    | Watch
    | JoinSupportChat
    | OperatorSay
    | AddNote
    | OperatorIsTyping
    | HandBack
    | Transfer
    | CloseChat
    | HandleContact
    | Learn
    | Reveal
    | Unmute
    | Regenerate
    | DecideCall
    | FinishChat,
    Field(discriminator="type"),
]
operator_commands: TypeAdapter[Any] = TypeAdapter(OperatorCommand)
