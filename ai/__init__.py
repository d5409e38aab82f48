"""What thinks. `chat_model` and `embedder` choose an adapter by the settings; see `interface`."""

from __future__ import annotations

import asyncio
import functools
from contextlib import aclosing
from typing import TYPE_CHECKING

from django.conf import settings

from ai.builtin_embedder import BuiltinEmbedder
from ai.fallback import FallbackModel
from ai.interface import AIError, ChatModel, ChatRequest, Embedder
from ai.knowledge_only import KnowledgeModel

if TYPE_CHECKING:
    from ai.openai_compatible import Client

# The vendor's SDK takes 40 MB and half a second to import, so the functions that need it import
# it; only the workers do, and `warm_up` does it before the first visitor waits.


def has_model() -> bool:
    """Whether a model can be asked at all; without one, knowledge alone answers."""
    return bool(settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL)


def chat_model(name: str = "", fallback: str = "") -> ChatModel:
    """The model of this name (empty: the server's), backed by the fallback where one is named."""
    if not has_model():
        return knowledge_model()
    from ai.openai_compatible import OpenAIModel

    first = OpenAIModel(name or settings.OPENAI_MODEL, _client)
    second = fallback or settings.OPENAI_FALLBACK_MODEL
    if not second or second == first.name:
        return first
    return FallbackModel(first, OpenAIModel(second, _client))


@functools.cache
def knowledge_model() -> KnowledgeModel:
    """The one that says the best source's own words."""
    return KnowledgeModel(delay=settings.KNOWLEDGE_STREAM_DELAY)


def embedder() -> Embedder:
    """The embedder of the settings; the built-in one needs no network."""
    if not settings.OPENAI_EMBEDDING_MODEL:
        return _builtin()
    from ai.openai_embedder import OpenAIEmbedder

    return OpenAIEmbedder(
        settings.OPENAI_EMBEDDING_MODEL,
        api_key=settings.OPENAI_API_KEY,
        base_url=settings.OPENAI_BASE_URL,
        timeout=settings.OPENAI_TIMEOUT,
        asks_dimensions=settings.OPENAI_EMBEDDING_DIMENSIONS,
    )


@functools.cache
def _builtin() -> BuiltinEmbedder:
    return BuiltinEmbedder()


def _client() -> Client:
    """The running loop's client: one that was made on another loop would be dead."""
    from ai.openai_compatible import client_for

    return client_for(
        api_key=settings.OPENAI_API_KEY,
        base_url=settings.OPENAI_BASE_URL,
        timeout=settings.OPENAI_TIMEOUT,
        silence=settings.AI_STREAM_TIMEOUT,
    )


def whole(model: ChatModel, request: ChatRequest, seconds: float) -> str:
    """The whole answer at once, for who has a thread to wait in and no loop; raises AIError."""
    return asyncio.run(_whole(model, request, seconds))


async def _whole(model: ChatModel, request: ChatRequest, seconds: float) -> str:
    try:
        return await collected(model, request, seconds)
    finally:
        await close()


async def collected(model: ChatModel, request: ChatRequest, seconds: float) -> str:
    """The whole answer, within so many seconds; raises AIError."""
    try:
        async with asyncio.timeout(seconds), aclosing(model.stream(request)) as deltas:
            return "".join([delta.text async for delta in deltas])
    except TimeoutError:
        raise AIError(
            "The model did not answer in time.", code="ai_timeout", retryable=True
        ) from None


async def warm_up() -> None:
    """Build the client now, so that the first visitor does not wait for imports."""
    if has_model():
        _client().touch()


async def close() -> None:
    """Hang up on the models, on the loop that has asked them."""
    if has_model():
        from ai.openai_compatible import close_clients

        await close_clients()
