"""A local HTTP server in a thread of its own, with a gate that a test opens."""

from __future__ import annotations

import asyncio
import ssl
import threading
from typing import Self

from aiohttp import web


class ThreadedServer:
    """Use it as a context manager; a subclass says in `add_routes` what it answers."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.port = port
        self._tls = tls
        self._gate: asyncio.Event | None = None
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def add_routes(self, application: web.Application) -> None:
        """Say what is answered where."""
        raise NotImplementedError

    def open_gate(self) -> None:
        """Let who waits at the gate go on."""
        assert self._gate is not None
        self._loop.call_soon_threadsafe(self._gate.set)

    def join(self) -> None:
        """Wait for the server to end."""
        self._thread.join()

    async def wait_at_gate(self) -> None:
        """Go on when the test says so; the gate closes behind."""
        assert self._gate is not None
        await self._gate.wait()
        self._gate.clear()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._runner.cleanup())
        pending = asyncio.all_tasks(self._loop)
        for task in pending:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        self._loop.close()

    async def _start(self) -> None:
        self._gate = asyncio.Event()
        application = web.Application()
        self.add_routes(application)
        self._runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._tls)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
