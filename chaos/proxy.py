"""A TCP proxy that treats connections as bad networks do; `people` puts it before the servers.

It cuts (between frames or in the middle of one), goes deaf while both sides believe they are
connected, stalls, and swallows single frames of the server, which is what a lost event looks like.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

from chaos.journal import Journal

STALLED_SHARE = 0.3
LONGEST_STALL = 0.4
# A deaf line's other side is held this long, as by a router that forgot the connection.
DEAF_SECONDS = 60.0
BETWEEN_CUTS = 0.22
# Beside the cuts: one line in so many goes deaf, one frame in so many is swallowed.
CUTS_A_DEAF_LINE = 20
CUTS_A_LOST_FRAME = 10
CARRY_A_LINE = (b'"type":"message"', b'"type":"ai_response"')


@dataclass(eq=False)
class Line:
    """One connection through the proxy."""

    port: int
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_stalled: bool
    is_deaf: bool = False
    # Bytes to hold back from the next piece before the line is cut.
    short: int = 0
    swallow: bool = False

    def cut(self) -> None:
        """End both sides at once, with a reset."""
        self.client.transport.abort()
        self.server.transport.abort()


class Frames:
    """The server's side of a WebSocket connection, taken apart into frames (which have no mask)."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_open = False

    def feed(self, data: bytes) -> list[bytes]:
        """The whole frames that are complete now; the answer to the handshake counts as one."""
        self._rest += data
        frames = []
        while (size := self._size()) and len(self._rest) >= size:
            frames.append(self._rest[:size])
            self._rest = self._rest[size:]
        return frames

    def _size(self) -> int:
        if not self._is_open:
            end = self._rest.find(b"\r\n\r\n")
            self._is_open = end >= 0
            return end + 4 if end >= 0 else 0
        if len(self._rest) < 4:
            return 2 + self._rest[1] if len(self._rest) >= 2 and self._rest[1] < 126 else 0
        length = self._rest[1]
        if length < 126:
            return 2 + length
        if length == 126:
            return 4 + int.from_bytes(self._rest[2:4], "big")
        return 10 + int.from_bytes(self._rest[2:10], "big") if len(self._rest) >= 10 else 0


def payload(frame: bytes) -> bytes:
    """What a server's frame carries."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :] if len(frame) > 1 else b""


class Proxy:
    """Listens on a port of its own and passes everything on, more or less."""

    def __init__(
        self,
        target: int,
        journal: Journal,
        luck: random.Random,
        stalled_share: float = STALLED_SHARE,
    ) -> None:
        self.target, self.journal, self.luck = target, journal, luck
        self.stalled_share = stalled_share
        self.port = 0
        self.lines: list[Line] = []
        self.cuts = {"between": 0, "mid-frame": 0}

    async def listen(self) -> None:
        """Take a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._server = server

    async def close(self) -> None:
        """Cut everything and listen no more."""
        self._server.close()
        for line in self.lines:
            line.cut()

    async def _serve(self, from_client: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        try:
            from_server, server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            client.transport.abort()
            return
        port = client.get_extra_info("peername")[1]
        line = Line(port, client, server, is_stalled=self.luck.random() < self.stalled_share)
        self.lines.append(line)
        ways = [
            asyncio.ensure_future(self._pass(line, from_client, server, None)),
            asyncio.ensure_future(self._pass(line, from_server, client, Frames())),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if line.is_deaf:
                await asyncio.wait(ways, timeout=DEAF_SECONDS)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            line.cut()
            if line in self.lines:
                self.lines.remove(line)

    async def _pass(
        self,
        line: Line,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        frames: Frames | None,
    ) -> None:
        """Carry one direction; `frames` is given for what the server says."""
        try:
            while data := await reader.read(1 << 16):
                if line.is_deaf:
                    continue
                if line.is_stalled:
                    await asyncio.sleep(self.luck.uniform(0, LONGEST_STALL))
                if line.short:
                    writer.write(data[: -min(line.short, len(data) - 1)])
                    await writer.drain()
                    self._count(line, "mid-frame")
                    return
                if frames is not None:
                    data = self._without_lost(line, frames.feed(data))
                writer.write(data)
                await writer.drain()
        except OSError:
            return

    def _count(self, line: Line, kind: str) -> None:
        self.cuts[kind] += 1
        self.journal.write("network", kind, port=line.port)
        if line in self.lines:
            self.lines.remove(line)

    def _without_lost(self, line: Line, frames: list[bytes]) -> bytes:
        """The frames without the one that is to be lost: the first that carries a line."""
        kept = []
        for frame in frames:
            if line.swallow and any(kind in frame for kind in CARRY_A_LINE):
                line.swallow = False
                event = json.loads(payload(frame))
                self.journal.write(
                    "network",
                    "swallowed",
                    port=line.port,
                    chat=event["chat_id"],
                    seq=event["message"]["seq"],
                )
                continue
            kept.append(frame)
        return b"".join(kept)

    def cut(self, line: Line) -> None:
        """End a line where it stands."""
        line.cut()
        self._count(line, "between")

    def shorten(self, line: Line, least: int = 1, most: int = 8) -> None:
        """End a line in the middle of the next frame that passes, in either direction."""
        line.short = self.luck.randint(least, most)


class Storm:
    """So many cuts, half of them in the middle of a frame, with deaf lines and lost frames."""

    def __init__(
        self, proxies: Sequence[Proxy], cuts: int, luck: random.Random, journal: Journal
    ) -> None:
        self.proxies, self.wanted, self.luck, self.journal = proxies, cuts, luck, journal
        self.is_over = False

    @property
    def done(self) -> int:
        """The cuts that have happened."""
        return sum(sum(proxy.cuts.values()) for proxy in self.proxies)

    async def blow(self) -> None:
        """Until all cuts are made."""
        await asyncio.sleep(5)
        rounds = 0
        while self.done < self.wanted:
            await asyncio.sleep(self.luck.uniform(0, 2 * BETWEEN_CUTS))
            proxy = self.luck.choice(list(self.proxies))
            fresh = [line for line in proxy.lines if not line.is_deaf and not line.short]
            if not fresh:
                continue
            rounds += 1
            line = self.luck.choice(fresh)
            if rounds % CUTS_A_DEAF_LINE == 0:
                line.is_deaf = True
                self.journal.write("network", "deaf", port=line.port)
            elif rounds % CUTS_A_LOST_FRAME == 1:
                line.swallow = True
            # So that both kinds come to one half, whatever passes when.
            elif proxy.cuts["mid-frame"] > proxy.cuts["between"]:
                proxy.cut(line)
            else:
                proxy.shorten(line)
