"""A client of the sockets that keeps the delivery rules of static/shared/socket.js and outbox.js.

Unacked messages are sent again under the same id, one at a time; a lost connection is made anew
with back-off and jitter, or after the delay that `bye` asks for; lines are applied by seq.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException
from websockets.typing import Origin

from chaos.journal import Journal, fingerprint
from chaos.transcript import Line, Transcript

Frame = dict[str, Any]

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
SHORTEST_DELAY = 0.1
LONGEST_SILENCE = 40.0
LONGEST_HANDSHAKE = 15.0
FIRST_PATIENCE = 5.0
LONGEST_PATIENCE = 60.0


@dataclass
class Item:
    """A text that is not acknowledged yet."""

    frame: Frame
    tries: int = 0
    due: float = 0.0


@dataclass(frozen=True)
class Place:
    """A server: where to connect, and which Host and Origin it goes by."""

    port: int
    name: str = "127.0.0.1"

    @property
    def origin(self) -> str:
        return f"http://{self.name}:{self.port}"


@dataclass
class Answering:
    """What the client has seen of a turn that is being answered, to time its second attempt."""

    attempt: int
    piece_at: float
    # The last piece of the attempt that died, once another one speaks.
    since: float | None = None
    # Whoever was away in between cannot tell how long it took.
    was_away: bool = False


@dataclass
class Client:
    """One person's browser; `Visitor` and `Operator` say what is particular to each."""

    who: str
    places: Sequence[Place]
    journal: Journal
    luck: random.Random
    path: str = "/ws/chat/"
    cookie: str = ""
    outbox: list[Item] = field(default_factory=list)
    socket: ClientConnection | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    pinged: Frame | None = None
    failures: int = 0
    rounds: int = 0
    asked_delay: float | None = None
    lost_at: float | None = None
    lost_code: int | str = 0
    turns: dict[int, Answering] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.transcript = Transcript(seen=self._line)
        self.place = self.luck.randrange(len(self.places))
        self._pump_soon = asyncio.Event()

    # --- to be said by the particular client ---------------------------------------------------

    def hello(self) -> Frame | None:
        """The first frame of every connection."""
        raise NotImplementedError

    def on_frame(self, frame: Frame) -> None:
        """What is particular to this client in a frame."""
        raise NotImplementedError

    def ask_again(self) -> Frame | None:
        """The command that fills a gap."""
        raise NotImplementedError

    # --- the connection --------------------------------------------------------------------------

    async def stay(self) -> None:
        """Connect, and come back for ever."""
        pumping = asyncio.ensure_future(self._pump())
        try:
            while True:
                await self._once()
                await asyncio.sleep(self._delay())
        finally:
            pumping.cancel()
            await asyncio.gather(pumping, return_exceptions=True)

    def _delay(self) -> float:
        ceiling = min(LONGEST_DELAY, FIRST_DELAY * 2**self.failures)
        self.failures += 1
        asked, self.asked_delay = self.asked_delay, None
        return asked if asked is not None else max(SHORTEST_DELAY, self.luck.random() * ceiling)

    async def _once(self) -> None:
        """One connection, from its handshake to its end."""
        # The proxy before several servers sends a client to one that listens.
        self.place = (self.place + 1) % len(self.places)
        place = self.places[self.place]
        code: int | str = 0
        try:
            async with asyncio.timeout(LONGEST_HANDSHAKE):
                socket = await connect(
                    f"ws://127.0.0.1:{place.port}{self.path}",
                    origin=Origin(place.origin),
                    additional_headers={"Cookie": self.cookie} if self.cookie else None,
                    compression=None,
                    ping_interval=None,
                    open_timeout=None,
                    close_timeout=0.5,
                    proxy=None,
                )
        except (OSError, TimeoutError, WebSocketException, InvalidHandshake):
            return
        self.socket = socket
        self.journal.write(self.who, "open", port=socket.local_address[1])
        try:
            if hello := self.hello():
                await socket.send(json.dumps(hello))
            while True:
                async with asyncio.timeout(LONGEST_SILENCE):
                    text = await socket.recv()
                frame = json.loads(text)
                if frame["type"] == "bye":
                    self.asked_delay, code = frame["retry"] / 1000, "bye"
                    break
                self._take(frame)
        except TimeoutError:
            code = "silence"
        except (OSError, WebSocketException):
            code = socket.close_code or 1006
        finally:
            self._leave(code)
            # What is still on its way must not hold the client up.
            socket.transport.abort()

    def _leave(self, code: int | str) -> None:
        was_ready = self.ready.is_set()
        self.socket = None
        self.ready.clear()
        if was_ready:
            self.lost_at, self.lost_code = time.time(), code
            for turn in self.turns.values():
                turn.was_away = True
        self.journal.write(self.who, "lost", code=code, was_ready=was_ready)

    def drop(self) -> None:
        """Cut the line, as a network that goes away."""
        if self.socket:
            self.socket.transport.abort()

    async def send(self, frame: Frame) -> bool:
        """Whether the frame was handed to an open socket."""
        if self.socket is None:
            return False
        try:
            await self.socket.send(json.dumps(frame))
        except (OSError, WebSocketException):
            return False
        return True

    # --- what is said ----------------------------------------------------------------------------

    def say(self, frame: Frame, kind: str) -> None:
        """Have a text delivered."""
        client_id = str(uuid.UUID(int=self.luck.getrandbits(128), version=4))
        frame = {**frame, "client_id": client_id}
        self.journal.write(self.who, "sent", id=client_id, kind=kind, text=frame["text"])
        self.outbox.append(Item(frame))
        self._pump_soon.set()

    async def _pump(self) -> None:
        """Send the first unacked text, again and again; one is under way at a time."""
        while True:
            self._pump_soon.clear()
            await self.ready.wait()
            pause = 60.0
            if self.outbox:
                first = self.outbox[0]
                pause = first.due - time.monotonic()
                if pause <= 0:
                    await self.send(first.frame)
                    patience = min(LONGEST_PATIENCE, FIRST_PATIENCE * 2**first.tries)
                    first.tries += 1
                    pause = patience * (1 + self.luck.random() / 4)
                    first.due = time.monotonic() + pause
            try:
                async with asyncio.timeout(pause):
                    await self._pump_soon.wait()
            except TimeoutError:
                continue

    def _settle(self, client_id: str) -> None:
        self.outbox = [item for item in self.outbox if item.frame["client_id"] != client_id]
        self._pump_soon.set()

    # --- what is heard ---------------------------------------------------------------------------

    def served(self, chat_id: str | None) -> None:
        """The server knows who we are and has shown the chat: everything that waits may go."""
        for item in self.outbox:
            item.tries, item.due = 0, 0.0
        if not self.ready.is_set():
            now = time.time()
            seconds = round(now - self.lost_at, 3) if self.lost_at else None
            self.journal.write(
                self.who, "restored", chat=chat_id, seconds=seconds, after=self.lost_code
            )
            self.lost_at = None
        self.ready.set()
        self._pump_soon.set()

    def _take(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind != "error":
            self.failures = 0
        if kind == "message_saved":
            self.journal.write(
                self.who, "acked", id=frame["client_id"], seq=frame["seq"], chat=frame["chat_id"]
            )
            if self.transcript.chat_id is None:
                self.transcript.chat_id = frame["chat_id"]
            self._settle(frame["client_id"])
        elif kind == "error":
            self._refused(frame)
        elif kind in ("message", "ai_response") and frame["chat_id"] == self.transcript.chat_id:
            self.transcript.raise_epoch(frame["epoch"])
            self.transcript.receive(frame["message"])
            if kind == "ai_response":
                self._answered(frame["turn"])
        elif kind == "ai_typing" and frame["chat_id"] == self.transcript.chat_id:
            self.transcript.is_answering = frame["active"]
        elif kind == "ai_delta" and frame["chat_id"] == self.transcript.chat_id:
            self._piece(frame)
        elif kind == "ping":
            self.pinged = frame
            is_ours = frame["chat_id"] == self.transcript.chat_id
            if is_ours and frame["head_seq"] > self.transcript.last_seq:
                self.transcript.wants = True
        self.on_frame(frame)
        if self.transcript.wants and (again := self.ask_again()):
            self.transcript.wants = False
            self.rounds += 1
            self._soon(self.send(again))

    def _refused(self, frame: Frame) -> None:
        client_id, retry = frame["client_id"], frame["retry_after"]
        self.journal.write(
            self.who, "refused", id=client_id, code=frame["code"], final=retry is None
        )
        for item in self.outbox:
            if item.frame["client_id"] == client_id:
                if retry is None:
                    self._settle(client_id)
                else:
                    item.tries, item.due = 0, time.monotonic() + retry
                    self._pump_soon.set()
                return
        if not self.ready.is_set() and retry is not None:
            # Our hello was refused for now.
            self.asked_delay = float(retry)
            self.drop()

    def _line(self, chat_id: str, line: Line) -> None:
        self.journal.write(
            self.who,
            "line",
            chat=chat_id,
            seq=line["seq"],
            role=line["role"],
            print=fingerprint(line["text"]),
        )

    def _piece(self, frame: Frame) -> None:
        now, turn = time.time(), self.turns.get(frame["turn"])
        self.transcript.is_answering = True
        if turn is None:
            self.turns[frame["turn"]] = Answering(frame["attempt"], now)
        elif frame["attempt"] == turn.attempt:
            turn.piece_at = now
        elif frame["attempt"] > turn.attempt:
            if not turn.was_away:
                seconds = round(now - turn.piece_at, 3)
                self.journal.write(self.who, "again", turn=frame["turn"], seconds=seconds)
            turn.attempt, turn.since, turn.piece_at = frame["attempt"], turn.piece_at, now

    def _answered(self, number: int) -> None:
        turn = self.turns.pop(number, None)
        if turn and turn.since and not turn.was_away:
            seconds = round(time.time() - turn.since, 3)
            self.journal.write(self.who, "answered again", turn=number, seconds=seconds)
        for old in [older for older in self.turns if older < number]:
            del self.turns[old]

    def _soon(self, work: Awaitable[Any]) -> None:
        task = asyncio.ensure_future(work)
        TASKS.add(task)
        task.add_done_callback(TASKS.discard)


# asyncio keeps no hold of a task of its own.
TASKS: set[asyncio.Future[Any]] = set()


async def until(is_true: Callable[[], object], seconds: float) -> bool:
    """Whether it became true within the time."""
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True
