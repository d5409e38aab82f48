"""Every command and event of the sockets, once: shapes, limits, and who may hear what.

`static/shared/protocol.js` is generated from here by `manage.py export_protocol`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter

MAX_TEXT = 4000
MAX_FRAME = 16 * 1024
PAGE_SIZE = 200
MAX_DEPTH = 8

Audience = Literal["visitor", "operators", "both"]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)]
ModeName = Literal["ai", "waiting", "operator", "closed"]
ChatType = Literal["general", "sales", "support"]
# The short name of a type of chats that the owner has made; empty: none.
KindSlug = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_-]{0,40}$")]

# What a system line does to who holds the chat; a client replaying lines needs nothing else.
MODE_AFTER: dict[str, ModeName] = {
    "waiting": "waiting",
    "cancelled": "ai",
    "joined": "operator",
    "left": "ai",
    "transferred": "operator",
    "unanswered": "ai",
    "closed": "closed",
}


class Frame(BaseModel):
    """A JSON object with a type; an unknown field is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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

    url: Annotated[str, StringConstraints(max_length=1000)] = ""
    title: Line = ""
    context: Annotated[dict[str, Any], AfterValidator(_check_depth)] = Field(default_factory=dict)


class Register(Frame):
    """The first frame: who, through which widget, and what is known already.

    `token` is the browser's own secret; nothing is stored for it before the first message.
    """

    type: Literal["register"]
    widget: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    token: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43,100}$")]
    chat_id: UUID | None = None
    last_seq: int = Field(default=0, ge=0)
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
    last_seq: int = Field(default=0, ge=0)


class SwitchChat(Frame):
    type: Literal["switch_chat"]
    chat_id: UUID
    last_seq: int = Field(default=0, ge=0)


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
    seq: int = Field(ge=1)
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
    type: Literal["forget_memory"]


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
    last_seq: int = Field(default=0, ge=0)


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
    member_id: int


class CloseChat(Frame):
    type: Literal["close_chat"]
    chat_id: UUID


class HandleContact(Frame):
    type: Literal["handle_contact"]
    contact_id: int


class Learn(Frame):
    """Keep an operator's answer as a suggestion for the knowledge base."""

    type: Literal["learn"]
    chat_id: UUID
    seq: int = Field(ge=1)


class Reveal(Frame):
    """Asks for a hidden message as it was written."""

    type: Literal["reveal"]
    chat_id: UUID
    seq: int = Field(ge=1)


class Unmute(Frame):
    type: Literal["unmute"]
    chat_id: UUID


class Regenerate(Frame):
    """Have the last answer given anew; `seq` is the line that is meant."""

    type: Literal["regenerate"]
    chat_id: UUID
    seq: int = Field(ge=1)


class DecideCall(Frame):
    """Confirm or refuse a call that changes something; the first of the operators decides."""

    type: Literal["decide_call"]
    call_id: int
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


# --- parts of events --------------------------------------------------------------------------


class Source(Frame):
    """What the visitor is shown of a passage; the text cites it by its `number`, as `[2]`."""

    title: str
    url: str = ""
    quote: str = ""
    number: int = 0


class MessageBody(Frame):
    """A line as a client shows it. `html` is sanitised on the server."""

    seq: int
    role: Literal["user", "assistant", "operator", "system"]
    event: str = ""
    text: str
    html: str
    timestamp: str
    author: str = ""
    client_id: UUID | None = None
    sources: list[Source] = []
    tokens_used: int | None = None
    model: str = ""
    is_stopped: bool = False
    offers_support: bool = False
    helpful: bool | None = None
    # Rude words or spam of it are hidden; operators may ask for it as it was written.
    is_masked: bool = False
    # The line whose place this answer takes, and whether another has taken this one's.
    replaces: int | None = None
    is_replaced: bool = False


class Draft(Frame):
    """The part of a running answer that the server has kept."""

    turn: int
    attempt: int
    epoch: int
    text: str


