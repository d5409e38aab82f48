"""The model port's adapters through the real SDK, against a server of the real protocol."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace

import pytest
from openai import AsyncStream
from pytest_django import Settings

import ai
from ai import openai_compatible
from ai.builtin_embedder import BuiltinEmbedder
from ai.fallback import FallbackModel
from ai.interface import (
    AIError,
    ChatModel,
    ChatRequest,
    Connection,
    Delta,
    PromptMessage,
    SourceText,
    ToolSpec,
    ToolUse,
)
from ai.knowledge_only import KnowledgeModel
from ai.openai_compatible import OpenAIModel, client_for, close_clients
from ai.openai_embedder import OpenAIEmbedder
from ai.scripted import ScriptedModel
from outgoing import Refused, streaming
from tests.hostile_site import Resolver
from tests.openai_server import OpenAIServer, Play, vector_of

SYSTEM = 'Rules.\n<source number="1">\nHow to pay?\nBy card or in cash.\n</source>'
REQUEST = ChatRequest((PromptMessage("system", SYSTEM), PromptMessage("user", "How do I pay?")))


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def model(
    server: OpenAIServer, name: str, silence: float = 5.0, timeout: float = 5.0
) -> OpenAIModel:
    connection = Connection(
        base_url=server.base_url,
        api_key="secret",
        timeout=timeout,
        silence=silence,
        is_guarded=False,
    )
    return OpenAIModel(name, connection)


def hear(model: ChatModel, request: ChatRequest = REQUEST) -> list[Delta]:
    """All that a model says."""

    async def listen() -> list[Delta]:
        try:
            async with aclosing(model.stream(request)) as deltas:
                return [delta async for delta in deltas]
        finally:
            await close_clients()

    return asyncio.run(listen())


def text(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


def test_answer_streams_with_its_usage(server: OpenAIServer) -> None:
    deltas = hear(model(server, "fake"))
    assert text(deltas) == "By card or in cash. [1]"
    usage = deltas[-1].usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens) == (16, 6)
    assert deltas[0].model == "fake"


def test_first_piece_comes_before_the_last_is_made(server: OpenAIServer) -> None:
    async def listen() -> None:
        before = server.sent_pieces
        async with aclosing(model(server, "fake-gate").stream(REQUEST)) as deltas:
            first = await anext(deltas)
            # Pieces that arrive together are one.
            assert first.text in ("By ", "By card ")
            assert server.sent_pieces - before <= 2
            server.open_gate()
            rest = [delta.text async for delta in deltas]
        assert first.text + "".join(rest) == "By card or in cash. [1]"
        await close_clients()

    asyncio.run(listen())


@pytest.mark.parametrize(
    ("name", "code", "retryable"),
    [
        ("fake-429", "ai_rate_limited", True),
        ("fake-500", "ai_unavailable", True),
        ("fake-401", "ai_auth", False),
        ("fake-404", "ai_model_not_found", False),
        ("fake-broken", "ai_broken", True),
        ("fake-error", "ai_broken", True),
    ],
)
def test_failure_has_its_code(server: OpenAIServer, name: str, code: str, retryable: bool) -> None:
    with pytest.raises(AIError) as failed:
        hear(model(server, name))
    assert (failed.value.code, failed.value.retryable) == (code, retryable)
    if name == "fake-429":
        assert failed.value.retry_after == 2


def test_guarded_model_answers_many_at_once(server: OpenAIServer, settings: Settings) -> None:
    settings.OUTGOING_ALLOWED = [f"127.0.0.1:{server.port}"]
    silent = OpenAIModel("fake-silent", Connection(base_url=server.base_url, timeout=20))

    async def listen() -> None:
        streams = [silent.stream(REQUEST) for _number in range(30)]
        # None of them ends, so each has a connection of its own.
        firsts = await asyncio.gather(*(anext(stream) for stream in streams))
        assert all(delta.text.startswith("By ") for delta in firsts)
        await asyncio.gather(*(stream.aclose() for stream in streams))
        await close_clients()

    asyncio.run(listen())


def test_address_of_a_guarded_model_is_checked() -> None:
    forbidden = OpenAIModel("fake", Connection(base_url="http://127.0.0.1/v1"))
    with pytest.raises(AIError) as failed:
        hear(forbidden)
    refusal = failed.value
    assert (refusal.code, refusal.reason) == ("ai_address", "address_loopback")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://10.0.0.1/v1", "address_private"),
        ("http://[::1]/v1", "address_loopback"),
        ("http://[::ffff:127.0.0.1]/v1", "address_embedded"),
        ("http://169.254.169.254/v1", "address_link_local"),
        ("http://127.1/v1", "odd_address"),
        ("http://2130706433/v1", "odd_address"),
        ("http://0x7f.0.0.1/v1", "odd_address"),
        ("http://localhost/v1", "local_name"),
        ("http://inside.example/v1", "address_private"),
        ("http://inside.example./v1", "address_private"),
        ("http://mixed.example/v1", "address_private"),
        ("https://user:word@site.example/v1", "user_info"),
        ("http://site.example:22/v1", "port"),
    ],
)
def test_hostile_address_of_a_guarded_model_is_refused(
    monkeypatch: pytest.MonkeyPatch, url: str, reason: str
) -> None:
    names = {
        "inside.example": [["10.1.2.3"]],
        "mixed.example": [["93.184.216.34", "192.168.0.1"]],
        "site.example": [["93.184.216.34"]],
    }
    monkeypatch.setattr(socket, "getaddrinfo", Resolver(names))
    with pytest.raises(AIError) as failed:
        hear(OpenAIModel("fake", Connection(base_url=url, timeout=5)))
    assert (failed.value.code, failed.value.reason) == ("ai_address", reason)


def test_name_of_a_guarded_model_is_resolved_once(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """A name that means something else the second time is not asked a second time."""
    resolver = Resolver({"rebinding.example": [["127.0.0.1"], ["10.0.0.1"]]})
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    settings.OUTGOING_ALLOWED = [f"rebinding.example:{server.port}"]
    named = Connection(base_url=f"http://rebinding.example:{server.port}/v1", timeout=5)
    assert text(hear(OpenAIModel("fake", named))) == "By card or in cash. [1]"
    assert resolver.asked == ["rebinding.example"]
    assert server.headers[-1]["Host"] == f"rebinding.example:{server.port}"


def test_guarded_connection_is_checked_where_it_is_made() -> None:
    """Whatever the client takes for a number, no socket is opened to it unchecked."""

    async def ask(url: str) -> None:
        async with streaming.session() as session:
            await session.get(url)

    for url in ("http://127.0.0.1/", "http://[::1]/", "http://10.0.0.1:80/"):
        with pytest.raises(Refused) as refused:
            asyncio.run(ask(url))
        assert refused.value.code.startswith("address_")


def test_guarded_model_follows_no_redirect(server: OpenAIServer, settings: Settings) -> None:
    settings.OUTGOING_ALLOWED = [f"127.0.0.1:{server.port}"]
    elsewhere = server.base_url.replace("/v1", "/elsewhere")
    before = len(server.requests)
    with pytest.raises(AIError) as failed:
        hear(OpenAIModel("fake", Connection(base_url=elsewhere)))
    assert failed.value.code == "ai_not_compatible"
    assert len(server.requests) == before


def test_guarded_models_share_a_connection(server: OpenAIServer, settings: Settings) -> None:
    settings.OUTGOING_ALLOWED = [f"127.0.0.1:{server.port}"]
    guarded = OpenAIModel("fake", Connection(base_url=server.base_url))

    async def listen() -> None:
        server.peers.clear()
        for _ in range(3):
            async with aclosing(guarded.stream(REQUEST)) as deltas:
                assert text([delta async for delta in deltas]) == "By card or in cash. [1]"
        await close_clients()

    asyncio.run(listen())
    assert len(server.peers) == 1


@pytest.mark.parametrize("is_guarded", [False, True])
def test_stream_is_read_straight_from_the_network(
    server: OpenAIServer, settings: Settings, is_guarded: bool
) -> None:
    """Nothing would look wrong if the libraries had moved what it is read from, but slow."""
    settings.OUTGOING_ALLOWED = [f"127.0.0.1:{server.port}"]
    connection = Connection(base_url=server.base_url, is_guarded=is_guarded)

    async def listen() -> None:
        messages = [{"role": "user", "content": "How do I pay?"}]
        body = {"model": "fake", "stream": True, "messages": messages}
        async with await client_for(connection).sdk.post(
            "/chat/completions",
            body=body,
            cast_to=object,
            stream=True,
            stream_cls=AsyncStream[object],
        ) as stream:
            read, chunks = streaming.reader(stream.response), []
            assert read
            while chunk := await read():
                chunks.append(chunk)
            assert b"".join(chunks).endswith(b"data: [DONE]\n\n")
        await close_clients()

    asyncio.run(listen())


def test_stream_is_read_the_long_way_where_there_is_no_short_one(
    server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "reader", lambda response: None)
    assert text(hear(model(server, "fake"))) == "By card or in cash. [1]"


def test_silence_alone_ends_a_stream_that_has_begun(server: OpenAIServer) -> None:
    # The first word comes after what the beginning of the answer may take.
    patient = model(server, "fake-2500-100-3", silence=20.0, timeout=1.5)
    assert len(text(hear(patient)).split()) == 3


def test_workers_are_warm_where_only_owners_have_providers(settings: Settings) -> None:
    settings.OPENAI_API_KEY = settings.OPENAI_BASE_URL = ""

    async def made(has_providers: bool) -> int:
        await ai.warm_up(has_providers)
        try:
            return len(openai_compatible._clients.get(asyncio.get_running_loop(), {}))
        finally:
            await close_clients()

    assert [asyncio.run(made(there)) for there in (False, True)] == [0, 1]


@pytest.mark.parametrize(
    ("name", "code"),
    [("fake-quota", "ai_quota"), ("fake-402", "ai_quota"), ("fake-odd", "ai_broken")],
)
def test_other_failures_have_their_codes(server: OpenAIServer, name: str, code: str) -> None:
    with pytest.raises(AIError) as failed:
        hear(model(server, name))
    assert failed.value.code == code


def test_secrets_of_a_connection_are_not_printed() -> None:
    text = repr(Connection(api_key="sk-secret", headers=(("X-Key", "hidden"),)))
    assert "sk-secret" not in text
    assert "hidden" not in text


def test_silent_model_is_given_up(server: OpenAIServer) -> None:
    with pytest.raises(AIError) as failed:
        hear(model(server, "fake-silent", silence=0.2))
    assert failed.value.code == "ai_timeout"


def test_hanging_model_is_given_up(server: OpenAIServer) -> None:
    with pytest.raises(AIError) as failed:
        hear(model(server, "fake-hang", timeout=0.2))
    assert failed.value.code == "ai_timeout"


def test_unreachable_model_has_its_code() -> None:
    nowhere = Connection(base_url="http://127.0.0.1:9/v1", timeout=2, is_guarded=False)
    lost = OpenAIModel("fake", nowhere)
    with pytest.raises(AIError) as failed:
        hear(lost)
    assert failed.value.code == "ai_unreachable"


@pytest.mark.parametrize("name", ["fake-old", "fake-new"])
def test_providers_dialect_is_learnt(server: OpenAIServer, name: str) -> None:
    assert text(hear(model(server, name))) == "By card or in cash. [1]"
    options = server.requests[-1]
    assert ("stream_options" in options) == (name == "fake-new")
    assert ("max_completion_tokens" in options) == (name == "fake-new")


def test_model_that_declines_has_its_code(server: OpenAIServer) -> None:
    with pytest.raises(AIError) as failed:
        hear(model(server, "fake-refusal"))
    assert (failed.value.code, failed.value.retryable) == ("ai_declined", False)


def test_hostile_answer_is_only_text(server: OpenAIServer) -> None:
    assert "<script>" in text(hear(model(server, "fake-hostile")))


def test_answers_share_a_connection(server: OpenAIServer) -> None:
    async def listen() -> None:
        server.peers.clear()
        for _ in range(3):
            async with aclosing(model(server, "fake").stream(REQUEST)) as deltas:
                assert [delta async for delta in deltas]
        assert len(server.peers) == 1
        await close_clients()

    asyncio.run(listen())


def test_abandoned_answer_ends_the_request(server: OpenAIServer) -> None:
    async def listen() -> None:
        before = server.disconnects
        async with aclosing(model(server, "fake-silent").stream(REQUEST)) as deltas:
            await anext(deltas)
        async with asyncio.timeout(5):
            while server.disconnects == before:
                await asyncio.sleep(0.01)
        await close_clients()

    asyncio.run(listen())


def test_fallback_speaks_when_the_first_cannot_begin(server: OpenAIServer) -> None:
    deltas = hear(FallbackModel([model(server, "fake-500"), model(server, "fake")]))
    assert text(deltas) == "By card or in cash. [1]"
    assert deltas[0].model == "fake"


def test_fallback_is_silent_once_a_word_was_said(server: OpenAIServer) -> None:
    second = ScriptedModel(["never"])
    with pytest.raises(AIError):
        hear(FallbackModel([model(server, "fake-broken"), second]))
    assert second.requests == []


def test_knowledge_alone_says_the_sources_words_or_the_fallback() -> None:
    source = SourceText(title="Q", text="long", answer="Short  answer\nof two lines.")
    assert text(hear(KnowledgeModel(), ChatRequest((), (source,), "No."))) == source.answer
    assert text(hear(KnowledgeModel(), ChatRequest((), (), "I do not know."))) == "I do not know."


# --- embeddings -----------------------------------------------------------------------------------


def embedder(server: OpenAIServer, name: str, asks: bool = True) -> OpenAIEmbedder:
    return OpenAIEmbedder(
        name, api_key="secret", base_url=server.base_url, timeout=5, asks_dimensions=asks
    )


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def test_embeddings_are_in_order_and_of_unit_length(server: OpenAIServer) -> None:
    texts = [f"text {number}" for number in range(130)]
    vectors = embedder(server, "embed").embed(texts)
    assert len(vectors) == 130
    for index in (0, 64, 129):
        raw = vector_of(texts[index], 1024)
        length = math.sqrt(cosine(raw, raw))
        assert vectors[index] == pytest.approx([x / length for x in raw])


def test_short_embeddings_are_padded_and_keep_their_cosine(server: OpenAIServer) -> None:
    a, b = embedder(server, "embed-768", asks=False).embed(["a", "b"])
    assert (len(a), a[768:]) == (1024, [0.0] * 256)
    raw_a, raw_b = vector_of("a", 768), vector_of("b", 768)
    norm = math.sqrt(cosine(raw_a, raw_a) * cosine(raw_b, raw_b))
    assert cosine(a, b) == pytest.approx(cosine(raw_a, raw_b) / norm)


def test_long_embeddings_are_asked_for_shorter_or_refused(server: OpenAIServer) -> None:
    assert len(embedder(server, "embed-3072").embed(["a"])[0]) == 1024
    with pytest.raises(AIError) as failed:
        embedder(server, "embed-3072", asks=False).embed(["a"])
    assert failed.value.code == "ai_wrong_dimension"


def test_model_that_knows_no_dimensions_is_asked_without_them(server: OpenAIServer) -> None:
    own = embedder(server, "embed-own-size")
    server.requests.clear()
    for text in ("a", "b"):
        assert own.embed([text])[0] == embedder(server, "embed", asks=False).embed([text])[0]
    asked = [body for body in server.requests if body["model"] == "embed-own-size"]
    assert ["dimensions" in body for body in asked] == [True, False, False]


def test_provider_that_takes_few_texts_gets_fewer_a_call(server: OpenAIServer) -> None:
    texts = [f"text {number}" for number in range(130)]
    few = embedder(server, "embed-few")
    server.requests.clear()
    assert few.embed(texts) == embedder(server, "embed").embed(texts)
    asked = [body for body in server.requests if body["model"] == "embed-few"]
    assert all("dimensions" in body for body in asked if len(body["input"]) <= 32)
    assert [len(body["input"]) for body in asked] == [64, 64, 32, 32, 32, 32, 2]


def test_refused_text_is_refused_alone(server: OpenAIServer) -> None:
    with pytest.raises(AIError) as failed:
        embedder(server, "fake-400").embed(["a", "b", "c"])
    assert failed.value.code == "ai_refused"


@pytest.mark.parametrize(
    ("question", "near", "far"),
    [
        ("как оплатить тур картой", "Оплата туров картами", "Где находится офис компании"),
        ("вернут ли деньги за отмену", "Возврат денег при отмене", "Расписание экскурсий летом"),
        ("how do I pay for tours", "Paying for a tour", "Opening hours of the office"),
        ("cancelled bookings refund", "Refund when a booking is cancelled", "What should I wear"),
    ],
)
def test_builtin_embedder_keeps_inflections_near(question: str, near: str, far: str) -> None:
    asked, close, distant = BuiltinEmbedder().embed([question, near, far])
    assert cosine(asked, close) > 2 * max(0.0, cosine(asked, distant))
    assert cosine(asked, asked) == pytest.approx(1.0)


def test_builtin_embedder_takes_any_text() -> None:
    for vector in BuiltinEmbedder().embed(["", "!!!", "日本語", "a" * 10_000, "\u0000"]):
        assert len(vector) == 1024
        assert cosine(vector, vector) == pytest.approx(1.0)


# --- tools --------------------------------------------------------------------------------------

WEATHER = ToolSpec("weather", "The weather of a place.", {"type": "object", "properties": {}})
EQUIPPED = replace(REQUEST, tools=(WEATHER,))


@pytest.mark.parametrize("style", ["index", "whole", "unnumbered"])
def test_uses_of_tools_come_whole(server: OpenAIServer, style: str) -> None:
    """However the provider cuts and numbers them, and several in one answer."""
    said = [("weather", '{"place": "Казань"}'), ("weather", '{"place": "Moscow"}'), ("time", "")]
    server.plays.append(Play(said, text="Let me look. ", size=2, style=style))
    deltas = hear(model(server, "fake-tools"), EQUIPPED)
    assert text(deltas) == "Let me look. "
    uses = [use for delta in deltas for use in delta.uses]
    assert [(use.name, use.arguments) for use in uses] == said
    assert len({use.id for use in uses}) == 3
    assert [delta.usage for delta in deltas if delta.usage]


def test_a_use_without_an_id_gets_one(server: OpenAIServer) -> None:
    server.plays.append(Play([("weather", '{"broken": ')], style="nameless"))
    (use,) = (u for d in hear(model(server, "fake-tools"), EQUIPPED) for u in d.uses)
    assert (use.id, use.arguments) == ("call_0", '{"broken": ')


def test_what_tools_answered_is_sent_as_the_protocol_has_it(server: OpenAIServer) -> None:
    use = ToolUse("call-0", "weather", "{}")
    messages = (
        *REQUEST.messages,
        PromptMessage("assistant", "", uses=(use,)),
        PromptMessage("tool", "21 degrees", use_id="call-0"),
    )
    deltas = hear(model(server, "fake-tools"), replace(EQUIPPED, messages=messages))
    assert text(deltas) == "21 degrees"
    body = server.requests[-1]
    function = {"name": "weather", "arguments": "{}"}
    assert body["messages"][-2:] == [
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "call-0", "type": "function", "function": function}],
        },
        {"role": "tool", "content": "21 degrees", "tool_call_id": "call-0"},
    ]
    assert body["tools"][0]["function"]["name"] == "weather"
    assert "tool_choice" not in body
    hear(model(server, "fake-tools"), replace(EQUIPPED, may_use_tools=False))
    assert server.requests[-1]["tool_choice"] == "none"


def test_without_tools_the_request_is_as_it_was(server: OpenAIServer) -> None:
    server.plays.append(Play([("weather", "{}")], text="By card."))
    deltas = hear(model(server, "fake-tools"))
    assert text(deltas) == "By card."
    assert not any(delta.uses for delta in deltas)
    assert not {"tools", "tool_choice"} & server.requests[-1].keys()


def test_a_model_without_tools_answers_without(server: OpenAIServer) -> None:
    assert text(hear(model(server, "fake-no-tools"), EQUIPPED)) == "By card or in cash. [1]"
    assert "tools" not in server.requests[-1]
    assert "tools" in server.requests[-2]
