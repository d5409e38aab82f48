"""Channels' stock JSON consumer: an echo, and a group that it hears."""

from __future__ import annotations

from typing import Any

import django

django.setup()

from channels.generic.websocket import AsyncJsonWebsocketConsumer  # noqa: E402


class StockConsumer(AsyncJsonWebsocketConsumer):
    """As in the tutorial."""

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Echo, or join."""
        if content["type"] == "join":
            await self.channel_layer.group_add(content["group"], self.channel_name)
            content = {"type": "echo", "text": "joined"}
        await self.send_json(content)

    async def deliver(self, event: dict[str, Any]) -> None:
        """An event of the group."""
        await self.send(text_data=event["frame"])


application = StockConsumer.as_asgi()
