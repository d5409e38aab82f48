"""What thinks. `chat_model` and `embedder` choose an adapter by the settings; see `interface`."""

from __future__ import annotations

import asyncio
import functools
import sys
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace

from django.conf import settings

from ai.builtin_embedder import BuiltinEmbedder
from ai.fallback import FallbackModel, UnusableModel
from ai.interface import AIError, ChatModel, ChatRequest, Choice, Connection, Embedder
from ai.knowledge_only import KnowledgeModel
from ai.metering import listen

# The vendor's SDK takes 40 MB and half a second to import, so the functions that need it import
# it; only the workers do, and `warm_up` does it before the first visitor waits.

THE_SERVERS = Choice()


def has_model() -> bool:
    """Whether a model can be asked at all; without one, knowledge alone answers."""
    return bool(settings.OPENAI_API_KEY or settings.OPENAI_BASE_URL)


def chat_model(first: Choice = THE_SERVERS, fallbacks: Sequence[Choice] = ()) -> ChatModel:
    """The chosen model, backed by the fallbacks in order; knowledge alone where none can be asked.

    What names no provider is asked at the server's, the one of the environment.
    """
    choices = named(first, fallbacks)
    models = [_model(one) for one in choices if has_model() or not _is_servers(one)]
    return FallbackModel(models) if models else knowledge_model()


def named(first: Choice = THE_SERVERS, fallbacks: Sequence[Choice] = ()) -> list[Choice]:
    """A choice and its fallbacks, each once and under the name that it has at its provider."""
    if not fallbacks and settings.OPENAI_FALLBACK_MODEL and _is_servers(first):
        fallbacks = [Choice(settings.OPENAI_FALLBACK_MODEL)]
    return list(
        dict.fromkeys(
            replace(one, model=one.model or settings.OPENAI_MODEL) for one in (first, *fallbacks)
        )
    )


def _is_servers(choice: Choice) -> bool:
    return choice.connection is None and not choice.problem


def _model(choice: Choice) -> ChatModel:
    model: ChatModel
    if choice.problem:
        model = UnusableModel(choice.model, choice.problem)
    else:
        from ai.openai_compatible import OpenAIModel

        model = OpenAIModel(choice.model, choice.connection or servers_connection())
    model.provider = choice.provider
    return model


def servers_connection() -> Connection:
    """The provider of the environment. Who sets that runs the server, so the address may be any."""
    return Connection(
        base_url=settings.OPENAI_BASE_URL,
        api_key=settings.OPENAI_API_KEY,
        timeout=settings.OPENAI_TIMEOUT,
        silence=settings.AI_STREAM_TIMEOUT,
        is_guarded=False,
    )


@functools.cache
def knowledge_model() -> KnowledgeModel:
    """The one that says the best source's own words."""
    return KnowledgeModel(delay=settings.KNOWLEDGE_STREAM_DELAY)


def embedder() -> Embedder:
    """The embedder of the settings; the built-in one needs no network."""
    if not settings.OPENAI_EMBEDDING_MODEL:
        return _builtin()
    return _openai(settings.OPENAI_EMBEDDING_MODEL)


def embedder_named(name: str) -> Embedder | None:
    """The embedder that made vectors of this name, if it can still be asked."""
    if name == embedder().name:
        return embedder()
    if name == _builtin().name:
        return _builtin()
    # Vectors of an earlier release's built-in embedder are not to be had any more.
    if name.startswith("builtin-") or not name or not has_model():
        return None
    return _openai(name)


def _openai(model: str) -> Embedder:
    return _openai_embedder(
        model,
        api_key=settings.OPENAI_API_KEY,
        base_url=settings.OPENAI_BASE_URL,
        timeout=settings.OPENAI_TIMEOUT,
        asks_dimensions=settings.OPENAI_EMBEDDING_DIMENSIONS,
    )


# The client keeps its connections: a new one for each question would shake hands each time.
@functools.lru_cache(maxsize=8)
def _openai_embedder(
    model: str, *, api_key: str, base_url: str, timeout: float, asks_dimensions: bool
) -> Embedder:
    from ai.openai_embedder import OpenAIEmbedder

    return OpenAIEmbedder(
        model, api_key=api_key, base_url=base_url, timeout=timeout, asks_dimensions=asks_dimensions
    )


@functools.cache
def _builtin() -> BuiltinEmbedder:
    return BuiltinEmbedder()


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
        async with asyncio.timeout(seconds), aclosing(listen(model, request)) as deltas:
            return "".join([delta.text async for delta in deltas])
    except TimeoutError:
        raise AIError(
            "The model did not answer in time.", code="ai_timeout", retryable=True
        ) from None


async def warm_up(has_providers: bool = False) -> None:
    """Import the SDK and build a client now, so that the first visitor does not wait for that.

    `has_providers`: owners have set up providers of their own, whether the server has one or not.
    """
    if has_model() or has_providers:
        from ai.openai_compatible import client_for

        client_for(servers_connection()).touch()


async def close() -> None:
    """Hang up on the models, on the loop that has asked them."""
    # Where the adapter was never needed nobody was asked.
    if "ai.openai_compatible" in sys.modules:
        from ai.openai_compatible import close_clients

        await close_clients()
