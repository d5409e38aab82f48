"""Serves an application exactly as production serves the product."""

from __future__ import annotations

import sys

from uvicorn import Server

from webassistant.server import configuration

if __name__ == "__main__":
    application, port = sys.argv[1:]
    config = configuration("127.0.0.1", int(port))
    config.app = application
    Server(config).run()
