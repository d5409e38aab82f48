"""The thin base of the two sockets: frames in, frames out, nothing of what they mean.

Channels' own base makes a thread hop for every frame and every event of the layer, which is four
fifths of what a message costs; this one hops only where a handler says `in_database`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar, ParamSpec, TypeVar
from uuid import UUID, uuid4

import orjson
import redis
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import translation
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation.trans_real import parse_accept_lang_header
from pydantic import TypeAdapter, ValidationError

from chat import events
from chat.database import in_database
from chat.protocol import MAX_FRAME, Bye, Error, Event, Frame
from chat.refusals import Refused

log = logging.getLogger(__name__)

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

P = ParamSpec("P")
T = TypeVar("T")

# Close codes. From 4400 on a client does not come back by itself.
BROKEN = 1011
RESTART = 1012
AWAY = 1013
SLOW = 4008
NOBODY = 4403
NOT_FOUND = 4404
LATE = 4408
FLOOD = 4429
# What a client is told before a close that it would not understand otherwise.
FAREWELLS = {
    BROKEN: ("internal", _("Something went wrong here. Try again.")),
    AWAY: ("unavailable", _("The server is busy. Trying again.")),
    NOBODY: ("not_a_member", _("You are not signed in as a member of the organization.")),
    NOT_FOUND: ("unknown_widget", _("There is no such widget.")),
    LATE: ("not_registered", _("Nothing was said on this connection, so it was closed.")),
    FLOOD: ("too_many_frames", _("Too much at once. Wait a little.")),
}
GOODBYE_SECONDS = 5
# A picture of a chat is read again when events came meanwhile, but not for ever.
MOST_READINGS = 5

# What may wait for a slow client before it is let go; it resumes from PostgreSQL.
MAX_WAITING_FRAMES = 64
MAX_WAITING_BYTES = 256 * 1024
# Frames a client may send: a burst, then so many a second.
BURST = 60
PER_SECOND = 20
# Frames over the limit that are answered with an error before the socket is closed.
PATIENCE = 20
# A server that goes asks its clients to come back within this time, each at a moment of its own,
# and gives the frames in hand and the last words so long to get out.
COME_BACK_MS = 5000
FAREWELL_SECONDS = 2.0


class Closed(Exception):
    """The socket ends, with a close code, and for a reason that the code alone may not tell."""

    def __init__(self, code: int, refused: Refused | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.refused = refused


class Outgoing:
    """Frames on their way to one client, bounded: pieces of running answers are dropped first."""

    def __init__(self) -> None:
        self._frames: deque[tuple[bool, str]] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()

    def put(self, frame: str, *, droppable: bool = False) -> None:
        """Queue a frame; raise Closed when a client is too slow even for what must arrive."""
        if len(self._frames) >= MAX_WAITING_FRAMES or self._bytes >= MAX_WAITING_BYTES:
            if droppable:
                return
            kept = [entry for entry in self._frames if not entry[0]]
            if (
                len(kept) >= MAX_WAITING_FRAMES
                or sum(len(f) for _d, f in kept) >= MAX_WAITING_BYTES
            ):
                raise Closed(SLOW)
            self._frames = deque(kept)
            self._bytes = sum(len(f) for _d, f in kept)
        self._frames.append((droppable, frame))
        self._bytes += len(frame)
        self._ready.set()

    async def get(self) -> str:
        """The next frame, when there is one."""
        while not self._frames:
            self._ready.clear()
            await self._ready.wait()
        _droppable, frame = self._frames.popleft()
        self._bytes -= len(frame)
        return frame

    def drain(self) -> list[str]:
        """Everything that still waits."""
        frames = [frame for _droppable, frame in self._frames]
        self._frames.clear()
        self._bytes = 0
        return frames


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

        async def application(scope: Scope, receive: Receive, send: Send) -> None:
            await cls().run(scope, receive, send)

        return application

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the connection until either side ends it."""
        self.scope = scope
        self.language = language_of(scope)
        self.layer = get_channel_layer()
        self.scopes: set[str] = set()
        self.groups: set[str] = set()
        self.outgoing = Outgoing()
        self._events_heard = 0
        self._allowance, self._counted_at, self._over = float(BURST), time.monotonic(), 0
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._in_hand = asyncio.Lock()
        await receive()  # websocket.connect
        await send({"type": "websocket.accept"})
        parts: list[asyncio.Future[None]] = [self._ended]
        end: Closed | None = None
        self.standing.add(self)
        try:
            # Groups alone are heard: the layer need not subscribe to the channel itself,
            # and a socket opens without Redis. It forgets the channel when `_listen` is cancelled.
            self.channel = f"{settings.EVENTS_PREFIX}.socket.{uuid4().hex}"
            self.layer.channels[self.channel] = asyncio.Queue()
            parts += [
                asyncio.ensure_future(self._listen()),
                asyncio.ensure_future(self._write(send)),
            ]
            await self.opened()
            parts.append(asyncio.ensure_future(self._read(receive)))
            done, _pending = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in done:
                part.result()
        except Closed as closed:
            end = closed
        except (OperationalError, InterfaceError, redis.RedisError) as error:
            log.warning("a socket met no server of ours: %s", type(error).__name__)
            end = Closed(AWAY)
        except Exception:
            log.exception("a socket failed")
            end = Closed(BROKEN)
        finally:
            for part in parts:
                part.cancel()
            await asyncio.gather(*parts, return_exceptions=True)
            # First what needs no Redis, which may be away just now.
            await self.closed()
            await self._leave_all()
            if end:
                await self._say_goodbye(send, end)
            self.standing.discard(self)

    async def opened(self) -> None:
        """Called once the connection stands, before any frame is handled."""

    async def closed(self) -> None:
        """Called when the connection is gone."""

    async def join(self, group: str, scope: str) -> None:
        """Hear a group; `scope` is what its envelopes must name (see `events.envelope`)."""
        self.groups.add(group)
        self.scopes.add(scope)
        try:
            await events.subscribe(group, self.channel)
        except redis.RedisError as error:
            # A socket that hears nothing is worse than none: the client comes back and resumes.
            log.warning("a socket cannot listen: %s", type(error).__name__)
            raise Closed(AWAY) from error

    async def leave(self, group: str, scope: str = "") -> None:
        """Hear a group no more."""
        self.groups.discard(group)
        self.scopes.discard(scope)
        await events.unsubscribe(group, self.channel)

    async def _leave_all(self) -> None:
        for group in list(self.groups):
            try:
                await self.leave(group)
            except redis.RedisError as error:
                log.warning("a group was not left: %s", type(error).__name__)

    def send_event(self, event: Event) -> None:
        """Queue an event for this client alone."""
        self.outgoing.put(event.model_dump_json())

    def tell(self, event: Event) -> None:
        """Queue an event from outside the socket's own tasks; one that is too slow is ended."""
        try:
            self.send_event(event)
        except Closed as closed:
            self.end(closed.code)

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
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if self._is_within_rate():
                async with self._in_hand:
                    await self._handle(message.get("text"), message.get("bytes"))

    def _is_within_rate(self) -> bool:
        now = time.monotonic()
        self._allowance = min(float(BURST), self._allowance + (now - self._counted_at) * PER_SECOND)
        self._counted_at = now
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
            if len(raw) > MAX_FRAME:
                raise Refused(_("The frame is too large."), code="frame_too_large")
            frame = self._parse(raw)
            client_id = getattr(frame, "client_id", None)
            await self.handlers[type(frame)](self, frame)
        except Refused as refused:
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
            log.exception("a frame failed")
            with translation.override(self.language):
                self.send_error(
                    "internal", str(_("Something went wrong here. Try again.")), client_id
                )

    def _parse(self, raw: bytes) -> Frame:
        try:
            content = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise Refused(_("This is not JSON."), code="bad_json") from None
        try:
            if b"\\u0000" in raw and _has_nul(content):
                # PostgreSQL stores no NUL; a text with one is nobody's typing.
                raise Refused(
                    _("The text has a forbidden character."),
                    code="bad_character",
                    client_id=_client_id(content),
                )
            frame: Frame = self.commands.validate_python(content)
        except ValidationError as error:
            refused = _refusal(content, error)
            refused.client_id = _client_id(content)
            raise refused from None
        return frame

    async def _listen(self) -> None:
        while True:
            message = await self.layer.receive(self.channel)
            # The group is right already; a frame of another chat here would be a leak, so the
            # envelope is checked as well.
            if message["scope"] not in self.scopes or message["audience"] not in (
                self.audience,
                "both",
            ):
                continue
            is_piece = message["kind"] == "ai_delta"
            self._events_heard += not is_piece
            self.outgoing.put(message["frame"], droppable=is_piece)
            self.heard(message["kind"], message["frame"])

    def heard(self, kind: str, frame: str) -> None:
        """Called after an event of the layer was queued for the client."""

    def end(self, code: int, refused: Refused | None = None) -> None:
        """End the connection from outside its own tasks."""
        if not self._ended.done():
            self._ended.set_exception(Closed(code, refused))

    async def say_bye(self) -> None:
        """Finish the frame in hand, so that its ack gets out, and send the client away."""
        try:
            async with asyncio.timeout(FAREWELL_SECONDS), self._in_hand:
                pass
        except TimeoutError:
            # The client has no ack and will send the message again.
            log.debug("a frame was still in hand at the goodbye")
        try:
            self.send_event(Bye(retry=random.randrange(COME_BACK_MS)))  # noqa: S311
            self.end(RESTART)
        except Closed as closed:
            self.end(closed.code)

    async def _write(self, send: Send) -> None:
        while True:
            frame = await self.outgoing.get()
            try:
                await send({"type": "websocket.send", "text": frame})
            except OSError:
                # The client is gone; `_read` may hear of it later or never.
                return

    async def _say_goodbye(self, send: Send, closed: Closed) -> None:
        """Send what still waits and the reason, then close; not for long, and not to a slow one."""
        frames = [] if closed.code == SLOW else self.outgoing.drain()
        if error := self._reason(closed):
            frames.append(error.model_dump_json())
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                for frame in frames:
                    await send({"type": "websocket.send", "text": frame})
                await send({"type": "websocket.close", "code": closed.code})
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


