"""The visitors' socket: frames to verbs of `chat.visitor`, and no rules of its own."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID
from weakref import WeakValueDictionary

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chat import identity, kinds, protocol, snapshots, visitor, waiting
from chat.database import in_database
from chat.delivery import events
from chat.delivery.closing import FLOOD, GONE, LATE, NOT_FOUND, Closed
from chat.delivery.heartbeat import heart
from chat.delivery.socket import Socket
from chat.models import Chat, Handoff, Message, Visitor
from chat.refusals import Refused
from chat.visitor import Visit
from organizations import access
from organizations.models import Widget

HELLO_SECONDS = 15
TYPING_EVERY = 2.0
# What the verbs ask of a socket's chat. Thousands of visitors only have the page open, and the
# whole rows would stay in memory for as long.
KEPT = ("id", "organization_id", "chat_id", "session_id", "closed_at")


class TooManySockets(Refused):
    code = "too_many_sockets"

    def __init__(self) -> None:
        super().__init__(_("The chat is open in too many tabs. Close some of them."))


class VisitorConsumer(Socket):
    """A visitor's connection. Nothing is stored for it before the first message."""

    commands = protocol.visitor_commands
    audience = "visitor"

    # Sockets of one secret in this process, the oldest first.
    _sockets: ClassVar[dict[str, list[VisitorConsumer]]] = {}

    def __init__(self) -> None:
        self.visit: Visit | None = None
        self.token = ""
        self.details = identity.Details()
        self.visitor: Visitor | None = None
        self.chat: Chat | None = None
        self._counted = ""
        self._typed_at = 0.0

    @property
    def chat_id(self) -> UUID | None:
        """The chat whose head seq is pinged."""
        return self.chat.chat_id if self.chat else None

    def ping(self, event: protocol.Ping) -> None:
        """Send a heartbeat."""
        self.send_event(event)

    async def opened(self) -> None:
        """Expect `register` soon."""
        self._expect_hello()

    def _expect_hello(self) -> None:
        self._hello = asyncio.get_running_loop().call_later(HELLO_SECONDS, self._late)

    def _late(self) -> None:
        if self.visit is None:
            self.end(LATE)

    async def closed(self) -> None:
        """Forget the socket."""
        self._hello.cancel()
        heart().remove(self)
        self._count("")

    async def erased(self) -> Closed | None:
        """Without the visitor, the chat or the widget it comes back, perhaps as somebody new."""
        rows = [row for row in (self.visitor, self.chat, self.visit and self.visit.widget) if row]
        return Closed(GONE) if await in_database(_are_gone, rows) else None

    # --- who and where ------------------------------------------------------------------------

    async def register(self, frame: protocol.Register) -> None:
        """Find the widget, the visitor if known, and the chat to go on with."""
        details = identity.details_of(self.scope)
        # Who has spoken is not late, however long the database takes to answer.
        self._hello.cancel()
        if frame.language in dict(settings.LANGUAGES):
            self.language = frame.language
        try:
            found = await in_database(_arrive, frame, details)
            self._count(found.token_key)
            self.visit, self.token, self.details = found.visit, frame.token, details
        except access.UnknownWidget:
            raise Closed(NOT_FOUND) from None
        finally:
            if self.visit is None:
                self._expect_hello()
        self.language = found.visit.language
        self.visitor = found.visitor
        heart().add(self)
        self.send_event(
            protocol.Registered(
                visitor_id=found.visitor.visitor_id if found.visitor else None,
                language=found.visit.language,
                is_open=found.visit.widget.is_open(),
                operators_online=found.operators_online,
                offline_message=found.visit.widget.text("offline_message", self.language),
            )
        )
        await self._go_to(found.chat)
        await self._restore(frame.last_seq if found.is_same_chat else 0)
        if frame.kind and found.visit.kind_id is None:
            # A page that names a type which is offered no more still has its chat.
            raise kinds.UnknownKind

    def _count(self, key: str) -> None:
        """Be one of the sockets of this secret; too many, and the oldest is let go.

        The newest stays: after a network was lost, the old sockets are those nobody reads any more.
        """
        if key == self._counted:
            return
        if own := self._sockets.get(self._counted):
            own.remove(self)
            if not own:
                del self._sockets[self._counted]
        self._counted = key
        if not key:
            return
        own = self._sockets.setdefault(key, [])
        own.append(self)
        for oldest in own[: -settings.SOCKETS_PER_VISITOR]:
            oldest.end(FLOOD, TooManySockets())

    def _visit(self) -> Visit:
        if self.visit is None:
            raise Refused(_("Say `register` first."), code="not_registered")
        return self.visit

    async def _known(self) -> Visitor:
        """The visitor, stored now if this is their first message."""
        visit = self._visit()
        if self.visitor is None:
            self.visitor = await in_database(
                identity.introduce, visit.widget.organization, self.token, self.details
            )
        return self.visitor

    def _chat(self) -> Chat:
        if self.chat is None:
            raise visitor.UnknownChat
        return self.chat

    async def _go_to(self, chat: Chat | None) -> None:
        """Hear this chat from now on, and no other. Subscribed before anything is read."""
        if self.chat and (chat is None or chat.pk != self.chat.pk):
            await self.leave(events.visitor_group(self.chat.chat_id))
        if chat and (self.chat is None or chat.pk != self.chat.pk):
            await self.join(events.visitor_group(chat.chat_id), chat.chat_id.hex)
        self.chat = chat

    async def _restore(self, last_seq: int) -> None:
        state = protocol.ChatState(has_existing_chat=False)
        if self.chat:
            state = await self._picture(self.chat, last_seq)
        self.send_event(protocol.ChatRestored(chat=state))

    async def _show(self, chat: Chat, last_seq: int) -> None:
        await self._go_to(chat)
        state = await self._picture(chat, last_seq)
        self.send_event(protocol.ChatSwitched(chat=state))

    async def _picture(self, chat: Chat, last_seq: int) -> protocol.ChatState:
        """What the client is shown of its chat, of which only a little is kept."""
        fresh, state = await self.read(_state, chat, last_seq)
        self.chat = Chat.from_db("default", KEPT, [getattr(fresh, name) for name in KEPT])
        self.chat.organization = self._visit().widget.organization
        return state

    # --- commands -----------------------------------------------------------------------------

    async def say(self, frame: protocol.Say) -> None:
        """Store, then ack: what is acked is committed."""
        visit, person = self._visit(), await self._known()
        chat_id = frame.chat_id or self._open_chat_id()
        message = await in_database(
            visitor.say, person, visit, frame.text, frame.client_id, chat_id
        )
        await self._ack(message, frame.client_id)

    def _open_chat_id(self) -> UUID | None:
        return self.chat.chat_id if self.chat and self.chat.closed_at is None else None

    async def _settle(self, chat: Chat) -> None:
        """After a verb that may have opened a chat: hear it, and show what was missed."""
        if self.chat is None or self.chat.pk != chat.pk:
            await self._go_to(chat)
            await self._restore(0)

    async def typing(self, frame: protocol.Typing) -> None:
        """Pass the sign on to whoever watches, at most every two seconds."""
        now = time.monotonic()
        if self.chat and now - self._typed_at >= TYPING_EVERY:
            self._typed_at = now
            event = protocol.VisitorTyping(chat_id=self.chat.chat_id)
            await in_database(events.send, events.packed(event, self.chat.chat_id))

    async def restore(self, frame: protocol.RestoreChat) -> None:
        self._visit()
        await self._restore(frame.last_seq)

    async def switch(self, frame: protocol.SwitchChat) -> None:
        visit = self._visit()
        if self.visitor is None:
            raise visitor.UnknownChat
        chat = await in_database(visitor.find_chat, self.visitor, visit.widget, frame.chat_id)
        await self._show(chat, frame.last_seq)

    async def new_chat(self, frame: protocol.NewChat) -> None:
        visit, person = self._visit(), await self._known()
        chat = await in_database(
            visitor.new_chat,
            person,
            visit,
            frame.client_id,
            frame.name,
            frame.chat_type,
            frame.kind,
        )
        await self._show(chat, 0)

    async def finish(self, frame: protocol.Finish) -> None:
        self._visit()
        await in_database(visitor.finish, await self._known(), self._chat())

    async def list_chats(self, frame: protocol.GetUserChats) -> None:
        visit = self._visit()
        person, shown = self.visitor, self.chat.pk if self.chat else None
        chats = await in_database(_summaries, person, visit, shown) if person else []
        self.send_event(protocol.UserChats(chats=chats))

    async def request_support(self, frame: protocol.RequestSupport) -> None:
        visit, person = self._visit(), await self._known()
        chat = await in_database(
            visitor.request_support,
            person,
            visit,
            self._open_chat_id(),
            Handoff.Reason(frame.reason),
        )
        await self._settle(chat)

    async def cancel_support(self, frame: protocol.CancelSupport) -> None:
        self._visit()
        await in_database(visitor.cancel_support, await self._known(), self._chat())

    async def stop(self, frame: protocol.Stop) -> None:
        self._visit()
        await in_database(visitor.stop, await self._known(), self._chat())

    async def end_chat(self, frame: protocol.EndChat) -> None:
        self._visit()
        await in_database(visitor.end_chat, await self._known(), self._chat())

    async def judge(self, frame: protocol.Feedback) -> None:
        self._visit()
        await in_database(visitor.judge, self._chat(), frame.seq, frame.helpful)

    async def rate(self, frame: protocol.Rate) -> None:
        self._visit()
        await in_database(visitor.rate, self._chat(), frame.rating, frame.comment)

    async def look_at(self, frame: protocol.PageChanged) -> None:
        page = protocol.Page(url=frame.url, title=frame.title, context=frame.context)
        self.visit = dataclasses.replace(self._visit(), page=page)
        if self.chat:
            await in_database(visitor.look_at, self.chat, self.visit)

    async def leave_contact(self, frame: protocol.LeaveContact) -> None:
        visit, person = self._visit(), await self._known()
        _request, line = await in_database(
            visitor.leave_contact,
            person,
            visit,
            self._open_chat_id(),
            frame.client_id,
            frame.name,
            frame.email,
            frame.text,
        )
        await self._ack(line, frame.client_id)

    async def _ack(self, line: Message, client_id: UUID) -> None:
        """Say that the line is kept, and show its chat if it is not shown yet."""
        self.send_event(
            protocol.MessageSaved(client_id=client_id, seq=line.seq, chat_id=line.chat.chat_id)
        )
        # A line of a former self is known again, and its chat stays shut.
        if self.visitor and line.sender == self.visitor.sender:
            await self._settle(line.chat)

    async def tell_memory(self, frame: protocol.GetMemory) -> None:
        self._visit()
        person = self.visitor
        facts = await in_database(visitor.remembered, person) if person else []
        self.send_event(protocol.Memory(facts=facts))

    async def forget_memory(self, frame: protocol.ForgetMemory) -> None:
        self._visit()
        person = self.visitor
        if person and frame.fact is not None:
            await in_database(visitor.have_forgotten, person, frame.fact)
            facts = await in_database(visitor.remembered, person)
            self.send_event(protocol.Memory(facts=facts))
            return
        if person:
            await in_database(visitor.be_forgotten, person)
        self.send_event(protocol.Memory(facts=[]))

    def heard(self, kind: str, frame: str) -> None:
        """Learn from the chat's own events that it was closed."""
        if self.chat and kind == "support_left" and '"mode":"closed"' in frame:
            self.chat.closed_at = timezone.now()

    handlers = {
        protocol.Register: register,
        protocol.Say: say,
        protocol.Typing: typing,
        protocol.RestoreChat: restore,
        protocol.SwitchChat: switch,
        protocol.NewChat: new_chat,
        protocol.Finish: finish,
        protocol.GetUserChats: list_chats,
        protocol.RequestSupport: request_support,
        protocol.CancelSupport: cancel_support,
        protocol.Stop: stop,
        protocol.Feedback: judge,
        protocol.Rate: rate,
        protocol.EndChat: end_chat,
        protocol.PageChanged: look_at,
        protocol.GetMemory: tell_memory,
        protocol.ForgetMemory: forget_memory,
        protocol.LeaveContact: leave_contact,
    }


