"""Publishing: an event's audience alone decides which sockets hear it.

Events are hints. They leave after the commit, a Redis that is down loses them, and every client
heals from PostgreSQL by seq.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgpack
import orjson
import redis
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import transaction
from django.dispatch import Signal

from chat.delivery.layer import Listener
from chat.protocol import AIDelta, Event

log = logging.getLogger(__name__)

# The one signal for side effects (alerts, analytics, automation, webhooks). It is sent after the
# commit with `what` (a Message.Event or "message"), `chat_id` and `actor` ("visitor:1",
# "member:2", "assistant", "system"); receivers enqueue tasks of their own.
happened = Signal()

_OFFSET = '"offset":'
# Of a piece of one word, roughly; a longer one makes its own room.
FRAME_BYTES = 512


def visitor_group(chat_id: UUID) -> str:
    """The group of the visitor's sockets in one chat."""
    return f"visitor.{chat_id.hex}"


def desk_group(chat_id: UUID) -> str:
    """The group of the operators' sockets that watch one chat."""
    return f"desk.{chat_id.hex}"


def organization_group(organization_id: int) -> str:
    """The group of all consoles of an organization."""
    return f"organization.{organization_id}"


def groups_for(audience: str, chat_id: UUID) -> list[str]:
    """Who hears an event of a chat that is for these."""
    groups = []
    if audience in ("visitor", "both"):
        groups.append(visitor_group(chat_id))
    if audience in ("operators", "both"):
        groups.append(desk_group(chat_id))
    return groups


# Every token of an answer goes to the same.
@functools.lru_cache(maxsize=2048)
def _way(audience: str, chat_id: UUID) -> tuple[str, tuple[str, ...]]:
    """The scope of a chat's events, and their channels."""
    return chat_id.hex, tuple(map(channel_of, groups_for(audience, chat_id)))


def envelope(event: Event, scope: str) -> dict[str, Any]:
    """What travels on the layer: the frame, ready to send, and whose it is.

    `scope` (a chat's hex id, or `organization.<id>`) lets the receiving socket check once more
    that the frame is for it.
    """
    return {
        "type": "deliver",
        "scope": scope,
        "kind": getattr(event, "type"),  # noqa: B009  (each event declares it as a Literal)
        "audience": event.audience,
        "frame": event.written(),
    }


def channel_of(group: str) -> str:
    """The Redis channel on which the pub/sub layer hears a group."""
    return f"{settings.EVENTS_PREFIX}__group__{group}"


def packed(event: Event, chat_id: UUID) -> list[tuple[str, bytes]]:
    """An event of a chat as (Redis channel, payload) pairs, in the layer's own format."""
    scope, channels = _way(event.audience, chat_id)
    payload = msgpack.packb(envelope(event, scope))
    return [(channel, payload) for channel in channels]


class Pieces:
    """The pieces of one attempt at an answer.

    `first` is the one before which nothing was said. Whatever it has in common with the others is
    written here, once: to make, check and write an event took a third of a token's time.
    """

    def __init__(self, first: AIDelta) -> None:
        scope, self._channels = _way(first.audience, first.chat_id)
        frame = first.written()
        self._frame = frame[: frame.index(_OFFSET) + len(_OFFSET)]
        self._envelope = msgpack.packb(envelope(first, scope))[: -len(msgpack.packb(frame))]
        # `packb` takes a quarter of a megabyte from the system, and gives it back, each time.
        self._pack = msgpack.Packer(buf_size=FRAME_BYTES).pack

    def packed(self, offset: int, text: str) -> list[tuple[str, bytes]]:
        """A piece with so many characters before it, just as `packed` gives it."""
        frame = f'{self._frame}{offset},"text":{orjson.dumps(text).decode()}}}'
        payload = self._envelope + self._pack(frame)
        return [(channel, payload) for channel in self._channels]


def publish(chat_id: UUID, *events: Event) -> None:
    """Tell a chat's sockets, after the commit."""
    _after_commit([pair for event in events for pair in packed(event, chat_id)])


def publish_desk(organization_id: int, *events: Event) -> None:
    """Tell every console of the organization, after the commit."""
    group = organization_group(organization_id)
    for event in events:
        if event.audience != "operators":
            raise ValueError(f"{type(event).__name__} is not for operators alone")
    _after_commit([(channel_of(group), msgpack.packb(envelope(event, group))) for event in events])


def tell(what: str, chat_id: UUID, actor: str) -> None:
    """Send `happened` after the commit."""
    transaction.on_commit(
        lambda: happened.send_robust(None, what=what, chat_id=chat_id, actor=actor) and None
    )


def _after_commit(pairs: Iterable[tuple[str, bytes]]) -> None:
    pairs = list(pairs)
    transaction.on_commit(lambda: send(pairs))


def send(pairs: Iterable[tuple[str, bytes]]) -> None:
    """Publish now, from any thread. A failure is logged and forgotten: events are hints."""
    try:
        pipeline = _connection().pipeline(transaction=False)
        for channel, payload in pairs:
            pipeline.publish(channel, payload)
        pipeline.execute()
    except redis.RedisError as error:
        log.warning("events were not published: %s", type(error).__name__)


@functools.cache
def _connection() -> redis.Redis:
    return redis.Redis.from_url(
        settings.EVENTS_REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5
    )


async def subscribe(group: str, listener: Listener) -> None:
    """Call `listener` with every envelope of a group."""
    await get_channel_layer().listen(group, listener)


async def unsubscribe(group: str, listener: Listener) -> None:
    """Call it no more."""
    await get_channel_layer().unlisten(group, listener)
