"""Whole requests under limits, and clients for SDKs that make their own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus

import h11
import httpx2

from outgoing import addresses
from outgoing.refusals import Refused
from outgoing.transport import AsyncTransport, Transport

USER_AGENT = "WebAssistant/0.1"
# For an SDK, whose answers are small but may be long in coming.
SDK_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """What a request may take: seconds, bytes (packed, and again unpacked), redirects."""

    connect: float = 5.0
    # Of silence.
    read: float = 10.0
    # From the first look at the name to the last byte, over all redirects.
    total: float = 30.0
    max_bytes: int = 5 * 1024 * 1024
    redirects: int = 5
    # None given: any.
    content_types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a site said; `url` is where, after redirects."""

    url: str
    status: int
    headers: httpx2.Headers
    content: bytes

    @property
    def content_type(self) -> str:
        """Without parameters, in small letters."""
        return _content_type(self.headers)

    @property
    def charset(self) -> str | None:
        """As the header says it."""
        parameters = Message()
        parameters["content-type"] = self.headers.get("content-type", "")
        return parameters.get_content_charset()


def fetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    limits: Limits | None = None,
) -> Answer:
    """`afetch` for code without an event loop."""
    return asyncio.run(afetch(url, method=method, headers=headers, content=content, limits=limits))


async def afetch(
    url: str,
    *,
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    limits: Limits | None = None,
) -> Answer:
    """Ask an address and read the whole answer, whatever its status; raises Refused.

    Only GET and HEAD follow redirects, and `headers` go to the first site alone: they may hold a
    secret.
    """
    limits = limits or Limits()
    target, given = addresses.parse(url), dict(headers or {})
    hops = limits.redirects if method in ("GET", "HEAD") else 0
    with _refusing():
        async with asyncio.timeout(limits.total), _bounded(limits) as session:
            for _hop in range(hops + 1):
                request = session.build_request(method, target, headers=given, content=content)
                response = await session.send(request, stream=True)
                try:
                    onward = _onward(response)
                    if onward is None:
                        return await _read(response, limits)
                finally:
                    await response.aclose()
                if _origin(onward) != _origin(target):
                    given = {}
                target = onward
    raise Refused("too_many_redirects" if hops else "redirect")


async def _read(response: httpx2.Response, limits: Limits) -> Answer:
    wanted = limits.content_types
    if response.is_success and wanted and _content_type(response.headers) not in wanted:
        raise Refused("content_type")
    content = await response.aread()
    return Answer(str(response.request.url), response.status_code, response.headers, content)


def _onward(response: httpx2.Response) -> httpx2.URL | None:
    """Where a redirect leads, checked; None when this is the answer."""
    location = response.headers.get("location")
    if response.status_code not in (301, 302, 303, 307, 308) or location is None:
        return None
    try:
        joined = str(response.request.url.join(location.strip()).copy_with(fragment=None))
    except httpx2.InvalidURL:
        raise Refused("bad_address") from None
    return addresses.parse(joined)


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, addresses.host_of(url), addresses.port_of(url)


def _content_type(headers: httpx2.Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _bounded(limits: Limits) -> httpx2.AsyncClient:
    # Cookies would go along from one site to the next; nothing here has use for them.
    return httpx2.AsyncClient(
        transport=AsyncTransport(limits.max_bytes),
        timeout=httpx2.Timeout(limits.read, connect=limits.connect),
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
        follow_redirects=False,
        trust_env=False,
    )


@contextmanager
def _refusing() -> Iterator[None]:
    """The transport's errors in our words."""
    try:
        yield
    except TimeoutError:
        raise Refused("too_slow") from None
    except httpx2.ConnectTimeout:
        raise Refused("connect_timeout") from None
    except httpx2.TimeoutException:
        raise Refused("read_timeout") from None
    except httpx2.ConnectError as error:
        raise Refused("tls" if _caused_by(error, ssl.SSLError) else "unreachable") from None
    except httpx2.RemoteProtocolError as error:
        cause = _caused_by(error, h11.RemoteProtocolError)
        hint = getattr(cause, "error_status_hint", None)
        large = hint == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        raise Refused("headers_too_large" if large else "broken") from None
    except httpx2.TransportError:
        raise Refused("broken") from None


def _caused_by(error: BaseException, kind: type[Exception]) -> BaseException | None:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, kind):
        # The pool raises errors anew `from None`.
        cause = cause.__cause__ or cause.__context__
    return cause


def warm_up() -> None:
    """Read the certificates now, which a first request would wait for."""
    AsyncTransport(0)


def client(timeout: float, max_bytes: int = SDK_BYTES) -> httpx2.Client:
    """A guarded client for an SDK: checked addresses, no proxies, no redirects, bounded answers."""
    return httpx2.Client(
        transport=Transport(max_bytes), timeout=timeout, follow_redirects=False, trust_env=False
    )


def async_client(timeout: float, max_bytes: int = SDK_BYTES) -> httpx2.AsyncClient:
    """The same for an event loop."""
    return httpx2.AsyncClient(
        transport=AsyncTransport(max_bytes),
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
    )
