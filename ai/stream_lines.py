"""The lines of a provider's stream, read as pieces of an answer. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from ai import trouble
from ai.interface import AIError, Cut, Delta, Usage
from ai.tool_protocol import UseParts

MAX_LINE = 1024 * 1024
MOST_TOKENS = 100_000_000
# Why a provider ends an answer that the model has not.
CUTS: dict[str, Cut] = {"length": "ai_cut", "content_filter": "ai_filtered"}


class Lines:
    """The lines of a stream, read as pieces of an answer; `is_done`: it has said that it ends."""

    def __init__(self, parts: UseParts | None = None) -> None:
        self._parts = parts
        self._rest = b""
        self._is_finished = self.is_done = False

    def feed(self, chunk: bytes) -> Delta | None:
        """Take more of the stream; what was said in its whole lines, as one piece."""
        *lines, self._rest = (self._rest + chunk if self._rest else chunk).split(b"\n")
        if len(self._rest) > MAX_LINE:
            raise AIError("The model's line has no end.", code="ai_broken", retryable=True)
        return self._taken(lines)

    def end(self) -> Delta | None:
        """There is no more: what its last line says."""
        return self._taken([self._rest])

    def check(self) -> None:
        """Raise AIError for a stream that ended before the answer did."""
        if not self.is_done and not self._is_finished:
            raise trouble.broken_off()

    def _taken(self, lines: list[bytes]) -> Delta | None:
        found = []
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                self.is_done = True
                break
            try:
                delta, is_finished = _parse(data, self._parts)
            except (AttributeError, KeyError, TypeError, IndexError):
                raise AIError(
                    "The model sent odd JSON.", code="ai_broken", retryable=True
                ) from None
            self._is_finished = self._is_finished or is_finished
            if delta:
                found.append(delta)
        return _joined(found)


def _joined(found: list[Delta]) -> Delta | None:
    """Pieces that came together as one; mostly it is one."""
    if len(found) < 2:
        return found[0] if found else None
    return Delta(
        text="".join([one.text for one in found]),
        usage=next((one.usage for one in reversed(found) if one.usage), None),
        model=next((one.model for one in reversed(found) if one.model), ""),
        cut=next((one.cut for one in reversed(found) if one.cut), ""),
    )


def _parse(data: bytes, parts: UseParts | None = None) -> tuple[Delta | None, bool]:
    """A line of the stream as a delta, and whether the answer is finished with it."""
    try:
        chunk = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise AIError("The model sent no JSON.", code="ai_broken", retryable=True) from None
    if not isinstance(chunk, dict):
        raise AIError("The model sent no object.", code="ai_broken", retryable=True)
    if chunk.get("error"):
        raise AIError("The model failed in the middle.", code="ai_broken", retryable=True)
    usage = chunk.get("usage")
    counted = _counted(usage) if isinstance(usage, dict) else None
    choices = chunk.get("choices") or []
    if not choices:
        return (Delta(usage=counted, model=chunk.get("model") or "") if counted else None), False
    said = choices[0].get("delta") or {}
    if parts is not None:
        parts.take(said)
    if said.get("refusal"):
        raise AIError("The model declines to answer.", code="ai_declined", retryable=False)
    text = said.get("content") or ""
    reason = choices[0].get("finish_reason")
    cut = CUTS.get(reason, "") if reason else ""
    if not text and not counted and not cut:
        return None, bool(reason)
    return Delta(text=text, usage=counted, model=chunk.get("model") or "", cut=cut), bool(reason)


def _counted(usage: dict[str, Any]) -> Usage | None:
    """What the provider counted; None where it makes no sense, or is more than any model takes."""
    details = usage.get("prompt_tokens_details")
    # OpenAI's and OpenRouter's name for it, and DeepSeek's.
    cached = details.get("cached_tokens") if isinstance(details, dict) else None
    cached = usage.get("prompt_cache_hit_tokens") if cached is None else cached
    try:
        prompt, answer, known = (
            int(value or 0)
            for value in (usage.get("prompt_tokens"), usage.get("completion_tokens"), cached)
        )
    except (TypeError, ValueError, OverflowError):
        return None
    if not 0 <= prompt <= MOST_TOKENS or not 0 <= answer <= MOST_TOKENS:
        return None
    return Usage(prompt, answer, min(max(known, 0), prompt))
