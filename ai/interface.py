"""The ports of the models: what the rest of the product knows of them, and nothing of vendors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid4

Cut = Literal["", "ai_cut", "ai_filtered"]


@dataclass(frozen=True)
class ToolSpec:
    """A tool as the model is told of it; `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class ToolUse:
    """A model's wish to call a tool; `arguments` are its words, which should be a JSON object."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class PromptMessage:
    """A message of a prompt.

    The assistant's may hold `uses` of tools; each is answered by a message of the role `tool`,
    whose `use_id` says which.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    uses: tuple[ToolUse, ...] = ()
    use_id: str = ""


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
    """Tokens as the provider counted them; the cached ones are part of the prompt's."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


class Delta(NamedTuple):
    """A piece of an answer: text, or at the end what it used; `model` tells who spoke.

    `uses` come whole, in one piece, once the model has said all that it wants called. `cut` is the
    code of why the provider ended the answer before the model did.

    A tuple, for there is one a token: a frozen dataclass takes twice as long to make.
    """

    text: str = ""
    usage: Usage | None = None
    model: str = ""
    uses: tuple[ToolUse, ...] = ()
    cut: Cut = ""


@dataclass(frozen=True)
class Call:
    """A model that was asked once, for the accounts and the receipt.

    `provider` is the caller's own name for it; `code` says how it failed, and is empty for a whole
    answer. `is_estimated`: the provider did not count, so the tokens are ours.
    """

    model: str
    provider: int | None = None
    usage: Usage = Usage(0, 0)
    is_estimated: bool = False
    code: str = ""
    milliseconds: int = 0
    key: UUID = field(default_factory=uuid4)


@dataclass(frozen=True)
class ChatRequest:
    """A prompt, and the grounds and the honest fallback for an answer without a model."""

    messages: tuple[PromptMessage, ...]
    sources: tuple[SourceText, ...] = ()
    fallback: str = ""
    temperature: float = 0.3
    max_tokens: int = 800
    # None: as the model is by itself.
    top_p: float | None = None
    tools: tuple[ToolSpec, ...] = ()
    # False: the model has called enough, and is to say what it knows now.
    may_use_tools: bool = True
    # Every model that was asked with it, as `ai.metering` writes them down.
    calls: list[Call] = field(default_factory=list, compare=False, repr=False)
    # The JSON schema that the whole answer is to follow, where the provider can promise that.
    schema: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Connection:
    """How a provider is reached; nothing of it that is secret is ever printed.

    `is_guarded`: the address was typed into a form, so it may lead only where `outgoing` allows.
    """

    base_url: str = ""
    api_key: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    timeout: float = 30.0
    # Seconds of silence after which a stream is given up.
    silence: float = 20.0
    is_guarded: bool = True


@dataclass(frozen=True)
class Choice:
    """A model to ask: its name (empty: the server's) at a provider (None: the server's).

    `problem` is the code of what keeps it from being asked at all; `provider` is the caller's own
    name for the provider, which calls are written down under.
    """

    model: str = ""
    connection: Connection | None = None
    problem: str = ""
    provider: int | None = None


class AIError(Exception):
    """A model did not answer; `retryable` tells whether asking again may help.

    `reason` is the finer code of an address that may not be asked, one of `outgoing`'s.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        retryable: bool,
        retry_after: float | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
        self.retry_after = retry_after
        self.reason = reason


class ChatModel(ABC):
    """Answers a prompt piece by piece."""

    name: str
    # The caller's own name for the provider, None: the server's.
    provider: int | None = None
    # Whether it writes its calls down by itself, or is none that is paid for.
    keeps_account: bool = False

    @abstractmethod
    def stream(self, request: ChatRequest) -> AsyncGenerator[Delta, None]:
        """The answer's pieces; raises AIError. Closing the iterator ends the request."""


class Embedder(ABC):
    """Turns texts into vectors of unit length."""

    name: str
    dimensions: int
    # How much of a match its cosine decides, from 0 to 1; the words decide the rest.
    trust: float = 0.75
    # What is left of that where something is asked for in one way only: of several ways together
    # a weak embedder tells much more than of one.
    alone: float = 1.0

    @abstractmethod
    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector a text, in order; raises AIError."""
