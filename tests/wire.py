"""A client of our sockets for tests: speaks frames to the ASGI application in this process."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from channels.layers import channel_layers
from channels.testing import WebsocketCommunicator

HOST = "testserver"
# Far more than an answer takes: it only says when to give up.
SECONDS = 20.0


class Client:
    """One socket. `expect` skips frames until one of the wanted type comes."""

    def __init__(self, application: Any, path: str, **headers: str) -> None:
        sent = {"host": HOST, "origin": f"http://{HOST}", **headers}
        self.socket = WebsocketCommunicator(
            application, path, [(k.encode(), v.encode()) for k, v in sent.items()]
        )
        self.token = secrets.token_urlsafe(32)
        self.seen: list[dict[str, Any]] = []

    async def open(self) -> bool:
        """Connect; whether the server let us in."""
        accepted, _code = await self.socket.connect(SECONDS)
        return bool(accepted)

    async def send(self, type: str, **fields: Any) -> None:
        """Send a command."""
        await self.socket.send_to(text_data=json.dumps({"type": type, **fields}, default=str))

    async def receive(self) -> dict[str, Any]:
        """The next frame."""
        frame: dict[str, Any] = json.loads(await self.socket.receive_from(SECONDS))
        self.seen.append(frame)
        return frame

    async def expect(self, type: str, **fields: Any) -> dict[str, Any]:
        """The next frame of this type with these fields."""
        while True:
            frame = await self.receive()
            if frame["type"] == type and all(frame.get(k) == v for k, v in fields.items()):
                return frame

    async def register(self, widget: str, **fields: Any) -> dict[str, Any]:
        """Say hello; the chat as the server restores it."""
        await self.send("register", widget=widget, token=self.token, **fields)
        await self.expect("registered")
        chat: dict[str, Any] = (await self.expect("chat_restored"))["chat"]
        return chat

    async def closed_with(self) -> int:
        """The code with which the server closes; frames before it are seen and passed over."""
        while True:
            message = await self.socket.receive_output(SECONDS)
            if message["type"] == "websocket.close":
                return int(message["code"])
            self.seen.append(json.loads(message["text"]))

    async def close(self) -> None:
        """Hang up."""
        await self.socket.disconnect()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario on a loop of its own, and leave no connection of the layer behind."""

    async def main() -> None:
        try:
            await scenario()
        finally:
            await channel_layers["default"].flush()

    asyncio.run(main())
