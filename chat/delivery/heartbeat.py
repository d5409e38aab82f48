"""Pings for all sockets of a process at once: one query reads every watched chat's last seq."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol
from uuid import UUID
from weakref import WeakKeyDictionary, WeakSet

from django.conf import settings
from django.db import InterfaceError, OperationalError

from chat.database import in_database
from chat.models import Chat
from chat.protocol import Ping

log = logging.getLogger(__name__)


class Pinged(Protocol):
    """A socket as the heartbeat sees it."""

    @property
    def chat_id(self) -> UUID | None: ...

    def ping(self, event: Ping) -> None: ...


class Heartbeat:
    """Tells each socket the head seq of its chat, so that a silent gap is seen within a period."""

    def __init__(self) -> None:
        self._sockets: WeakSet[Pinged] = WeakSet()
        self._task = asyncio.ensure_future(self._run())

    def add(self, socket: Pinged) -> None:
        """Ping this socket until it is removed or gone."""
        self._sockets.add(socket)

    def remove(self, socket: Pinged) -> None:
        """Ping it no more."""
        self._sockets.discard(socket)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(settings.PING_SECONDS)
            try:
                await self.beat()
            except (OperationalError, InterfaceError) as error:
                # No ping at all lets clients reconnect; a wrong head would hide a gap.
                log.warning("no heartbeat: %s", type(error).__name__)
            except Exception:
                # Nobody would start it again, and every silent gap would stay unseen.
                log.exception("no heartbeat")

    async def beat(self) -> None:
        """Ping every socket once."""
        sockets = list(self._sockets)
        heads = await in_database(head_seqs, {s.chat_id for s in sockets if s.chat_id is not None})
        for socket in sockets:
            chat_id = socket.chat_id
            # A chat that was opened meanwhile was not asked for; its next ping comes in time.
            if chat_id is None or chat_id in heads:
                socket.ping(Ping(chat_id=chat_id, head_seq=heads.get(chat_id, 0)))


def head_seqs(chat_ids: set[UUID]) -> dict[UUID | None, int]:
    """The last seq of each chat."""
    rows = Chat.unscoped.filter(chat_id__in=chat_ids) if chat_ids else Chat.unscoped.none()
    return dict(rows.values_list("chat_id", "seq"))


_hearts: WeakKeyDictionary[asyncio.AbstractEventLoop, Heartbeat] = WeakKeyDictionary()


def heart() -> Heartbeat:
    """The running loop's heartbeat."""
    loop = asyncio.get_running_loop()
    if loop not in _hearts:
        _hearts[loop] = Heartbeat()
    return _hearts[loop]