class ChatKind(Frame):
    """The type of a chat, and who may ask for its result now."""

    slug: str
    name: str
    icon: str
    result_name: str = ""
    button: str = ""
    visitor_finishes: bool = False
    operator_finishes: bool = False


class CardPart(Frame):
    """A part of a result to be shown: a text, or a list or group of parts under a label."""

    kind: Literal["text", "list", "group"]
    label: str = ""
    text: str = ""
    parts: list[CardPart] = []


class ResultBody(Frame):
    """A version of a chat's result. `seq` is the line that tells of it, once it is done."""

    version: int
    status: Literal["working", "done", "failed"]
    name: str
    error: str = ""
    sentence: str = ""
    author: str = ""
    seq: int | None = None
    upto_seq: int = 0
    card: list[CardPart] = []


class ChatState(Frame):
    """All that a client needs to show one chat, with the lines after the seq it asked from.

    `has_more`: older lines than these exist and were left out (a page is 200 lines).
    """

    has_existing_chat: bool
    chat_id: UUID | None = None
    name: str = ""
    mode: ModeName = "ai"
    epoch: int = 0
    head_seq: int = 0
    after_seq: int = 0
    history: list[MessageBody] = []
    message_count: int = 0
    has_more: bool = False
    is_answering: bool = False
    draft: Draft | None = None
    operator: str = ""
    place: int | None = None
    wait: int | None = None
    rating: int | None = None
    kind: ChatKind | None = None
    results: list[ResultBody] = []


class ChatSummary(Frame):
    chat_id: UUID
    name: str
    chat_type: ChatType
    mode: ModeName
    updated_at: str
    last_text: str


class Summary(Frame):
    """What an operator reads before the chat: by rule, or as `model` has written it."""

    wants: str = ""
    said: str = ""
    tried: str = ""
    model: str = ""


class DeskChat(Frame):
    """A chat as a line of an operator's list."""

    chat_id: UUID
    title: str
    visitor: str
    widget: str
    mode: ModeName
    reason: str = ""
    summary: Summary | None = None
    since: str
    operator: str = ""
    operator_id: int | None = None
    last_text: str = ""
    last_role: str = ""
    head_seq: int = 0
    page_url: str = ""
    language: str = ""


class Contact(Frame):
    contact_id: int
    chat_id: UUID
    name: str
    email: str
    text: str
    created_at: str


class Colleague(Frame):
    member_id: int
    name: str
    status: Literal["online", "away", "offline"]
    chats: int = 0


class NoteBody(Frame):
    note_id: int
    client_id: UUID
    author: str
    text: str
    after_seq: int
    timestamp: str


class MemoryLine(Frame):
    """Something that is remembered of a visitor."""

    text: str
    since: str


CallStatus = Literal["pending", "approved", "running", "done", "failed", "refused", "unknown"]


class CallBody(Frame):
    """A call that changes something, as operators see it; `arguments` are shown, never run."""

    call_id: int
    chat_id: UUID
    chat: str
    label: str
    arguments: dict[str, str]
    status: CallStatus
    answer: str = ""
    error: str = ""
    decided_by: str = ""
    since: str


class VisitorFacts(Frame):
    """What an operator sees of the person."""

    visitor_id: str
    name: str = ""
    email: str = ""
    phone: str = ""
    ip: str = ""
    browser: str = ""
    device: str = ""
    language: str = ""
    page_url: str = ""
    page_title: str = ""
    page_context: dict[str, Any] = {}
    first_visit: str = ""
    last_visit: str = ""
    offences: int = 0
    muted_until: str = ""
    chats: list[ChatSummary] = []
    memory: list[MemoryLine] = []


# --- events -----------------------------------------------------------------------------------


class Event(Frame):
    """What the server says. `audience` is who may ever hear it, whatever its sender thinks."""

    audience: ClassVar[Audience]


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
