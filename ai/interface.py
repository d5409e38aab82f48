"""The ports of the models: what the rest of the product knows of them, and nothing of vendors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PromptMessage:
    """A message of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class SourceText:
    """A found passage; `answer` is what to say word for word where no model is there.

    `ref` is the caller's own name for it, which no model is told.
    """

    title: str
    text: str
    answer: str = ""
    url: str = ""
    score: float = 0.0
    ref: tuple[str, int] | None = None


@dataclass(frozen=True)
class Usage:
    """Tokens as the provider counted them."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Delta:
    """A piece of an answer: text, or at the end what it used; `model` tells who spoke."""

    text: str = ""
    usage: Usage | None = None
    model: str = ""


@dataclass(frozen=True)
class ChatRequest:
    """A prompt, and the grounds and the honest fallback for an answer without a model."""

    messages: tuple[PromptMessage, ...]
    sources: tuple[SourceText, ...] = ()
    fallback: str = ""
    temperature: float = 0.3
    max_tokens: int = 800


class AIError(Exception):
    """A model did not answer; `retryable` tells whether asking again may help."""

    def __init__(
        self, message: str, *, code: str, retryable: bool, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.retry_after = retry_after


class ChatModel(ABC):
    """Answers a prompt piece by piece."""

    name: str

    @abstractmethod
    def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The answer's pieces; raises AIError. Closing the iterator ends the request."""


class Embedder(ABC):
    """Turns texts into vectors of unit length."""

    name: str
    dimensions: int

    @abstractmethod
    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector a text, in order; raises AIError."""
