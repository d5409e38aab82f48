"""The console's socket: frames to verbs of `operators.desk`, and no rules of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from uuid import UUID

from django.db import InterfaceError, OperationalError

from chat import calls, lessons, protocol, snapshots
from chat.database import in_database
from chat.delivery import events
from chat.delivery.closing import AWAY, NOBODY, Closed
from chat.delivery.heartbeat import heart
from chat.delivery.socket import Socket
from chat.models import Chat, Note
from operators import desk, presence, queue
from operators.models import Availability
from organizations import access
from organizations.models import Member

log = logging.getLogger(__name__)

# Changes that come together are shown together.
RELOAD_SECONDS = 0.2
TYPING_EVERY = 2.0
# An answer comes only to who watches its chat; nothing else tells of one that the assistant has.
DESK_CHANGES = ("new_support_request", "support_taken", "new_contact", "tool_call", "ai_response")


class OperatorConsumer(Socket):
    """A member's console: the whole desk, and one chat that is watched."""

    commands = protocol.operator_commands
    audience = "operators"

    def __init__(self) -> None:
        self.member: Member | None = None
        self.watched: Chat | None = None
        self._reloading: asyncio.Task[None] | None = None
        self._staying: asyncio.Task[None] | None = None
        self._typed_at = 0.0

    @property
    def chat_id(self) -> UUID | None:
        """The watched chat, whose head seq is pinged."""
        return self.watched.chat_id if self.watched else None

    def ping(self, event: protocol.Ping) -> None:
        """Send a heartbeat."""
        self.send_event(event)

    async def opened(self) -> None:
        """Let members in, and show them the desk."""
        member = await in_database(access.member_of, self.scope.get("user"))
        if member is None:
            raise Closed(NOBODY)
        self.member = member
        group = events.organization_group(member.organization_id)
        await self.join(group, group)
        await in_database(presence.hear, member)
        await self._reload()
        await self._tell_presence()
        heart().add(self)
        self._staying = asyncio.ensure_future(self._stay())

    async def closed(self) -> None:
        """Stop what runs for this console."""
        heart().remove(self)
        for task in (self._staying, self._reloading):
            if task:
                task.cancel()

    async def erased(self) -> Closed | None:
        """A member who was removed or blocked meanwhile is let go."""
        member = await in_database(access.member_of, self.scope.get("user"))
        return Closed(NOBODY) if member is None else None

    async def _stay(self) -> None:
        while True:
            await asyncio.sleep(presence.HEARD_EVERY)
            try:
                # A member who was removed or blocked meanwhile is let go.
                member = await in_database(access.member_of, self.scope.get("user"))
                if member is None:
                    self.end(NOBODY)
                    return
                await in_database(presence.hear, member)
                # Heals what events were lost, and shows who came and went silently.
                await self._reload()
                members = await in_database(presence.colleagues, member.organization)
                self.send_event(protocol.Presence(members=members))
            except (OperationalError, InterfaceError) as error:
                log.warning("a console was not noted: %s", type(error).__name__)

    def _member(self) -> Member:
        if self.member is None:
            raise Closed(NOBODY)
        return self.member

    async def _find(self, chat_id: UUID) -> Chat:
        return await in_database(desk.find, self._member(), chat_id)

    async def _reload(self) -> None:
        self.send_event(await in_database(queue.load, self._member().organization))

    async def _reload_soon(self) -> None:
        await asyncio.sleep(RELOAD_SECONDS)
        self._reloading = None
        try:
            await self._reload()
        except (OperationalError, InterfaceError) as error:
            # The desk would stay as it was; a console that comes back is shown it anew.
            log.warning("the desk was not read: %s", type(error).__name__)
            self.end(AWAY)

    def heard(self, kind: str, frame: str) -> None:
        """Show the desk anew when an event says that it changed."""
        if kind in DESK_CHANGES and not self._reloading:
            self._reloading = asyncio.ensure_future(self._reload_soon())

    async def _tell_presence(self) -> None:
        organization = self._member().organization
        members = await in_database(presence.colleagues, organization)
        await in_database(events.publish_desk, organization.pk, protocol.Presence(members=members))

    # --- commands -----------------------------------------------------------------------------

    async def set_presence(self, frame: protocol.SetPresence) -> None:
        await in_database(presence.say, self._member(), Availability.Status(frame.status))
        await self._tell_presence()

    async def watch(self, frame: protocol.Watch) -> None:
        chat = await self._find(frame.chat_id)
        if self.watched and self.watched.pk != chat.pk:
            await self.leave(events.desk_group(self.watched.chat_id))
        await self.join(events.desk_group(chat.chat_id), chat.chat_id.hex)
        self.watched = chat
        self.send_event(await self.read(_watching, self._member(), frame.chat_id, frame.last_seq))

    async def accept(self, frame: protocol.JoinSupportChat) -> None:
        await in_database(desk.accept, await self._find(frame.chat_id), self._member())

    async def reply(self, frame: protocol.OperatorSay) -> None:
        chat = await self._find(frame.chat_id)
        message = await in_database(desk.reply, chat, self._member(), frame.text, frame.client_id)
        self.send_event(
            protocol.MessageSaved(client_id=frame.client_id, seq=message.seq, chat_id=frame.chat_id)
        )

    async def add_note(self, frame: protocol.AddNote) -> None:
        chat = await self._find(frame.chat_id)
        note = await in_database(desk.add_note, chat, self._member(), frame.text, frame.client_id)
        self.send_event(
            protocol.MessageSaved(
                client_id=frame.client_id, seq=note.after_seq, chat_id=frame.chat_id
            )
        )

    async def typing(self, frame: protocol.OperatorIsTyping) -> None:
        now = time.monotonic()
        watched = self.watched
        if not watched or watched.chat_id != frame.chat_id or now - self._typed_at < TYPING_EVERY:
            return
        self._typed_at = now
        event = protocol.OperatorTyping(chat_id=watched.chat_id, operator=self._member().name)
        await in_database(events.send, events.packed(event, watched.chat_id))

    async def hand_back(self, frame: protocol.HandBack) -> None:
        await in_database(desk.hand_back, await self._find(frame.chat_id), self._member())

    async def transfer(self, frame: protocol.Transfer) -> None:
        to = await in_database(desk.colleague, self._member(), frame.member_id)
        await in_database(desk.transfer, await self._find(frame.chat_id), self._member(), to)

    async def close_chat(self, frame: protocol.CloseChat) -> None:
        await in_database(desk.close, await self._find(frame.chat_id), self._member())

    async def handle_contact(self, frame: protocol.HandleContact) -> None:
        await in_database(desk.handle_contact, self._member(), frame.contact_id)

    async def learn(self, frame: protocol.Learn) -> None:
        await in_database(desk.learn, await self._find(frame.chat_id), self._member(), frame.seq)
        # The event tells all who watch; who asked is told whatever Redis does.
        self.send_event(protocol.Learnt(chat_id=frame.chat_id, seq=frame.seq))

    async def reveal(self, frame: protocol.Reveal) -> None:
        chat = await self._find(frame.chat_id)
        text = await in_database(desk.reveal, chat, self._member(), frame.seq)
        self.send_event(protocol.Revealed(chat_id=frame.chat_id, seq=frame.seq, text=text))

    async def unmute(self, frame: protocol.Unmute) -> None:
        await in_database(desk.unmute, await self._find(frame.chat_id), self._member())

    async def regenerate(self, frame: protocol.Regenerate) -> None:
        chat = await self._find(frame.chat_id)
        await in_database(desk.regenerate, chat, self._member(), frame.seq)

    async def decide_call(self, frame: protocol.DecideCall) -> None:
        await in_database(desk.decide, self._member(), frame.call_id, frame.approve)

    async def finish(self, frame: protocol.FinishChat) -> None:
        await in_database(desk.finish, await self._find(frame.chat_id), self._member())

    handlers = {
        protocol.SetPresence: set_presence,
        protocol.Watch: watch,
        protocol.JoinSupportChat: accept,
        protocol.OperatorSay: reply,
        protocol.AddNote: add_note,
        protocol.OperatorIsTyping: typing,
        protocol.HandBack: hand_back,
        protocol.Transfer: transfer,
        protocol.CloseChat: close_chat,
        protocol.HandleContact: handle_contact,
        protocol.Learn: learn,
        protocol.Reveal: reveal,
        protocol.Unmute: unmute,
        protocol.Regenerate: regenerate,
        protocol.DecideCall: decide_call,
        protocol.FinishChat: finish,
    }


def _watching(member: Member, chat_id: UUID, last_seq: int) -> protocol.Watching:
    """A chat as its watcher sees it; read after the subscription."""
    chat = desk.find(member, chat_id)
    notes = Note.objects.of(member.organization).filter(chat=chat).select_related("author__user")
    return protocol.Watching(
        chat=snapshots.chat_state(chat, last_seq),
        desk=snapshots.desk_chat(chat),
        visitor=snapshots.visitor_facts(chat),
        notes=[snapshots.note_body(note) for note in notes.order_by("-pk")[: protocol.PAGE_SIZE]][
            ::-1
        ],
        learnt=lessons.kept_of(chat),
        calls=calls.of_chat(chat),
    )
