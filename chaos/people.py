"""The visitors and operators of a run, all in this one process; `harness` starts and stops it.

SIGUSR1: say nothing new, and let what is under way end. SIGUSR2: nothing will change any more, so
come to agree with the server by its pings alone, write the last word, and end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import secrets
import signal
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

from chaos.client import Client, Frame, Place, until
from chaos.journal import Journal
from chaos.proxy import Proxy, Storm

TEXTS = (
    "Where does the boat to the island leave from?",
    "Сколько стоит поездка для двоих взрослых?",
    "Is the museum open in the winter months?",
    "Можно ли взять с собой собаку?",
    "Which of the tours would suit a family?",
)


class Visitor(Client):
    """A visitor: asks, waits, asks again, now and then for a person."""

    def __init__(self, widget: str, **fields: Any) -> None:
        super().__init__(**fields)
        self.widget = widget
        self.token = secrets.token_urlsafe(32)
        self.new_chat_id = ""
        self.count = 0
        # How many times slower than in a kill run.
        self.slowness = 1.0

    def hello(self) -> Frame:
        """Who, and from where on."""
        frame: Frame = {
            "type": "register",
            "widget": self.widget,
            "token": self.token,
            "last_seq": self.transcript.last_seq,
            "language": "en",
        }
        if self.transcript.chat_id:
            frame["chat_id"] = self.transcript.chat_id
        return frame

    def ask_again(self) -> Frame | None:
        return {"type": "restore_chat", "last_seq": self.transcript.last_seq}

    def on_frame(self, frame: Frame) -> None:
        if frame["type"] in ("chat_restored", "chat_switched"):
            if frame["type"] == "chat_switched":
                self.new_chat_id = ""
            self.transcript.restore(frame["chat"])
            self.served(self.transcript.chat_id)

    def ask(self) -> None:
        """Say one more thing, never the same twice."""
        self.count += 1
        text = f"{self.luck.choice(TEXTS)} ({self.who}/{self.count})"
        frame: Frame = {"type": "message", "text": text}
        if self.transcript.chat_id and self.transcript.mode != "closed":
            frame["chat_id"] = self.transcript.chat_id
        self.say(frame, "message")

    async def live(self) -> None:
        """Behave like a person, for ever."""
        await asyncio.sleep(self.luck.uniform(0, 8 * self.slowness))
        while True:
            await asyncio.sleep(self.luck.uniform(2.0, 8.0) * self.slowness)
            if self.transcript.mode == "closed":
                self.new_chat_id = self.new_chat_id or str(uuid.uuid4())
                await self.send({"type": "new_chat", "client_id": self.new_chat_id})
                await until(lambda: not self.new_chat_id, 3)
                continue
            chance = self.luck.random()
            if chance < 0.90:
                self.ask()
                # A burst becomes one turn.
                while self.luck.random() < 0.15:
                    await asyncio.sleep(self.luck.uniform(0.05, 1.0))
                    self.ask()
                await until(lambda: not self.outbox, 20)
                if self.luck.random() < 0.85:
                    await until(lambda: not self.transcript.is_answering, 12)
            elif chance < 0.95:
                if self.transcript.mode == "ai":
                    await self.send({"type": "request_support", "reason": "asked"})
            elif chance < 0.97:
                self.ask()
                if await until(lambda: self.transcript.is_answering, 5):
                    await asyncio.sleep(self.luck.uniform(0.2, 2.0))
                    await self.send({"type": "stop"})
            elif chance < 0.98:
                self.new_chat_id = str(uuid.uuid4())
                await self.send({"type": "new_chat", "client_id": self.new_chat_id})
                await until(lambda: not self.new_chat_id, 3)
            else:
                # A reload: the lines are gone, the unacked texts are not.
                self.transcript.reset(self.transcript.chat_id, 0)
                self.drop()


class Operator(Client):
    """An operator: takes who waits, writes, leaves notes, hands back or closes."""

    def __init__(self, member_id: int, **fields: Any) -> None:
        super().__init__(path="/ws/operator/", **fields)
        self.member_id = member_id
        self.queue: Frame = {"waiting": [], "held": [], "recent": []}
        self.watched: str | None = None
        self.count = 0

    def hello(self) -> Frame | None:
        return self.ask_again()

    def ask_again(self) -> Frame | None:
        if self.watched is None:
            return None
        last = self.transcript.last_seq if self.transcript.chat_id == self.watched else 0
        return {"type": "watch", "chat_id": self.watched, "last_seq": last}

    def on_frame(self, frame: Frame) -> None:
        if frame["type"] == "queue":
            self.queue = frame
            self.served(None)
        elif frame["type"] == "watching" and frame["chat"]["chat_id"] == self.watched:
            self.transcript.restore(frame["chat"])

    def mine(self) -> list[str]:
        """The chats that this operator holds, as the desk shows them."""
        return [c["chat_id"] for c in self.queue["held"] if c["operator_id"] == self.member_id]

    def write(self, kind: str, chat_id: str) -> None:
        """Say something to the visitor, or note something."""
        self.count += 1
        text = f"A word of a person ({self.who}/{self.count})"
        self.say({"type": kind, "chat_id": chat_id, "text": text}, kind)

    async def live(self) -> None:
        """Work at the desk, for ever."""
        await self.ready.wait()
        while True:
            await asyncio.sleep(self.luck.uniform(0.5, 3.0))
            mine, waiting = self.mine(), [chat["chat_id"] for chat in self.queue["waiting"]]
            if not mine:
                if not waiting and self.luck.random() < 0.1:
                    # Step in while the assistant speaks.
                    waiting = [c["chat_id"] for c in self.queue["recent"] if c["mode"] == "ai"]
                if not waiting:
                    continue
                chat_id = self.luck.choice(waiting)
                await self.send({"type": "join_support_chat", "chat_id": chat_id})
                if not await until(lambda: self.mine(), 5):
                    continue
                mine = self.mine()
            await self._attend(mine[0])

    async def _attend(self, chat_id: str) -> None:
        """Talk in one chat and give it away."""
        self.watched = chat_id
        await self.send({"type": "watch", "chat_id": chat_id, "last_seq": 0})
        for _ in range(self.luck.randint(1, 4)):
            kind = "note" if self.luck.random() < 0.25 else "message"
            self.write(kind, chat_id)
            await until(lambda: not self.outbox, 30)
            await asyncio.sleep(self.luck.uniform(0.5, 3.0))
        command = "close_chat" if self.luck.random() < 0.2 else "hand_back"
        while chat_id in self.mine():
            await self.send({"type": command, "chat_id": chat_id})
            await until(lambda: chat_id not in self.mine(), 5)


class House:
    """Everybody in it, and what the harness is told of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder: Path = options.folder
        self.scene = json.loads((self.folder / "scene.json").read_text())
        self.journal = Journal(self.folder / "journal.jsonl")
        self.proxies: list[Proxy] = []
        self.storm: Storm | None = None
        self.visitors: list[Visitor] = []
        self.operators: list[Operator] = []
        self.settling, self.finishing = asyncio.Event(), asyncio.Event()

    @property
    def everybody(self) -> list[Client]:
        return [*self.visitors, *self.operators]

    async def run(self) -> None:
        """Live until told to end."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self.settling.set)
        loop.add_signal_handler(signal.SIGUSR2, self.finishing.set)
        places = await self._places()
        self._populate(places)
        staying = [asyncio.ensure_future(self._guarded(c.stay)) for c in self.everybody]
        living = [asyncio.ensure_future(self._guarded(c.live)) for c in self.visitors]
        living += [asyncio.ensure_future(self._guarded(c.live)) for c in self.operators]
        if self.options.reconnect:
            living += [asyncio.ensure_future(self._come_and_go(c)) for c in self.visitors]
        telling = asyncio.ensure_future(self._guarded(self._tell))
        if self.storm:
            await self.storm.blow()
            self.storm.is_over = True
        await self.settling.wait()
        for task in living:
            task.cancel()
        await self.finishing.wait()
        await self._agree()
        for task in (*staying, telling):
            task.cancel()
        self._last_words()

    async def _places(self) -> list[Place]:
        ports = [int(port) for port in self.options.ports.split(",")]
        if not self.options.cuts:
            return [Place(port) for port in ports]
        luck = random.Random(f"{self.options.seed} network")
        self.proxies = [Proxy(port, self.journal, luck) for port in ports]
        for proxy in self.proxies:
            await proxy.listen()
        self.storm = Storm(self.proxies, self.options.cuts, luck, self.journal)
        return [Place(proxy.port) for proxy in self.proxies]

    def _populate(self, places: list[Place]) -> None:
        seed = self.options.seed
        for number in range(self.options.visitors):
            who = f"v{number}"
            visitor = Visitor(
                self.scene["widget"],
                who=who,
                places=places,
                journal=self.journal,
                luck=random.Random(f"{seed} {who}"),
            )
            visitor.slowness = self.options.slowness
            self.visitors.append(visitor)
        for number, operator in enumerate(self.scene["operators"]):
            who = f"o{number}"
            self.operators.append(
                Operator(
                    operator["member_id"],
                    who=who,
                    places=places,
                    journal=self.journal,
                    luck=random.Random(f"{seed} {who}"),
                    cookie=operator["cookie"],
                )
            )

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        """A mistake of ours must end the run, not one client."""
        try:
            await work()
        except asyncio.CancelledError:
            raise
        except BaseException:
            signal.raise_signal(signal.SIGABRT)
            raise

    async def _come_and_go(self, visitor: Visitor) -> None:
        """Lose the connection every so many seconds."""
        period = self.options.reconnect
        await asyncio.sleep(visitor.luck.uniform(0, period))
        while True:
            visitor.drop()
            await asyncio.sleep(period)

    async def _tell(self) -> None:
        """Write down, each second, how things stand."""
        status = self.folder / "people.json"
        while True:
            storm = self.storm
            content = {
                "t": time.time(),
                "unacked": sum(len(client.outbox) for client in self.everybody),
                "ready": sum(client.ready.is_set() for client in self.everybody),
                "cuts": storm.done if storm else 0,
                "is_storm_over": storm is None or storm.is_over,
            }
            fresh = status.with_suffix(".new")
            fresh.write_text(json.dumps(content))
            fresh.rename(status)
            self.journal.flush()
            await asyncio.sleep(1)

    async def _agree(self) -> None:
        """Wait until a ping later than now finds every client complete."""
        for client in self.everybody:
            client.pinged = None

        def is_complete(client: Client) -> bool:
            ping, own = client.pinged, client.transcript
            if ping is None or not client.ready.is_set() or ping["chat_id"] != own.chat_id:
                return False
            return own.chat_id is None or ping["head_seq"] == own.last_seq

        for client in self.everybody:
            if not await until(lambda client=client: is_complete(client), 60):  # type: ignore[misc]
                self.journal.write(client.who, "disagrees", ping=client.pinged)

    def _last_words(self) -> None:
        for client in self.everybody:
            own = client.transcript
            self.journal.write(
                client.who,
                "final",
                chat=own.chat_id,
                first=own.first_seq,
                last=own.last_seq,
                unacked=[item.frame["client_id"] for item in client.outbox],
            )
        self.journal.close()


def main() -> None:
    """The command line, for `harness` alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ports", required=True)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--visitors", type=int, default=50)
    parser.add_argument("--cuts", type=int, default=0)
    parser.add_argument("--slowness", type=float, default=1.0)
    parser.add_argument("--reconnect", type=float, default=0.0)
    options = parser.parse_args()
    uvloop.run(House(options).run())


if __name__ == "__main__":
    main()
