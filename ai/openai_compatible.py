"""The one adapter to models over the network: everything that speaks the OpenAI protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import closing, suppress
from typing import Any
from weakref import WeakKeyDictionary

import httpx2
from openai import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    AsyncOpenAI,
    AsyncStream,
    BadRequestError,
    DefaultAioHttpClient,
)

# The SDK has no public name for it, and tests/test_ai_models.py sees whether it stays there.
from openai._vendor.httpx_aiohttp.transport import AiohttpTransport

import outgoing
from ai import trouble
from ai.interface import AIError, ChatModel, ChatRequest, Connection, Delta
from ai.stream_lines import Lines
from ai.tool_protocol import UseParts, tool_options, wire_message
from outgoing import streaming
from outgoing.transport import KEPT_SECONDS, MOST_CONNECTIONS

# A provider without keys (Ollama, vLLM) still wants a header; the SDK refuses an empty key.
NO_KEY = "none"
# Of one whole answer, by an address that was typed into a form.
MOST_BYTES = 32 * 1024 * 1024
# How long the end of a stream is waited for, once the answer is whole.
END_SECONDS = 0.2


class Client:
    """A provider's client on one event loop, and what was learnt of the provider's dialect."""

    def __init__(self, connection: Connection) -> None:
        self.sdk = AsyncOpenAI(
            api_key=connection.api_key or NO_KEY,
            base_url=connection.base_url or None,
            default_headers=dict(connection.headers),
            timeout=connection.timeout,
            # Attempts are counted on the turn; retries here would hide behind the lease.
            max_retries=0,
            http_client=_guarded(connection) if connection.is_guarded else _fast(),
        )
        self.silence = connection.silence
        self.refused: set[str] = set()

    def touch(self) -> None:
        """Have the SDK ask now what it tells of this machine with each request."""
        _ = self.sdk.default_headers


def _fast() -> httpx2.AsyncClient:
    """For the server's own provider.

    The SDK's other client takes twice the CPU for a token, and hangs up after 5 seconds: on a quiet
    site every answer would begin with a handshake.
    """
    return DefaultAioHttpClient(
        limits=httpx2.Limits(max_connections=MOST_CONNECTIONS, keepalive_expiry=KEPT_SECONDS)
    )


def _guarded(connection: Connection) -> httpx2.AsyncClient:
    """For an address that was typed into a form: as fast, to checked addresses only."""
    inner = AiohttpTransport(client=streaming.session)
    return httpx2.AsyncClient(
        transport=streaming.Guarded(inner, MOST_BYTES),
        timeout=connection.timeout,
        follow_redirects=False,
        trust_env=False,
    )


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Connection, Client]] = (
    WeakKeyDictionary()
)


async def close_clients() -> None:
    """Hang up on every provider of the running loop."""
    for client in _clients.pop(asyncio.get_running_loop(), {}).values():
        await client.sdk.close()


def client_for(connection: Connection) -> Client:
    """The running loop's client for this provider: one that was made on another would be dead."""
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if connection not in clients:
        clients[connection] = Client(connection)
    return clients[connection]


class OpenAIModel(ChatModel):
    """A chat model behind an OpenAI-compatible address.

    The SDK makes the request and names the errors; the stream's lines are parsed here, which
    carries twice as many streams as the SDK's own objects.
    """

    def __init__(self, name: str, connection: Connection) -> None:
        self.name = name
        self._connection = connection

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The answer's pieces as they come, then its usage where the provider tells it."""
        client = client_for(self._connection)
        async with await self._asked(client, request) as stream:
            # None where nothing can be used: those streams are not looked through for it.
            parts = UseParts() if _offers_tools(request, client) else None
            lines = Lines(parts)
            # In one generator, as every word goes through all there are.
            with closing(Chunks(_reader(stream.response), client.silence)) as chunks:
                while not lines.is_done and (chunk := await chunks.read()):
                    if delta := lines.feed(chunk):
                        chunks.spoke()
                        yield delta
                if lines.is_done:
                    await chunks.read_out()
                elif delta := lines.end():
                    yield delta
            lines.check()
            if parts:
                yield Delta(uses=parts.whole(), model=self.name)

    async def _asked(self, client: Client, request: ChatRequest) -> AsyncStream[object]:
        """The provider's answer, as yet unread; asked again without an option that it refuses."""
        try:
            body = self._body(request, client)
            try:
                return await _posted(client, body)
            except BadRequestError as error:
                option = _refused_option(error, body)
                if option is None:
                    raise
                client.refused.add(option)
            return await _posted(client, self._body(request, client))
        except APIError as error:
            raise _translated(error) from error
        except outgoing.Refused as refused:
            # The guarded transport's own word, which the SDK lets through.
            raise trouble.of_connection(refused) from None

    def _body(self, request: ChatRequest, client: Client) -> dict[str, Any]:
        """The request in the provider's dialect."""
        limit = "max_completion_tokens" if "max_tokens" in client.refused else "max_tokens"
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [wire_message(message) for message in request.messages],
            "stream": True,
            limit: request.max_tokens,
        }
        if "temperature" not in client.refused:
            body["temperature"] = request.temperature
        if request.top_p is not None and "top_p" not in client.refused:
            body["top_p"] = request.top_p
        if request.schema is not None and "response_format" not in client.refused:
            shape: dict[str, Any] = {"name": "answer", "schema": dict(request.schema)}
            if _is_strict(request.schema):
                shape["strict"] = True
            body["response_format"] = {"type": "json_schema", "json_schema": shape}
        if "stream_options" not in client.refused:
            body["stream_options"] = {"include_usage": True}
        if _offers_tools(request, client):
            body |= tool_options(request)
        return body


