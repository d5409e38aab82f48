"""The Content-Security-Policy of every page: strict, but for what the admin's theme needs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast
from urllib.parse import urlsplit

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext

from chat.delivery.closing import NOBODY
from chat.delivery.frames import language_of
from chat.protocol import Error

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; media-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-src 'self'; frame-ancestors 'self'"
)
# The theme's Alpine evaluates expressions and sets styles; no inline script is allowed even so.
ADMIN = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; media-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
POLICY = "Content-Security-Policy"


class ContentSecurityPolicyMiddleware:
    """Adds the policy to an answer that has none of its own (the widget's frame has)."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], object]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> object:
        if self.is_async:
            return self._answer(request)
        response = self.get_response(request)
        return self._protect(request, cast(HttpResponseBase, response))

    async def _answer(self, request: HttpRequest) -> HttpResponseBase:
        pending = cast(Awaitable[HttpResponseBase], self.get_response(request))
        return self._protect(request, await pending)

    def _protect(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if POLICY not in response:
            in_admin = request.path.startswith(reverse("admin:index"))
            response[POLICY] = ADMIN if in_admin else STRICT
        return response


class SameOrigin:
    """Lets a socket in only from a page of this very server.

    The widget lives in a frame of ours, so its Origin is ours on every site; which sites may show
    that frame is the business of its `frame-ancestors`.
    """

    def __init__(self, application: Application) -> None:
        self.application = application

    @markcoroutinefunction
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        # What is no coroutine leaves nothing behind for as long as the socket stands.
        let_in = self.application if is_of_ours(scope) else refuse
        return let_in(scope, receive, send)


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Accept only to tell: a browser shows no page the status of a refused handshake.

    A proxy that hides the host would leave the widget trying for ever without a word.
    """
    await receive()
    await send({"type": "websocket.accept"})
    with translation.override(language_of(scope)):
        error = Error(code="wrong_origin", message=gettext("This page may not open the chat."))
    await send({"type": "websocket.send", "text": error.model_dump_json()})
    await send({"type": "websocket.close", "code": NOBODY})


def is_of_ours(scope: Scope) -> bool:
    """Whether a page of this server opens the socket."""
    headers = dict(scope["headers"])
    origin = urlsplit(headers.get(b"origin", b"").decode("latin-1"))
    host = headers.get(b"host", b"").decode("latin-1")
    return bool(origin.netloc) and origin.netloc == host and host_is_ours(host)


def host_is_ours(host: str) -> bool:
    """Whether the Host header names this server, as ALLOWED_HOSTS says."""
    return validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)
