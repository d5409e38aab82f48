"""A socket as one would write it first: a question becomes a task, and its group is heard."""

from __future__ import annotations

from typing import Any

from channels.generic.websocket import AsyncJsonWebsocketConsumer

from bench.naive.celery_app import reply


class ChatConsumer(AsyncJsonWebsocketConsumer):
    """As in the tutorials."""

    async def connect(self) -> None:
        self.group = f"naive.{id(self)}"
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Ask."""
        reply.delay(self.group, content["model"], content["text"])

    async def deliver(self, event: dict[str, Any]) -> None:
        """A token."""
        await self.send(text_data=event["frame"])


application = ChatConsumer.as_asgi()
