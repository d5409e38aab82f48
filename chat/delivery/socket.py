"""The thin base of the two sockets: frames in, frames out, nothing of what they mean.

Channels' own base makes a thread hop for every frame and every event of the layer, which is four
fifths of what a message costs; this one hops only where a handler says `in_database`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, ParamSpec, TypeVar
from uuid import UUID

import redis
from asgiref.sync import markcoroutinefunction
from django.db import InterfaceError, OperationalError
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from pydantic import TypeAdapter

from chat.database import in_database
from chat.delivery import events, frames
from chat.delivery.closing import AWAY, BROKEN, FAREWELLS, FLOOD, RESTART, SLOW, Closed
from chat.delivery.slow import Begun, Outgoing
from chat.protocol import Bye, Error, Event, Frame
from chat.refusals import Refused

log = logging.getLogger(__name__)

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

P = ParamSpec("P")
T = TypeVar("T")

GOODBYE_SECONDS = 5
# A picture of a chat is read again when events came meanwhile, but not for ever.
MOST_READINGS = 5

# Frames a client may send: a burst, then so many a second.
BURST = 60
PER_SECOND = 20
# Frames over the limit that are answered with an error before the socket is closed.
PATIENCE = 20
# A server that goes asks its clients to come back within this time, each at a moment of its own,
# and gives the frames in hand and the last words so long to get out.
COME_BACK_MS = 5000
FAREWELL_SECONDS = 2.0


class Socket:
    """One connection. A subclass names its commands and a handler for each."""

    commands: ClassVar[TypeAdapter[Any]]
    handlers: ClassVar[dict[type[Frame], Callable[[Any, Any], Awaitable[None]]]]
    # Which events may leave through this socket, whatever the layer delivers.
    audience: ClassVar[str]

    scope: Scope
    language: str = "en"

    # Every connection of this process that stands.
    standing: ClassVar[set[Socket]] = set()

    @classmethod
    def as_asgi(cls) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """An ASGI application that makes one Socket a connection."""

        def application(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            return cls().run(scope, receive, send)

        # Servers tell by this mark that it takes all three at once.
        return markcoroutinefunction(application)

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the connection until either side ends it."""
        self.scope = scope
        self.language = frames.language_of(scope)
        self.groups: dict[str, str] = {}
        self._events_heard = 0
        self._send = send
        self._task = asyncio.current_task()
        # Only while the client is slow is there a writer, and something that waits for it.
        self._writer: asyncio.Task[None] | None = None
        self._outgoing: Outgoing | None = None
        self._allowance, self._counted_at, self._over = float(BURST), time.monotonic(), 0
        self._is_ending = False
        self._end: Closed | None = None
        self._is_handling = False
        self._handled: asyncio.Future[None] | None = None
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})
        self._is_open = True
        self.standing.add(self)
        try:
            await self.opened()
            await self._read(receive)
        except Closed as closed:
            self._end = closed
        except (OperationalError, InterfaceError, redis.RedisError) as error:
            log.warning("a socket met no server of ours: %s", type(error).__name__)
            self._end = Closed(AWAY)
        except asyncio.CancelledError:
            if not self._is_ending or self._task is None or self._task.uncancel():
                raise
        except Exception:
            log.exception("a socket failed")
            self._end = Closed(BROKEN)
        finally:
            self._is_open = False
            # First what needs no Redis, which may be away just now.
            await self.closed()
            await self._leave_all()
            if self._end:
                await self._say_goodbye(self._end)
            if self._writer is not None:
                self._writer.cancel()
            self.standing.discard(self)

    async def opened(self) -> None:
        """Called once the connection stands, before any frame is handled."""

    async def closed(self) -> None:
        """Called when the connection is gone."""

    async def erased(self) -> Closed | None:
        """How to end, where what the socket speaks for has been deleted meanwhile."""
        return None

    async def _end_if_erased(self) -> None:
        if closed := await self.erased():
            raise closed from None

    async def join(self, group: str, scope: str) -> None:
        """Hear a group; `scope` is what its envelopes must name (see `events.envelope`)."""
        if group in self.groups:
            return
        self.groups[group] = scope
        try:
            await events.subscribe(group, self._deliver)
        except redis.RedisError as error:
            # A socket that hears nothing is worse than none: the client comes back and resumes.
            log.warning("a socket cannot listen: %s", type(error).__name__)
            raise Closed(AWAY) from error

    async def leave(self, group: str) -> None:
        """Hear a group no more."""
        if self.groups.pop(group, None) is not None:
            await events.unsubscribe(group, self._deliver)

    async def _leave_all(self) -> None:
        for group in list(self.groups):
            try:
                await self.leave(group)
            except redis.RedisError as error:
                log.warning("a group was not left: %s", type(error).__name__)

    def send_event(self, event: Event) -> None:
        """Send an event to this client alone."""
        self._put(event.written())

    async def read(self, picture: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A picture of a chat that is not older than any event this client was sent before it.

        Otherwise an answer that is saved while the picture is taken would be shown as under way.
        """
        for _reading in range(MOST_READINGS):
            heard = self._events_heard
            taken = await in_database(picture, *args, **kwargs)
            if heard == self._events_heard:
                break
        return taken

    def send_error(
        self,
        code: str,
        sentence: str,
        client_id: UUID | None = None,
        retry_after: float | None = None,
    ) -> None:
        """Answer a frame that was refused; the socket stays."""
        self.send_event(
            Error(code=code, message=sentence, client_id=client_id, retry_after=retry_after)
        )

    async def _read(self, receive: Receive) -> None:
        while not self._is_ending:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if self._is_within_rate():
                self._is_handling = True
                await self._handle(message.get("text"), message.get("bytes"))
                self._is_handling = False
                if self._handled is not None:
                    self._handled.set_result(None)
                    self._handled = None

    def _is_within_rate(self) -> bool:
        if self._allowance < 1:
            # The clock is looked at only now, which gives nobody more.
            now = time.monotonic()
            earned = (now - self._counted_at) * PER_SECOND
            self._allowance, self._counted_at = min(float(BURST), self._allowance + earned), now
        if self._allowance >= 1:
            self._allowance -= 1
            self._over = 0
            return True
        self._over += 1
        if self._over > PATIENCE:
            raise Closed(FLOOD)
        with translation.override(self.language):
            self.send_error(
                "too_many_frames", str(_("Too much at once. Wait a little.")), None, 1.0
            )
        return False

    async def _handle(self, text: str | None, data: bytes | None) -> None:
        """Parse one frame, call its handler, and turn a refusal into an error frame."""
        client_id: UUID | None = None
        try:
            raw = text.encode("utf-8", "surrogatepass") if text is not None else data or b""
            frame = frames.parse(raw, self.commands)
            # Not getattr: a missing field costs pydantic as much as all the rest.
            client_id = frame.__dict__.get("client_id")
            await self.handlers[type(frame)](self, frame)
        except Refused as refused:
            if refused.code == "unknown_chat":
                await self._end_if_erased()
            with translation.override(self.language):
                self.send_error(
                    refused.code,
                    str(refused.sentence),
                    client_id or refused.client_id,
                    refused.retry_after,
                )
        except (OperationalError, InterfaceError, redis.RedisError) as error:
            log.warning("a frame met no server of ours: %s", type(error).__name__)
            with translation.override(self.language):
                self.send_error(
                    "unavailable", str(_("The server is busy. Trying again.")), client_id, 2.0
                )
        except Closed:
            raise
        except Exception:
            await self._end_if_erased()
            log.exception("a frame failed")
            with translation.override(self.language):
                self.send_error(
                    "internal", str(_("Something went wrong here. Try again.")), client_id
                )

    def _deliver(self, envelope: Mapping[str, Any]) -> None:
        """Take an event of the layer; called by the layer's reader, which must not wait."""
        # The group is right already; a frame of another chat here would be a leak, so the
        # envelope is checked as well.
        if envelope["scope"] not in self.groups.values() or envelope["audience"] not in (
            self.audience,
            "both",
        ):
            return
        kind, frame = envelope["kind"], envelope["frame"]
        is_piece = kind == "ai_delta"
        self._events_heard += not is_piece
        self._put(frame, droppable=is_piece)
        self.heard(kind, frame)

    def heard(self, kind: str, frame: str) -> None:
        """Called after an event of the layer was sent to the client; must not wait."""

    def end(self, code: int, refused: Refused | None = None) -> None:
        """End the connection, from wherever this is called; the first reason counts."""
        self._stop(Closed(code, refused))

    def _stop(self, closed: Closed | None) -> None:
        if not self._is_open or self._is_ending:
            return
        self._is_ending, self._end = True, closed
        # A handler that ends its own socket comes back to the reader, which looks.
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def say_bye(self) -> None:
        """Finish the frame in hand, so that its ack gets out, and send the client away."""
        if self._is_handling:
            self._handled = asyncio.get_running_loop().create_future()
            _done, pending = await asyncio.wait([self._handled], timeout=FAREWELL_SECONDS)
            if pending:
                # The client has no ack and will send the message again.
                log.debug("a frame was still in hand at the goodbye")
        self.send_event(Bye(retry=random.randrange(COME_BACK_MS)))  # noqa: S311
        self.end(RESTART)

    # --- frames on their way out --------------------------------------------------------------

    def _put(self, frame: str, *, droppable: bool = False) -> None:
        """Send a frame now if the connection takes it, or queue it; a client too slow is let go.

        A task for every frame would cost as much as the frame does, so `send` is started right
        here. Servers take a frame without waiting, except from a client that does not read.
        """
        if not self._is_open:
            return
        if self._outgoing is not None:
            try:
                self._outgoing.put(frame, droppable=droppable)
            except Closed as closed:
                self._stop(closed)
            return
        sending = self._send({"type": "websocket.send", "text": frame}).__await__()
        try:
            awaited = next(sending)
        except StopIteration:
            return
        except OSError:
            # The client is gone; `receive` may say so later or never.
            self._stop(None)
            return
        self._outgoing = Outgoing()
        self._writer = asyncio.ensure_future(self._write(Begun(sending, awaited), self._outgoing))

    async def _write(self, begun: Begun, outgoing: Outgoing) -> None:
        """Wait with the first frame, send what has gathered behind it, and be gone."""
        try:
            await begun
            while outgoing:
                await self._send({"type": "websocket.send", "text": outgoing.get()})
        except OSError:
            self._stop(None)
        finally:
            self._writer = self._outgoing = None

    async def _say_goodbye(self, closed: Closed) -> None:
        """Send what still waits and the reason, then close; not for long, and not to a slow one."""
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                if self._writer is not None and closed.code != SLOW:
                    await asyncio.wait([self._writer])
                if error := self._reason(closed):
                    frame = error.written()
                    await self._send({"type": "websocket.send", "text": frame})
                await self._send({"type": "websocket.close", "code": closed.code})
        except (RuntimeError, OSError) as error:
            log.debug("the client could not be told %s: %s", closed.code, type(error).__name__)

    def _reason(self, closed: Closed) -> Error | None:
        refused = closed.refused
        if refused is None and closed.code in FAREWELLS:
            code, sentence = FAREWELLS[closed.code]
            refused = Refused(sentence, code=code)
        if refused is None:
            return None
        with translation.override(self.language):
            return Error(
                code=refused.code,
                message=str(refused.sentence),
                retry_after=refused.retry_after,
            )


async def say_goodbye() -> int:
    """Send every client of this process away and wait a little for them to go; how many."""
    sockets = list(Socket.standing)
    await asyncio.gather(*(socket.say_bye() for socket in sockets))
    deadline = time.monotonic() + FAREWELL_SECONDS
    while Socket.standing and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    return len(sockets)
