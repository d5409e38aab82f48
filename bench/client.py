"""A WebSocket client that costs little, so that on two cores the server is what is measured.

It speaks just enough of RFC 6455 for a server that sends whole frames without compression. Its
frames are masked with zeros, which the standard allows and which leaves the payload as it is.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import cast

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
SECONDS = 30.0


def frame_of(payload: bytes) -> bytes:
    """A masked text frame."""
    size = len(payload)
    if size < 126:
        return struct.pack("!BBI", 0x81, 0x80 | size, 0) + payload
    return struct.pack("!BBHI", 0x81, 0xFE, size, 0) + payload


class Client(asyncio.Protocol):
    """One socket: `heard` is called with the payload of every text frame."""

    def __init__(self, host: str, path: str) -> None:
        self.transport: asyncio.Transport
        self.heard: Callable[[Client, bytes], None] = lambda client, payload: None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.closed_with: int | None = None
        self._request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        self._data = b""

    def send(self, payload: bytes) -> None:
        """Send a text frame."""
        self.transport.write(frame_of(payload))

    def close(self) -> None:
        """Hang up."""
        self.transport.close()

    # --- asyncio calls these ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.opened.done():
            self.opened.set_exception(ConnectionError("the server hung up in the handshake"))

    def data_received(self, data: bytes) -> None:
        if self._data:
            data = self._data + data
        position, size = 0, len(data)
        if not self.opened.done():
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._data = data
                return
            if not data.startswith(b"HTTP/1.1 101"):
                self.opened.set_exception(ConnectionError(data[:60].decode("latin-1")))
                self.transport.close()
                return
            self.opened.set_result(None)
            position = end + 4
        while position + 2 <= size:
            length, start = data[position + 1], position + 2
            if length == 126:
                start += 2
                if start > size:
                    break
                length = int.from_bytes(data[position + 2 : start])
            elif length == 127:
                start += 8
                if start > size:
                    break
                length = int.from_bytes(data[position + 2 : start])
            if start + length > size:
                break
            opcode = data[position] & 0x0F
            payload = data[start : start + length]
            position = start + length
            if opcode == 1:
                self.heard(self, payload)
            elif opcode == 9:
                self.transport.write(struct.pack("!BBI", 0x8A, 0x80 | length, 0) + payload)
            elif opcode == 8:
                self.closed_with = int.from_bytes(payload[:2]) if payload else 1005
                self.transport.close()
        self._data = data[position:]


async def connect(port: int, path: str) -> Client:
    """An open socket to a server on this machine."""
    host = f"127.0.0.1:{port}"
    loop = asyncio.get_running_loop()
    _transport, client = await loop.create_connection(lambda: Client(host, path), "127.0.0.1", port)
    await asyncio.wait_for(client.opened, SECONDS)
    return client


async def connect_many(port: int, path: str, count: int, at_once: int = 64) -> list[Client]:
    """So many open sockets."""
    clients: list[Client] = []
    while len(clients) < count:
        some = min(at_once, count - len(clients))
        clients += await asyncio.gather(*(connect(port, path) for _ in range(some)))
    return clients
