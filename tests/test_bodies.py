"""Bodies that are too large are refused at the edge, by a real server."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import web
from webassistant.bodies import FORM_BYTES, BoundedBodies
from webassistant.security import Receive, Scope, Send

MB = 1024 * 1024


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder: Path = tmp_path_factory.mktemp("bodies")
    with web(folder, DOCUMENT_MAX_BYTES=str(3 * MB)) as (_process, port):
        yield port


def told(port: int, head: str, body: bytes = b"") -> tuple[int, str]:
    """The answer to a request as it stands, before anything more is sent."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        try:
            connection.sendall(body)
        except ConnectionError:
            pytest.fail("the server hung up on somebody who was sending")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        return answer.status, answer.read().decode()


@pytest.mark.parametrize(
    ("path", "length"),
    [
        ("/setlang/", 2 * MB + 1),
        ("/nowhere", 10**12),
        ("/admin/login/", 3 * MB + FORM_BYTES + 1),
        ("/admin/", 10**40),
    ],
)
def test_announced_length_is_refused_before_a_byte_is_sent(
    port: int, path: str, length: int
) -> None:
    head = f"POST {path} HTTP/1.1\nHost: localhost\nAccept-Language: en\nContent-Length: {length}"
    status, page = told(port, head)
    if length < 10**20:
        assert "more than the server takes" in page
    # A number that is none the server itself refuses.
    assert status in ({413} if length < 10**20 else {400, 413})


def test_length_within_the_limit_reaches_the_page(port: int) -> None:
    body = b"x" * (2 * MB)
    head = f"POST /nowhere HTTP/1.1\nHost: localhost\nContent-Length: {len(body)}"
    assert told(port, head, body)[0] == 404
    head = f"POST /admin/nowhere HTTP/1.1\nHost: localhost\nContent-Length: {3 * MB}"
    assert told(port, head, b"x" * 3 * MB)[0] in (302, 403, 404)


def test_body_without_a_length_is_counted(port: int) -> None:
    head = (
        "POST /nowhere HTTP/1.1\nHost: localhost\nAccept-Language: ru\nTransfer-Encoding: chunked"
    )
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    status, page = told(port, f"{head}\nAccept-Language: ru", chunk * 64 + b"0\r\n\r\n")
    assert status == 413
    assert "больше, чем" in page
    assert told(port, head, chunk * 2 + b"0\r\n\r\n")[0] == 404


def test_browser_that_sends_it_all_hears_the_answer(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/setlang/", b"x" * (8 * MB))
    assert connection.getresponse().status == 413


@pytest.mark.asyncio
async def test_application_never_sees_what_is_refused() -> None:
    seen: list[int] = []
    sent: list[Any] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] == "http.request":
            seen.append(len(message["body"]))
            if not message["more_body"]:
                break

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * MB, "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    bounded = BoundedBodies(application, "/admin/")
    scope: Scope = {"type": "http", "path": "/", "headers": [(b"transfer-encoding", b"chunked")]}
    await bounded(scope, receive, send)
    assert seen == [MB, MB]
    assert sent[0]["status"] == 413
    assert sent[-1]["more_body"] is False

    seen.clear()
    scope["headers"] = [(b"content-length", b"999999999")]
    await bounded(scope, receive, send)
    assert seen == []
