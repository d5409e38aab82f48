"""What clients are shown of the rows: message bodies, chat states, the desk's lines."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast
from urllib.parse import urlsplit

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from chat import cards, citations, waiting
from chat.models import Chat, ContactRequest, Handoff, MemoryFact, Message, Note, Turn
from chat.protocol import (
    PAGE_SIZE,
    ChatState,
    ChatSummary,
    ChatType,
    Contact,
    DeskChat,
    Draft,
    MemoryLine,
    MessageBody,
    ModeName,
    NoteBody,
    Source,
    Summary,
    VisitorFacts,
)
from knowledge import markdown
from organizations.models import Widget


def iso(moment: datetime | None) -> str:
    """A moment for the wire, or an empty text."""
    return moment.astimezone(timezone.get_default_timezone()).isoformat() if moment else ""


def message_body(message: Message, widget: Widget) -> MessageBody:
    """A line as a client shows it."""
    hosts = markdown.hosts_of(widget)
    sources = [
        Source(
            title=s["title"],
            url=s.get("url", ""),
            quote=s.get("quote", ""),
            number=s.get("number", 0),
        )
        for s in message.sources
    ]
    if message.role == Message.Role.USER:
        html = markdown.plain(message.content)
    else:
        hosts |= {urlsplit(source.url).hostname or "" for source in sources} - {""}
        html = markdown.render(message.content, hosts)
        if numbers := [source.number for source in sources if source.number]:
            html = citations.linked(html, message.seq, numbers)
    return MessageBody(
        seq=message.seq,
        role=cast(Any, message.role),
        event=message.event,
        text=message.content,
        html=html,
        timestamp=iso(message.timestamp),
        author=message.author.name if message.author else "",
        client_id=message.client_id,
        sources=sources,
        tokens_used=message.tokens_used,
        model=message.model,
        is_stopped=message.is_stopped,
        offers_support=message.offers_support,
        helpful=message.helpful,
        is_masked=bool(message.original),
        replaces=message.replaces,
        is_replaced=message.is_replaced,
    )


def chat_state(chat: Chat, last_seq: int = 0) -> ChatState:
    """All that a client needs to show a chat, with at most a page of lines after `last_seq`.

    From 0 the newest page is given; from a later seq the lines follow it without a gap. A line
    newer than the row is left out, as the row's mode knows nothing of it; its event brings it.
    """
    widget = chat.session.widget
    rows = (
        Message.objects.of(chat.organization)
        .filter(chat=chat, seq__lte=chat.seq)
        .select_related("author__user")
    )
    if last_seq:
        lines = list(rows.filter(seq__gt=last_seq).order_by("seq")[:PAGE_SIZE])
    else:
        lines = list(rows.order_by("-seq")[:PAGE_SIZE])[::-1]
    turn = Turn.objects.of(chat.organization).filter(chat=chat, status__in=OPEN).first()
    handoff = open_handoff(chat)
    is_waiting = chat.mode == "waiting" and handoff is not None
    return ChatState(
        has_existing_chat=True,
        chat_id=chat.chat_id,
        name=chat.name,
        mode=cast(ModeName, chat.mode),
        epoch=chat.epoch,
        head_seq=chat.seq,
        after_seq=lines[0].seq - 1 if lines else last_seq,
        history=[message_body(line, widget) for line in lines],
        message_count=chat.seq,
        has_more=not last_seq and bool(lines) and lines[0].seq > 1,
        is_answering=turn is not None,
        draft=(
            Draft(turn=turn.pk, attempt=turn.attempt, epoch=turn.epoch, text=turn.draft)
            if turn and turn.draft
            else None
        ),
        operator=chat.operator.name if chat.operator else "",
        place=waiting.place(handoff) if is_waiting and handoff else None,
        wait=(
            waiting.estimate(handoff, waiting.typical_wait(chat.organization))
            if is_waiting and handoff
            else None
        ),
        rating=_rating(chat),
        kind=cards.kind_of(chat) if chat.kind_id else None,
        results=cards.results_of(chat) if chat.kind_id else [],
    )


def lines_before(chat: Chat, seq: int) -> list[MessageBody]:
    """The page of lines before one, for whoever reads further back than `chat_state` goes."""
    rows = Message.objects.of(chat.organization).filter(chat=chat, seq__lt=seq)
    lines = rows.select_related("author__user").order_by("-seq")[:PAGE_SIZE]
    return [message_body(line, chat.session.widget) for line in lines][::-1]


OPEN = [Turn.Status.QUEUED, Turn.Status.RUNNING]


def _rating(chat: Chat) -> int | None:
    """The visit's rating, if it was given since this chat was closed: each end asks anew."""
    session = chat.session
    if not (chat.closed_at and session.rated_at and session.rated_at >= chat.closed_at):
        return None
    return session.satisfaction_rating


def open_handoff(chat: Chat) -> Handoff | None:
    """The request for a person that is not ended yet."""
    return (
        Handoff.objects.of(chat.organization)
        .filter(chat=chat, ended_at__isnull=True)
        .select_related("organization")
        .first()
    )