def _refusal(content: Any, error: ValidationError) -> Refused:
    """What is wrong in a frame: the field and the rule, never the content."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    kind = first["type"]
    if not isinstance(content, dict) or kind in ("union_tag_invalid", "union_tag_not_found"):
        return Refused(_("There is no such command."), code="unknown_command")
    field = ".".join(str(part) for part in first["loc"][1:])[:80]
    if field == "text" and kind == "string_too_long":
        return Refused(_("The message is too long."), code="text_too_long")
    if field == "text" and kind == "string_too_short":
        return Refused(_("The message is empty."), code="text_empty")
    return Refused(format_lazy(_("The field {field} is wrong."), field=field), code="bad_frame")


def _has_nul(content: Any) -> bool:
    """Whether a text anywhere in parsed JSON holds a NUL (the escape alone may be escaped)."""
    waiting = [content]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str) and "\0" in part:
            return True
        if isinstance(part, dict):
            waiting += [*part, *part.values()]
        elif isinstance(part, list):
            waiting += part
    return False


def language_of(scope: Scope) -> str:
    """The language that whoever connects is spoken to in: their choice, else their browser's."""
    known = dict(settings.LANGUAGES)
    accepted = next((v for n, v in scope.get("headers", ()) if n == b"accept-language"), b"")
    wishes = [str(scope.get("cookies", {}).get("django_language", ""))]
    wishes += [wish for wish, _weight in parse_accept_lang_header(accepted.decode("latin-1"))]
    codes = (wish.lower().split("-")[0] for wish in wishes)
    return next((code for code in codes if code in known), settings.LANGUAGE_CODE)


def _client_id(content: Any) -> UUID | None:
    """The id that a refused frame carries, if it can be read: the client waits for its answer."""
    try:
        return UUID(content["client_id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
