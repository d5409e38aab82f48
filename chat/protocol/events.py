"""Every event: what the server says, and who may ever hear it."""

from __future__ import annotations

from typing import ClassVar, Literal
from uuid import UUID

from chat.protocol.bodies import (
    CallBody,
    ChatState,
    ChatSummary,
    Colleague,
    Contact,
    DeskChat,
    MemoryLine,
    MessageBody,
    NoteBody,
    ResultBody,
    Summary,
    VisitorFacts,
)
from chat.protocol.shapes import Frame, ModeName

Audience = Literal["visitor", "operators", "both"]


class Event(Frame):
    """What the server says. `audience` is who may ever hear it, whatever its sender thinks."""

    audience: ClassVar[Audience]

    def written(self) -> str:
        """The event as it is sent; `model_dump_json` with its options takes twice as long."""
        return self.__pydantic_serializer__.to_json(self).decode()


class Registered(Event):
    audience = "visitor"
    type: Literal["registered"] = "registered"
    visitor_id: UUID | None
    language: str
    is_open: bool
    operators_online: bool
    offline_message: str


class MessageSaved(Event):
    """The ack of one message, note or contact: sent after the commit only."""

    audience = "both"
    type: Literal["message_saved"] = "message_saved"
    client_id: UUID
    seq: int
    chat_id: UUID


class NewMessage(Event):
    audience = "both"
    type: Literal["message"] = "message"
    chat_id: UUID
    epoch: int
    message: MessageBody


class AITyping(Event):
    """An answer began, or ended with nothing more to come: late pieces of `turn` are void."""

    audience = "both"
    type: Literal["ai_typing"] = "ai_typing"
    chat_id: UUID
    active: bool = True
    turn: int | None = None


class AIDelta(Event):
    """A piece of a running answer; `offset` is the number of characters before it."""

    audience = "both"
    type: Literal["ai_delta"] = "ai_delta"
    chat_id: UUID
    turn: int
    attempt: int
    epoch: int
    offset: int
    text: str


class AIResponse(Event):
    """The whole answer, committed; it replaces whatever was drafted."""

    audience = "both"
    type: Literal["ai_response"] = "ai_response"
    chat_id: UUID
    turn: int
    epoch: int
    tokens_used: int | None
    model: str
    message: MessageBody


class ResultChanged(Event):
    """A result of a chat is being made, is done, or has failed."""

    audience = "both"
    type: Literal["result"] = "result"
    chat_id: UUID
    result: ResultBody


class SupportPending(Event):
    """`place` in the queue from 1; `wait` in seconds, null where too little is known to tell."""

    audience = "visitor"
    type: Literal["support_pending"] = "support_pending"
    chat_id: UUID
    place: int
    wait: int | None


class SupportJoined(Event):
    audience = "both"
    type: Literal["support_joined"] = "support_joined"
    chat_id: UUID
    epoch: int
    operator: str


class SupportLeft(Event):
    audience = "both"
    type: Literal["support_left"] = "support_left"
    chat_id: UUID
    epoch: int
    mode: ModeName


class OperatorTyping(Event):
    audience = "visitor"
    type: Literal["operator_typing"] = "operator_typing"
    chat_id: UUID
    operator: str


class ChatRestored(Event):
    audience = "visitor"
    type: Literal["chat_restored"] = "chat_restored"
    chat: ChatState


class ChatSwitched(Event):
    audience = "visitor"
    type: Literal["chat_switched"] = "chat_switched"
    chat: ChatState


class UserChats(Event):
    audience = "visitor"
    type: Literal["user_chats"] = "user_chats"
    chats: list[ChatSummary]


class Memory(Event):
    """All that is remembered of the visitor."""

    audience = "visitor"
    type: Literal["memory"] = "memory"
    facts: list[MemoryLine]


class Rated(Event):
    audience = "both"
    type: Literal["rated"] = "rated"
    chat_id: UUID
    rating: int


class FeedbackSaved(Event):
    audience = "both"
    type: Literal["feedback_saved"] = "feedback_saved"
    chat_id: UUID
    seq: int
    helpful: bool


class Ping(Event):
    """A heartbeat with the last seq, so that a silent gap shows itself."""

    audience = "both"
    type: Literal["ping"] = "ping"
    chat_id: UUID | None
    head_seq: int


class Error(Event):
    audience = "both"
    type: Literal["error"] = "error"
    code: str
    message: str
    client_id: UUID | None = None
    retry_after: float | None = None


class Bye(Event):
    """The server is going; come back after `retry` milliseconds."""

    audience = "both"
    type: Literal["bye"] = "bye"
    retry: int


class Queue(Event):
    """Everything that waits or is held by people, as it is now."""

    audience = "operators"
    type: Literal["queue"] = "queue"
    waiting: list[DeskChat]
    held: list[DeskChat]
    recent: list[DeskChat]
    contacts: list[Contact]
    calls: list[CallBody] = []


class NewSupportRequest(Event):
    audience = "operators"
    type: Literal["new_support_request"] = "new_support_request"
    chat: DeskChat


class NewContact(Event):
    audience = "operators"
    type: Literal["new_contact"] = "new_contact"
    contact: Contact


class DeskMessage(Event):
    """New words in a chat that waits or is held by people, for the lists of all consoles."""

    audience = "operators"
    type: Literal["desk_message"] = "desk_message"
    chat_id: UUID
    last_text: str
    last_role: str


class SupportTaken(Event):
    """A chat left the queue, or changed hands; `operator` is empty when nobody holds it."""

    audience = "operators"
    type: Literal["support_taken"] = "support_taken"
    chat_id: UUID
    operator: str


class Watching(Event):
    audience = "operators"
    type: Literal["watching"] = "watching"
    chat: ChatState
    desk: DeskChat
    visitor: VisitorFacts
    notes: list[NoteBody]
    # The operators' lines that were kept as suggestions.
    learnt: list[int] = []
    # The changes that people were asked about.
    calls: list[CallBody] = []


class Learnt(Event):
    """An operator's answer was kept; owners will find it among the suggestions."""

    audience = "operators"
    type: Literal["learnt"] = "learnt"
    chat_id: UUID
    seq: int


class HandoffSummary(Event):
    """The summary of a request for a person was written, for the lists of all consoles."""

    audience = "operators"
    type: Literal["handoff_summary"] = "handoff_summary"
    chat_id: UUID
    summary: Summary


class VisitorMuted(Event):
    """How often the visitor was warned, and until when they cannot write; empty: they can."""

    audience = "operators"
    type: Literal["visitor_muted"] = "visitor_muted"
    chat_id: UUID
    offences: int
    until: str


class Revealed(Event):
    """A hidden message as it was written, for the console that has asked."""

    audience = "operators"
    type: Literal["revealed"] = "revealed"
    chat_id: UUID
    seq: int
    text: str


class ToolCallChanged(Event):
    """A call that changes something waits for a person's word, or what came of it."""

    audience = "operators"
    type: Literal["tool_call"] = "tool_call"
    call: CallBody


class VisitorTyping(Event):
    audience = "operators"
    type: Literal["visitor_typing"] = "visitor_typing"
    chat_id: UUID


class NewNote(Event):
    audience = "operators"
    type: Literal["note"] = "note"
    chat_id: UUID
    note: NoteBody


class Presence(Event):
    audience = "operators"
    type: Literal["presence"] = "presence"
    members: list[Colleague]


EVENTS: tuple[type[Event], ...] = tuple(Event.__subclasses__())