def _last_words(field: str) -> Subquery:
    return Subquery(
        Message.unscoped.filter(chat=OuterRef("pk"))
        .exclude(role=Message.Role.SYSTEM)
        .order_by("-seq")
        .values(field)[:1]
    )


# More than this of a long answer need not be read for a line in a list.
GLIMPSE = 500


def with_last_words(chats: QuerySet[Chat]) -> QuerySet[Any]:
    """Chats with `last_text` and `last_role`, read in the same query."""
    return chats.annotate(last_text=_last_words("content"), last_role=_last_words("role"))


def glimpse(role: str, text: str) -> str:
    """Words as a list shows them, in one line; a visitor's as they typed."""
    if role == Message.Role.USER:
        return text
    return markdown.words(citations.without(text[:GLIMPSE]))


def _last_text(chat: Any) -> str:
    """The last words of a chat from `with_last_words`."""
    return glimpse(getattr(chat, "last_role", None) or "", getattr(chat, "last_text", None) or "")


def chat_summary(chat: Chat) -> ChatSummary:
    """A chat in the visitor's own list; `chat` comes from `with_last_words`."""
    return ChatSummary(
        chat_id=chat.chat_id,
        name=chat.name,
        chat_type=cast(ChatType, chat.type),
        mode=cast(ModeName, chat.mode),
        updated_at=iso(chat.updated_at),
        last_text=_last_text(chat)[:120],
    )


def desk_chat(chat: Chat, handoff: Handoff | None = None) -> DeskChat:
    """A chat as a line of an operator's list.

    A chat from `with_last_words` comes with its open handoff, if any; both are read otherwise.
    """
    session = chat.session
    person = session.customer or session.visitor
    if not hasattr(chat, "last_text"):
        handoff = open_handoff(chat)
        chat = with_last_words(
            Chat.objects.of(chat.organization).select_related("session__widget", "operator__user")
        ).get(pk=chat.pk)
    return DeskChat(
        chat_id=chat.chat_id,
        title=chat.name or session.title,
        visitor=str(person),
        widget=session.widget.name,
        mode=cast(ModeName, chat.mode),
        reason=handoff.reason if handoff else "",
        summary=summary(handoff) if handoff else None,
        since=iso(handoff.requested_at if handoff else chat.updated_at),
        operator=chat.operator.name if chat.operator else "",
        operator_id=chat.operator_id,
        last_text=_last_text(chat)[:160],
        last_role=getattr(chat, "last_role", None) or "",
        head_seq=chat.seq,
        page_url=session.page_url,
        language=session.language,
    )


def summary(handoff: Handoff) -> Summary:
    """What is told of a request for a person."""
    return Summary(**handoff.summary, model=handoff.summary_model)


def contact(request: ContactRequest) -> Contact:
    """A filled-in offline form, for operators."""
    return Contact(
        contact_id=request.pk,
        chat_id=request.chat.chat_id,
        name=request.name,
        email=request.email,
        text=request.text,
        created_at=iso(request.created_at),
    )


def note_body(note: Note) -> NoteBody:
    """An internal note, for operators."""
    return NoteBody(
        note_id=note.pk,
        client_id=note.client_id,
        author=note.author.name if note.author else "",
        text=note.content,
        after_seq=note.after_seq,
        timestamp=iso(note.timestamp),
    )


def _still(until: datetime | None) -> str:
    """A moment that has not come yet."""
    return iso(until) if until and until > timezone.now() else ""


def visitor_facts(chat: Chat) -> VisitorFacts:
    """What an operator sees of the person behind a chat, with their other chats."""
    session = chat.session
    visitor, customer = session.visitor, session.customer
    others = (
        with_last_words(
            Chat.objects.of(chat.organization).filter(session__visitor=visitor).exclude(pk=chat.pk)
        ).order_by("-updated_at")[:20]
        if visitor
        else []
    )
    return VisitorFacts(
        visitor_id=str(visitor.visitor_id) if visitor else "",
        name=customer.name or customer.username if customer else "",
        email=customer.email if customer else "",
        phone=customer.phone if customer else "",
        ip=(visitor.ip or "") if visitor else "",
        browser=visitor.browser if visitor else "",
        device=visitor.device_type if visitor else "",
        language=session.language,
        page_url=session.page_url,
        page_title=session.page_title,
        page_context=session.page_context,
        first_visit=iso(visitor.first_visit) if visitor else "",
        last_visit=iso(visitor.last_visit) if visitor else "",
        offences=visitor.offences if visitor else 0,
        muted_until=_still(visitor.muted_until) if visitor else "",
        chats=[chat_summary(other) for other in others],
        memory=memory_lines(MemoryFact.of_person(visitor, customer)),
    )


def memory_lines(facts: QuerySet[MemoryFact]) -> list[MemoryLine]:
    """What is remembered of a person, as it is shown."""
    return [MemoryLine(id=fact.pk, text=fact.text, since=iso(fact.created_at)) for fact in facts]