def _are_gone(rows: Iterable[Visitor | Chat | Widget]) -> bool:
    return not all(type(row).unscoped.filter(pk=row.pk).exists() for row in rows)


@dataclasses.dataclass(frozen=True)
class Arrival:
    """What `register` found."""

    visit: Visit
    token_key: str
    visitor: Visitor | None
    chat: Chat | None
    is_same_chat: bool
    operators_online: bool


def _arrive(frame: protocol.Register, details: identity.Details) -> Arrival:
    widget = _shared(access.widget_by_key(frame.widget))
    organization = widget.organization
    person = identity.find(organization, frame.token)
    chat = None
    if person:
        person.organization = organization
        identity.greet(person, details)
        if frame.chat_id:
            chat = visitor.chats_of(person, widget).filter(chat_id=frame.chat_id).first()
        chat = chat or visitor.current_chat(person, widget)
    wanted = kinds.offered(widget).filter(slug=frame.kind).first() if frame.kind else None
    language = widget.language_for(frame.language)
    return Arrival(
        visit=Visit(widget, frame.page, language, wanted.pk if wanted else None),
        token_key=identity.token_hash(organization, frame.token),
        visitor=person,
        chat=chat,
        is_same_chat=bool(chat and chat.chat_id == frame.chat_id),
        operators_online=waiting.is_anybody_online(organization),
    )


