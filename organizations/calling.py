"""Making a described HTTP call, through the guarded way out. Used by answers and by "Try it"."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ai.metering import milliseconds
from organizations import sealing
from organizations.calls import filling, keeping, schemas
from organizations.models.providers import parse_headers, refusal
from organizations.models.tools import WITH_BODY, HTTPCall

log = logging.getLogger(__name__)

MAX_BYTES = 512 * 1024
CONNECT_SECONDS = 3.0
DETAIL = 300

SENTENCES: dict[str, Promise] = {
    "argument_missing": _("An argument that the address needs was not given."),
    "argument_path": _(
        "An argument in the path may not be empty, a dot, or hold / \\ % or control characters."
    ),
    "argument_shape": _("This argument must be a text, a number or true/false."),
    "argument_long": _("An argument is too long for an address."),
    "key_unreadable": _(
        "The stored headers cannot be read: ENCRYPTION_KEYS is not what they were sealed with. "
        "Bring that key back, or enter the headers again."
    ),
    "http_status": _("The service refuses the request or is out of order."),
    "not_json": _("The answer is no JSON, so no parts of it can be kept."),
    "redirect": _("The service leads elsewhere, which is not followed. Give the last address."),
    "invalid": _("The arguments do not fit the schema."),
    "unknown_tool": _("There is no such tool for this agent."),
    "too_many_calls": _("Too many calls for one answer."),
    "worker_lost": _("The worker was lost during the call."),
    "tool_gone": _("The tool has been deleted or switched off."),
    "tool_changed": _("The tool has been changed since the call was confirmed."),
    "internal": _("The call failed here, before it was made."),
    "unread": _("The service has answered, but its answer could not be read here."),
}
# Until one of these shows, nothing of the request has reached the service.
NEVER_SENT = {
    *("bad_address", "scheme", "user_info", "port", "odd_address", "local_name", "no_such_host"),
    *("unreachable", "tls", "connect_timeout", "key_unreadable", "internal"),
    *("invalid", "tool_gone", "tool_changed"),
    *("argument_missing", "argument_path", "argument_shape", "argument_long"),
}


def sentence(code: str) -> str:
    """What went wrong with a call, for the owner; empty for nothing."""
    if not code:
        return ""
    return str(SENTENCES[code]) if code in SENTENCES else refusal(code)


@dataclass(frozen=True)
class Outcome:
    """What came of a call; `code` is empty where an answer was kept.

    `detail` is the beginning of an answer that was refused, for whoever sets the call up; no model
    and no visitor is told.
    """

    code: str = ""
    status: int | None = None
    kept: str = ""
    is_cut: bool = False
    milliseconds: int = 0
    address: str = ""
    detail: str = ""

    @property
    def may_have_happened(self) -> bool:
        """Whether the service may have done what it was asked, though it did not say so."""
        if not self.code or self.code in NEVER_SENT or self.code.startswith("address_"):
            return False
        return self.status is None or self.status >= 500 or self.code != "http_status"


async def call(described: HTTPCall, arguments: Mapping[str, Any], key: str = "") -> Outcome:
    """Make the call once; what goes wrong is in the outcome. By `key` a service tells repeats."""
    began = time.monotonic()
    try:
        outcome = await _made(described, arguments, key)
    except Exception:
        log.exception("%s %s was not called", type(described).__name__, described.pk)
        outcome = Outcome("internal")
    return Outcome(**{**outcome.__dict__, "milliseconds": milliseconds(began)})


def warm_up() -> None:
    """Import now what a first call would wait for longer than its own time."""
    import outgoing

    outgoing.warm_up()
    schemas.problems(schemas.NOTHING, {})


def call_and_wait(described: HTTPCall, arguments: Mapping[str, Any]) -> Outcome:
    """`call` for code without an event loop."""
    return asyncio.run(call(described, arguments))


async def _made(described: HTTPCall, arguments: Mapping[str, Any], key: str) -> Outcome:
    # It brings an HTTP client along, which most processes do without.
    import outgoing

    try:
        headers = dict(parse_headers(described.headers, may_authorize=True))
        address, content = _filled(described, arguments)
    except sealing.Unreadable:
        return Outcome("key_unreadable")
    except filling.Unfillable as error:
        return Outcome(error.code, detail=str(error))
    secrets = list(headers.values())
    shown = keeping.mask(address, secrets)
    headers.setdefault("Accept", "application/json")
    if content is not None:
        headers["Content-Type"] = "application/json"
    if key:
        headers["Idempotency-Key"] = key
    limits = outgoing.Limits(
        connect=min(CONNECT_SECONDS, described.timeout),
        read=described.timeout,
        total=described.timeout,
        max_bytes=MAX_BYTES,
        redirects=0,
    )
    try:
        answer = await outgoing.afetch(
            address, method=described.method, headers=headers, content=content, limits=limits
        )
    except outgoing.Refused as refused:
        return Outcome(refused.code, address=shown)
    try:
        return _kept(described, answer, secrets, shown)
    except Exception:
        # It was made all the same, which nobody may be told otherwise.
        log.exception("%s %s: the answer was not read", type(described).__name__, described.pk)
        return Outcome("unread", answer.status, address=shown)


def _filled(described: HTTPCall, arguments: Mapping[str, Any]) -> tuple[str, bytes | None]:
    """Where it goes, and what is sent along; raises Unfillable."""
    address = filling.address(described.url, arguments)
    if described.method not in WITH_BODY:
        return address, None
    body = (
        {k: v for k, v in arguments.items() if k not in filling.names_in(described.url)}
        if described.body is None
        else filling.body(described.body, arguments)
    )
    return address, orjson.dumps(body)


def _kept(described: HTTPCall, answer: Any, secrets: list[str], address: str) -> Outcome:
    """What is left of an answer: nothing secret, the wanted parts, not too much."""
    whole = keeping.mask(keeping.read(answer.content), secrets)
    detail = keeping.bounded(whole, DETAIL)[0]
    status = answer.status
    if not 200 <= status < 300:
        return Outcome("http_status", status, address=address, detail=detail)
    try:
        picked = keeping.pick(whole, keeping.parse_paths(described.keep))
    except keeping.NotJSON:
        return Outcome("not_json", status, address=address, detail=detail)
    kept, is_cut = keeping.bounded(picked, described.max_kept)
    return Outcome("", status, kept, is_cut, address=address)
