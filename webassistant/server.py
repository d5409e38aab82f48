"""The web server of production: uvicorn, which tells every socket before it goes.

Started as `python -m webassistant.server`. Uvicorn alone would close the sockets with 1012 and no
word of when to come back, and a thousand clients would come back as one.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket

from uvicorn import Config, Server

from chat.delivery.socket import say_goodbye

log = logging.getLogger("webassistant.server")

# How long requests may still run; who stops us waits longer (supervisor.py, docker-compose.yml).
GRACE_SECONDS = 5


class PoliteServer(Server):
    """A uvicorn that says `bye` to the sockets when it is asked to end."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take nobody new, let the sockets go with a word, then drain as uvicorn does."""
        for listener in self.servers:
            listener.close()
        log.info("said goodbye to %d sockets", await say_goodbye())
        await super().shutdown(sockets)


def configuration(host: str, port: int) -> Config:
    """How production serves; `chaos` and the tests run the same."""
    return Config(
        "webassistant.asgi:application",
        host=host,
        port=port,
        loop="uvloop",
        lifespan="off",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        # A larger frame is not even read (close code 1009); from 16 KB on it is refused.
        ws_max_size=64 * 1024,
        # Addresses may hold one-time tokens, and whose proxy is believed is a setting of ours.
        access_log=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webassistant.settings")
    config = configuration(options.host, options.port)
    config.load_app()
    server = PoliteServer(config)
    server.run()
    if not server.started:
        raise SystemExit(3)


if __name__ == "__main__":
    main()
