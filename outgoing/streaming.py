"""The guard for aiohttp, by which answers of models stream at half the CPU of httpx's own network.

It is not among the names of the package: only the workers that ask models load aiohttp.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

import httpx2
from aiohttp import ClientSession, DummyCookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult

from outgoing import addresses
from outgoing.transport import (
    KEPT_SECONDS,
    MOST_CONNECTIONS,
    MOST_TRIES,
    AsyncMetered,
    bounded,
    resolved_in_time,
    tls,
)


class Resolver(AbstractResolver):
    """Gives the addresses of a name only when all of them were checked; raises Refused."""

    def __init__(self) -> None:
        self.checked: set[tuple[str, int]] = set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await resolved_in_time(host.lower().removesuffix("."), port)
        self.checked |= {(address, port) for address in found}
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found[:MOST_TRIES]
        ]

    async def close(self) -> None:
        """Nothing is held."""


def session() -> ClientSession:
    """A session that connects to checked addresses only; made on the loop that uses it."""
    resolver = Resolver()

    def opened(found: tuple[Any, ...]) -> socket.socket:
        # The last word is had where the connection is made: aiohttp asks no resolver for a number.
        family, kind, protocol, _name, (address, port, *_rest) = found
        if (address, port) not in resolver.checked:
            addresses.check_address(ip_address(address.partition("%")[0]), address, port)
        return socket.socket(family, kind, protocol)

    connector = TCPConnector(
        resolver=resolver,
        # Each connection asks anew, so that nothing checked is kept beside what is connected to.
        use_dns_cache=False,
        ssl=tls(),
        limit=MOST_CONNECTIONS,
        keepalive_timeout=KEPT_SECONDS,
        socket_factory=opened,
    )
    return ClientSession(connector=connector, cookie_jar=DummyCookieJar(), trust_env=False)


class Guarded(httpx2.AsyncBaseTransport):
    """A transport over such a session: addresses checked before, answers bounded after."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, max_bytes: int) -> None:
        self._inner, self._max_bytes = inner, max_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        addresses.check(request.url)
        return await bounded(await self._inner.handle_async_request(request), self._max_bytes)

    async def aclose(self) -> None:
        await self._inner.aclose()


def reader(response: httpx2.Response) -> Callable[[], Awaitable[bytes]] | None:
    """Reads what has arrived of a response's body, straight from aiohttp; nothing: it has ended.

    Four generators and a timer lie between the two, which all cost with each word. Whoever reads
    so must bound how long they wait. None: the response came another way, or is to be unpacked.
    """
    stream: Any = response.stream
    meter = None
    # There is no public name for what httpx and the meter wrap, nor for what the innermost stream
    # reads; tests/test_ai_models.py sees whether they stay.
    while (answer := getattr(stream, "_aiohttp_response", None)) is None:
        if isinstance(stream, AsyncMetered):
            meter = stream.meter
        stream = getattr(stream, "_stream", None)
        if stream is None:
            return None
    if answer.connection is not None and answer.connection.protocol is not None:
        # Its timer is made anew by every read; this stops the one that runs.
        answer.connection.protocol.read_timeout = None
        answer.connection.protocol.start_timeout()
    read: Callable[[], Awaitable[bytes]] = answer.content.readany
    return read if meter is None else meter.around(read)
