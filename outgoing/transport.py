"""Connections to checked addresses only, and answers of a bounded size."""

from __future__ import annotations

import asyncio
import socket
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from ssl import SSLContext
from typing import cast

import httpcore2
import httpx2

from outgoing import addresses
from outgoing.refusals import Refused

SocketOptions = Iterable[httpcore2.SOCKET_OPTION] | None
# Of the addresses of one name.
MOST_TRIES = 4
# Of one client: a model's answers are streams, and hundreds run at once. The pool's own ten would
# make the eleventh visitor wait for the first.
MOST_CONNECTIONS = 1000
KEPT_CONNECTIONS = 100
# On a quiet site an answer need not begin with a handshake.
KEPT_SECONDS = 50.0
PIECE = 64 * 1024


def _resolved(host: str, port: int) -> list[str]:
    """What the system's resolver says, asked once for a connection; raises Refused."""
    if addresses.literal_of(host) is not None:
        return addresses.checked(host, port, [host])
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Refused("no_such_host") from None
    return addresses.checked(host, port, [str(entry[4][0]) for entry in found])


async def resolved_in_time(host: str, port: int) -> list[str]:
    """The same, without holding up the loop; a resolver that hangs is left behind."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="resolver")
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, _resolved, host, port)
    finally:
        thread.shutdown(wait=False)


class Backend(httpcore2.NetworkBackend):
    """Opens connections to addresses that were checked, so that a name cannot change meanwhile.

    The request keeps the name, which the certificate is checked against.
    """

    def __init__(self) -> None:
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> httpcore2.NetworkStream:
        trouble: Exception = Refused("no_such_host")
        for address in _resolved(host.lower().removesuffix("."), port)[:MOST_TRIES]:
            try:
                return self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                trouble = error
        raise trouble


class AsyncBackend(httpcore2.AsyncNetworkBackend):
    """The same for an event loop."""

    def __init__(self) -> None:
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> httpcore2.AsyncNetworkStream:
        trouble: Exception = Refused("no_such_host")
        found = await resolved_in_time(host.lower().removesuffix("."), port)
        for address in found[:MOST_TRIES]:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                trouble = error
        raise trouble


@cache
def tls() -> SSLContext:
    """Certificates as the system trusts them; names are checked."""
    return httpx2.create_ssl_context()


class Transport(httpx2.HTTPTransport):
    """httpx's own transport over guarded connections."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(verify=tls())
        self._max_bytes = max_bytes
        # httpx has no parameter for the network below it.
        self._pool = httpcore2.ConnectionPool(ssl_context=tls(), network_backend=Backend())

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        addresses.check(request.url)
        response = super().handle_request(request)
        try:
            meter = Meter(response.headers, self._max_bytes)
        except Refused:
            response.close()
            raise
        stream = cast(httpx2.SyncByteStream, response.stream)
        return _unpacked(response, Metered(stream, meter))


class AsyncTransport(httpx2.AsyncHTTPTransport):
    """The same for an event loop."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(verify=tls())
        self._max_bytes = max_bytes
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls(),
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=KEPT_CONNECTIONS,
            network_backend=AsyncBackend(),
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        addresses.check(request.url)
        return await bounded(await super().handle_async_request(request), self._max_bytes)


async def bounded(response: httpx2.Response, max_bytes: int) -> httpx2.Response:
    """The response unpacked, and refused where it is too large; raises Refused."""
    try:
        meter = Meter(response.headers, max_bytes)
    except Refused:
        await response.aclose()
        raise
    stream = cast(httpx2.AsyncByteStream, response.stream)
    return _unpacked(response, AsyncMetered(stream, meter))


def _unpacked(
    response: httpx2.Response, stream: httpx2.SyncByteStream | httpx2.AsyncByteStream
) -> httpx2.Response:
    """The response as if it had come plain, so that nobody above unpacks without a limit."""
    headers = [
        (name, value)
        for name, value in response.headers.raw
        if name.lower() not in (b"content-encoding", b"content-length")
    ]
    return httpx2.Response(
        response.status_code, headers=headers, stream=stream, extensions=response.extensions
    )


class Meter:
    """Unpacks gzip in small pieces, and refuses what is too large before it is in memory."""

    def __init__(self, headers: httpx2.Headers, max_bytes: int) -> None:
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip"):
            raise Refused("encoding")
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > max_bytes:
            raise Refused("too_large")
        self._unpacker = zlib.decompressobj(wbits=31) if encoding.endswith("gzip") else None
        self._max_bytes = max_bytes
        self._received = self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The plain bytes that came with these."""
        self._received += len(data)
        if self._received > self._max_bytes:
            raise Refused("too_large")
        if self._unpacker is None:
            yield data
            return
        while data:
            try:
                plain = self._unpacker.decompress(data, PIECE)
            except zlib.error:
                raise Refused("encoding") from None
            self._given += len(plain)
            if self._given > self._max_bytes:
                raise Refused("bomb")
            yield plain
            data = self._unpacker.unconsumed_tail

    def around(self, read: Callable[[], Awaitable[bytes]]) -> Callable[[], Awaitable[bytes]]:
        """Reads the plain bytes of what `read` gives; nothing: there are no more."""

        async def metered() -> bytes:
            while data := await read():
                if plain := b"".join(self.feed(data)):
                    return plain
            self.finish()
            return b""

        return metered

    def finish(self) -> None:
        """Refuse an archive without an end."""
        if self._unpacker is not None and self._received and not self._unpacker.eof:
            raise Refused("broken")


class Metered(httpx2.SyncByteStream):
    """A body that goes through a meter."""

    def __init__(self, stream: httpx2.SyncByteStream, meter: Meter) -> None:
        self._stream, self._meter = stream, meter

    def __iter__(self) -> Iterator[bytes]:
        for data in self._stream:
            yield from self._meter.feed(data)
        self._meter.finish()

    def close(self) -> None:
        self._stream.close()


class AsyncMetered(httpx2.AsyncByteStream):
    """The same for an event loop."""

    def __init__(self, stream: httpx2.AsyncByteStream, meter: Meter) -> None:
        self._stream, self.meter = stream, meter

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._stream:
            for plain in self.meter.feed(data):
                yield plain
        self.meter.finish()

    async def aclose(self) -> None:
        await self._stream.aclose()
