"""Bodies of requests that are too large, refused before Django lays them on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.html import escape
from django.utils.translation import gettext

from chat.delivery.frames import language_of
from webassistant.security import Application, Receive, Scope, Send

# Beside a file a form has other fields.
FORM_BYTES = 1024 * 1024
# A browser shows an answer only once it has sent what it began: so much more is read and dropped.
LINGER_BYTES, LINGER_SECONDS = 256 * 1024 * 1024, 20.0


class BoundedBodies:
    """Answers 413 by the announced length, or as soon as more has come than may.

    Django reads a body to its end before anybody looks at it. Only the admin takes files.
    """

    def __init__(self, application: Application, files_below: str) -> None:
        self.application = application
        self.files_below = files_below

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        if not length and b"transfer-encoding" not in headers:
            await self.application(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        if length.isdigit() and (len(length) > 18 or int(length) > limit):
            await _refuse(scope, receive, send, headers)
            return
        came = 0

        async def counted() -> dict[str, Any]:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            # For Django whoever sends too much is gone, so it lets go of what it has.
            return {"type": "http.disconnect"} if came > limit else message

        await self.application(scope, counted, send)
        if came > limit:
            await _refuse(scope, receive, send, headers)

    def _limit(self, path: str) -> int:
        largest: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if path.startswith(self.files_below):
            largest = max(largest, settings.DOCUMENT_MAX_BYTES) + FORM_BYTES
        return largest


async def _refuse(
    scope: Scope, receive: Receive, send: Send, headers: Mapping[bytes, bytes]
) -> None:
    with translation.override(language_of(scope)):
        said = gettext("This is more than the server takes in one request.")
    page = f'<!doctype html><meta charset="utf-8"><title>413</title><p>{escape(said)}'.encode()
    fields = {
        b"content-type": b"text/html; charset=utf-8",
        b"content-length": b"%d" % len(page),
        b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
        b"connection": b"close",
    }
    await send({"type": "http.response.start", "status": 413, "headers": list(fields.items())})
    await send({"type": "http.response.body", "body": page, "more_body": True})
    # Who asks first (curl) has not begun to send.
    if b"expect" not in headers:
        await _read_out(receive)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _read_out(receive: Receive) -> None:
    """Drop what is still on its way, up to a limit."""
    dropped = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while dropped < LINGER_BYTES:
                message = await receive()
                dropped += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body"):
                    return
