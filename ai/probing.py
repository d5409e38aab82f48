"""Questions to a provider from the owner's forms: which models it has, and whether one answers.

Made without the vendor's SDK, which is large and which the web processes do without.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

import httpx2
import orjson

import outgoing
from ai import trouble
from ai.interface import AIError, Connection

OPENAI = "https://api.openai.com/v1"
# From the first look at the name to the last byte: a person waits.
SECONDS = 20.0
MOST_BYTES = 5 * 1024 * 1024
MOST_MODELS = 2000
LONGEST_NAME = 120
MILLION = Decimal(1_000_000)
SMALLEST = Decimal("0.000001")
# A list with more than this for a million tokens is not one of prices.
DEAREST = Decimal(1_000_000)


def models(connection: Connection) -> list[str]:
    """The names of the provider's models, in order; raises AIError."""
    said = _ask(connection, "GET", "models")
    rows = said.get("data") if isinstance(said, dict) else None
    if not isinstance(rows, list):
        raise trouble.not_compatible()
    names = {row.get("id") for row in rows[:MOST_MODELS] if isinstance(row, dict)}
    return sorted(n for n in names if isinstance(n, str) and 0 < len(n) <= LONGEST_NAME)


@dataclass(frozen=True)
class ListedPrice:
    """Of a million tokens, in US dollars."""

    input: Decimal
    cached: Decimal | None
    output: Decimal


def prices(connection: Connection) -> dict[str, ListedPrice]:
    """The prices of the provider's models, where its list has any (OpenRouter's); raises AIError.

    A price that is none, or below zero (which means that it varies), is left out.
    """
    said = _ask(connection, "GET", "models")
    rows = said.get("data") if isinstance(said, dict) else None
    if not isinstance(rows, list):
        raise trouble.not_compatible()
    found = {}
    for row in rows[:MOST_MODELS]:
        listed = row.get("pricing") if isinstance(row, dict) else None
        if not isinstance(listed, dict) or not isinstance(row.get("id"), str):
            continue
        given, answered = _price(listed.get("prompt")), _price(listed.get("completion"))
        if given is not None and answered is not None:
            cached = _price(listed.get("input_cache_read"))
            found[row["id"]] = ListedPrice(given, cached, answered)
    return found


def _price(value: Any) -> Decimal | None:
    """A price of one token as one of a million."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    try:
        price = (Decimal(str(value)) * MILLION).quantize(SMALLEST, ROUND_HALF_UP)
    except InvalidOperation:
        return None
    return price if 0 <= price < DEAREST else None


def try_model(connection: Connection, name: str) -> None:
    """Have a model say one word; raises AIError."""
    said = _ask(
        connection,
        "POST",
        "chat/completions",
        {"model": name, "messages": [{"role": "user", "content": "Answer with one word: yes."}]},
    )
    choices = said.get("choices") if isinstance(said, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict) or "message" not in first:
        raise trouble.not_compatible()


def _ask(connection: Connection, method: str, path: str, body: Any = None) -> Any:
    response = asyncio.run(_response(connection, method, path, body))
    if not response.is_success:
        raise trouble.of_status(
            response.status_code, response.text, response.headers.get("retry-after")
        )
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        raise trouble.not_compatible() from None


async def _response(connection: Connection, method: str, path: str, body: Any) -> httpx2.Response:
    headers = dict(connection.headers)
    if connection.api_key:
        headers["Authorization"] = f"Bearer {connection.api_key}"
    address = f"{(connection.base_url or OPENAI).rstrip('/')}/{path}"
    try:
        async with (
            asyncio.timeout(min(connection.timeout, SECONDS)),
            _session(connection) as session,
        ):
            return await session.request(method, address, headers=headers, json=body)
    except (TimeoutError, httpx2.TimeoutException):
        raise trouble.too_late() from None
    except httpx2.InvalidURL:
        raise AIError(
            "This is no address.", code="ai_address", retryable=False, reason="bad_address"
        ) from None
    except (outgoing.Refused, httpx2.TransportError) as error:
        raise trouble.of_connection(error) from None


def _session(connection: Connection) -> httpx2.AsyncClient:
    if connection.is_guarded:
        return outgoing.async_client(connection.timeout, MOST_BYTES)
    return httpx2.AsyncClient(timeout=connection.timeout)
