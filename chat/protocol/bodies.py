"""The parts of events: chats, lines, results and people as clients are shown them."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from chat.protocol.shapes import ChatType, Frame, ModeName


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

    id: int
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
