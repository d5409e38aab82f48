"""Embeddings from an OpenAI-compatible address, made to fit the database's 1024 numbers."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

from openai import APIError, OpenAI

from ai import metering
from ai.interface import AIError, Call, Embedder, Usage
from ai.openai_compatible import NO_KEY, _translated
from ai.tokens import estimate

DIMENSIONS = 1024
BATCH = 64


class OpenAIEmbedder(Embedder):
    """Shorter vectors are padded with zeros, which changes no cosine; longer ones are refused."""

    dimensions = DIMENSIONS

    def __init__(
        self, model: str, *, api_key: str, base_url: str, timeout: float, asks_dimensions: bool
    ) -> None:
        self.name = model
        self._asks_dimensions = asks_dimensions
        # Texts a call; fewer once the provider took no more.
        self._most = BATCH
        self._sdk = OpenAI(
            api_key=api_key or NO_KEY, base_url=base_url or None, timeout=timeout, max_retries=0
        )

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector a text, in order, of unit length."""
        vectors: list[list[float]] = []
        while len(vectors) < len(texts):
            vectors += self._some(list(texts[len(vectors) : len(vectors) + self._most]))
        return vectors

    def _some(self, texts: list[str]) -> list[list[float]]:
        """Their vectors, asked for in a simpler way where a provider refuses.

        Some know no `dimensions`, and say no more than that they refuse; some take fewer texts.
        """
        for asks in dict.fromkeys((self._asks_dimensions, False)):
            try:
                vectors = self._batch(texts, asks)
            except AIError as error:
                if error.code != "ai_refused":
                    raise
                refused = error
            else:
                self._asks_dimensions = asks
                return vectors
        if len(texts) == 1:
            raise refused
        half = (len(texts) + 1) // 2
        vectors = self._some(texts[:half]) + self._some(texts[half:])
        self._most = min(self._most, half)
        return vectors

    def _batch(self, texts: list[str], asks_dimensions: bool) -> list[list[float]]:
        began = time.monotonic()
        # The SDK asks for base64 unless told otherwise, which not every provider speaks.
        try:
            if asks_dimensions:
                answer = self._sdk.embeddings.create(
                    model=self.name, input=texts, encoding_format="float", dimensions=DIMENSIONS
                )
            else:
                answer = self._sdk.embeddings.create(
                    model=self.name, input=texts, encoding_format="float"
                )
        except APIError as error:
            raise _translated(error) from error
        usage = answer.usage
        counted = usage.prompt_tokens if usage else sum(map(estimate, texts))
        metering.tell(
            Call(
                model=self.name,
                usage=Usage(counted, 0),
                is_estimated=not usage,
                milliseconds=metering.milliseconds(began),
            )
        )
        rows = sorted(answer.data, key=lambda row: row.index)
        if len(rows) != len(texts):
            raise AIError("Some texts were not embedded.", code="ai_broken", retryable=True)
        return [fitted(row.embedding) for row in rows]


def fitted(vector: Sequence[float]) -> list[float]:
    """The vector with unit length and 1024 numbers."""
    if len(vector) > DIMENSIONS:
        raise AIError(
            f"The embedding model gives {len(vector)} numbers and at most {DIMENSIONS} fit. Choose "
            "a model that can be asked for fewer and set OPENAI_EMBEDDING_DIMENSIONS=true.",
            code="ai_wrong_dimension",
            retryable=False,
        )
    length = math.sqrt(sum(x * x for x in vector)) or 1.0
    return [x / length for x in vector] + [0.0] * (DIMENSIONS - len(vector))
