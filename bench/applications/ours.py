"""The product's own Socket with one command, `echo`, and one that joins a group."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import django
from pydantic import Field, TypeAdapter

django.setup()

from chat.delivery import socket  # noqa: E402
from chat.protocol import Event, Frame  # noqa: E402

# The limit a client is held to is in the code that is measured; only its numbers are raised.
socket.BURST = socket.PER_SECOND = 10**9


class Echo(Frame):
    """Asks for its own words."""

    type: Literal["echo"]
    text: str


class Join(Frame):
    """Asks to hear a group."""

    type: Literal["join"]
    group: str


class Echoed(Event):
    """The words, back."""

    audience = "both"
    type: Literal["echo"] = "echo"
    text: str


class EchoSocket(socket.Socket):
    """A socket of the product's, with the smallest verbs there can be."""

    commands: ClassVar[TypeAdapter[Any]] = TypeAdapter(
        Annotated[Echo | Join, Field(discriminator="type")]
    )
    audience = "visitor"

    async def echo(self, frame: Echo) -> None:
        self.send_event(Echoed(text=frame.text))

    async def hear(self, frame: Join) -> None:
        await self.join(frame.group, frame.group)
        self.send_event(Echoed(text="joined"))

    handlers = {Echo: echo, Join: hear}


application = EchoSocket.as_asgi()