# The widgets of this process's sockets: thousands of visitors have one, and need one copy of it.
_widgets: WeakValueDictionary[int, Widget] = WeakValueDictionary()


def _shared(widget: Widget) -> Widget:
    """The copy that others hold, while it is the same in every field; else this one."""
    known = _widgets.get(widget.pk)
    if known is not None and _fields(known) == _fields(widget):
        return known
    _widgets[widget.pk] = widget
    return widget


def _fields(widget: Widget) -> list[Any]:
    return [
        getattr(row, field.attname)
        for row in (widget, widget.agent, widget.organization)
        for field in row._meta.concrete_fields
    ]


def _state(chat: Chat, last_seq: int) -> tuple[Chat, protocol.ChatState]:
    """The chat as it is now, and what its client needs to show it."""
    fresh = (
        Chat.objects.of(chat.organization)
        .select_related("organization", "session__widget", "operator__user", "kind")
        .get(pk=chat.pk)
    )
    return fresh, snapshots.chat_state(fresh, last_seq)


def _summaries(person: Visitor, visit: Visit, shown: int | None) -> list[protocol.ChatSummary]:
    """The visitor's chats; one that was left before a word was said is not worth a line."""
    own = visitor.chats_of(person, visit.widget).filter(Q(seq__gt=0) | Q(pk=shown))
    chats: Any = snapshots.with_last_words(own)
    return [snapshots.chat_summary(chat) for chat in chats.order_by("-updated_at")[:50]]
