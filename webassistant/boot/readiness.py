"""Whether the product answers: asked while it starts, and by a container's health check."""

from __future__ import annotations

import http.client
import sys
from urllib.parse import urlsplit

from webassistant.boot.installation import Installation


def answers(address: str, host: str) -> bool:
    """Whether the health page at this address says that all is well."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": host})
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    """`python -m webassistant.boot.readiness`: 0 when this machine's server is well."""
    installation = Installation.load()
    address = installation.local_address(installation.wanted_port)
    return 0 if answers(address, installation.allowed_host()) else 1


if __name__ == "__main__":
    sys.exit(main())