def _offers_tools(request: ChatRequest, client: Client) -> bool:
    return bool(request.tools) and "tools" not in client.refused


async def _posted(client: Client, body: dict[str, Any]) -> AsyncStream[object]:
    # Not `chat.completions.create`, whose checks of the body take longer than the request.
    return await client.sdk.post(
        "/chat/completions", body=body, cast_to=object, stream=True, stream_cls=AsyncStream[object]
    )


def _reader(response: httpx2.Response) -> Callable[[], Awaitable[bytes]]:
    """Reads what has arrived of a body, unpacked; nothing: the body has ended.

    Not the SDK's own lines: each would come through two generators more. What arrived together is
    parsed together and goes on as one piece.
    """
    is_packed = "content-encoding" in response.headers
    if not is_packed and (direct := streaming.reader(response)):
        return direct
    stream: Any = response.stream
    chunks = response.aiter_bytes() if is_packed else aiter(stream)

    async def read() -> bytes:
        async for chunk in chunks:
            # What has only begun to be unpacked is no end.
            if chunk:
                return chunk
        return b""

    return read


class Chunks:
    """The chunks of a stream, each of which must come within so many seconds.

    One timer a stream looks how long it has been. A timeout around each read would cost as much as
    parsing what was read, and the transport's own cannot tell the first chunk from the others.
    """

    def __init__(self, read: Callable[[], Awaitable[bytes]], silence: float) -> None:
        self._read, self._silence = read, silence
        self._loop = asyncio.get_running_loop()
        self._reader: asyncio.Task[Any] | None = None
        self._since = self._waited = 0.0
        self._has_spoken = self._is_silent = False
        self._timer = self._loop.call_later(silence, self._look)

    async def read(self) -> bytes:
        """The next chunk; nothing at the end."""
        reader = self._reader = asyncio.current_task()
        self._since = self._loop.time()
        if not self._has_spoken:
            self._waited = 0.0
        try:
            return await self._read()
        except asyncio.CancelledError:
            # Whoever else cancelled the reader has the word.
            if not self._is_silent or reader is None or reader.uncancel():
                raise
            raise AIError("The model fell silent.", code="ai_timeout", retryable=True) from None
        except (httpx2.TimeoutException, TimeoutError) as error:
            # The transport has waited long enough itself.
            raise AIError("The model fell silent.", code="ai_timeout", retryable=True) from error
        except Exception as error:
            # The transport's own errors: the connection broke in the middle.
            raise trouble.broken_off() from error
        finally:
            self._reader = None
            self._waited += self._loop.time() - self._since

    def spoke(self) -> None:
        """A word was among what was read: from now on only words end a silence.

        Before the first one a provider that is busy thinking may show with anything that it lives.
        """
        self._has_spoken, self._waited = True, 0.0

    async def read_out(self) -> None:
        """Read to the end, which leaves the connection to the next answer."""
        # Whatever is wrong with it: nothing is missing of the answer.
        with suppress(TimeoutError, AIError):
            async with asyncio.timeout(END_SECONDS):
                while await self.read():
                    pass

    def close(self) -> None:
        """Wait no more."""
        self._timer.cancel()

    def _look(self) -> None:
        left = self._silence
        if self._reader is not None:
            left += self._since - self._loop.time() - self._waited
            if left <= 0:
                self._is_silent = True
                self._reader.cancel()
                return
        self._timer = self._loop.call_later(left, self._look)


def _refused_option(error: BadRequestError, body: dict[str, Any]) -> str | None:
    """The option of ours that a provider does not take, if its message names one."""
    said = str(error)
    # "This model does not support tools": it answers without them, as it did before there were any.
    ours = ("stream_options", "max_tokens", "temperature", "top_p", "tools", "response_format")
    for option in ours:
        if option in body and option in said:
            return option
    return None


def _translated(error: APIError) -> AIError:
    """The SDK's error in the port's words; it carries a code, never texts or keys."""
    # What this transport takes for a timeout may be a refused connection.
    if isinstance(error, APITimeoutError) and not isinstance(
        error.__cause__, httpx2.ConnectTimeout
    ):
        return trouble.too_late()
    if isinstance(error, APIConnectionError):
        return trouble.of_connection(error)
    if not isinstance(error, APIStatusError):
        return AIError("The model failed.", code="ai_broken", retryable=True)
    response = error.response
    return trouble.of_status(error.status_code, response.text, response.headers.get("retry-after"))


def _is_strict(schema: Any) -> bool:
    """Whether every object in it is closed and wants all it names, as OpenAI's strict way asks."""
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" and (
        schema.get("additionalProperties") is not False
        or set(schema.get("required", ())) != set(schema.get("properties", ()))
    ):
        return False
    return all(map(_is_strict, schema.values()))
