"""What a model's answer took: each call is timed, counted and written into its request.

Here, too, is what bounds an answer whatever its provider does: how long its first word and the
whole of it are waited for, and how much of it is taken.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from contextvars import ContextVar

from ai import trouble
from ai.interface import AIError, Call, ChatModel, ChatRequest, Cut, Delta, PromptMessage, Usage
from ai.tokens import MESSAGE, estimate

log = logging.getLogger(__name__)

# Nobody waits longer for a whole answer.
LONGEST_SECONDS = 240.0
# No language's tokens have more letters on the whole; a provider that goes on is not listened to.
LETTERS_A_TOKEN = 12
STOPPED = "stopped"
TOO_LONG = "ai_too_long"
# Failures before the first word for which the prompt was read all the same, and will be charged.
# An answer that is shown as far as it goes.
CUT = frozenset({TOO_LONG, "ai_cut", "ai_filtered"})
CHARGED = frozenset({"", STOPPED, "ai_timeout", "ai_broken", "ai_empty", *CUT})

_heard: ContextVar[list[Call] | None] = ContextVar("calls", default=None)


def listen(model: ChatModel, request: ChatRequest) -> AsyncGenerator[Delta, None]:
    """A model's pieces, its calls written into `request.calls`."""
    return model.stream(request) if model.keeps_account else metered(model, request)


async def metered(
    model: ChatModel, request: ChatRequest, first_word: float | None = None
) -> AsyncGenerator[Delta, None]:
    """One call's pieces; `first_word` is how many seconds the first one is waited for.

    Raises AIError, of silence too. A provider that says far more than it was asked for is cut off.
    """
    began = time.monotonic()
    most = request.max_tokens * LETTERS_A_TOKEN
    usage: Usage | None = None
    letters, has_spoken, code, said = 0, False, STOPPED, []
    cut: Cut = ""
    try:
        async with aclosing(model.stream(request)) as deltas:
            try:
                async with asyncio.timeout(first_word):
                    delta = await anext(deltas, None)
            except TimeoutError:
                raise trouble.too_late() from None
            while delta is not None:
                usage, cut = delta.usage or usage, delta.cut or cut
                has_spoken = has_spoken or says(delta)
                letters += len(delta.text)
                said.append(delta.text)
                yield delta
                if letters > most:
                    code = TOO_LONG
                    log.warning("model %s does not end; it is cut off", model.name)
                    return
                if time.monotonic() - began > LONGEST_SECONDS:
                    raise trouble.too_late()
                delta = await anext(deltas, None)
        if not has_spoken and cut:
            # All its tokens went into thinking, or its very first words were not to be said.
            raise AIError("The model was cut off.", code=cut, retryable=False)
        if not has_spoken:
            raise AIError("The model said nothing.", code="ai_empty", retryable=True)
        code = cut
    except AIError as error:
        code = error.code
        raise
    finally:
        request.calls.append(
            Call(
                model=model.name,
                provider=model.provider,
                usage=usage or _estimated(request, "".join(said), code),
                is_estimated=usage is None and (has_spoken or code in CHARGED),
                code=code,
                milliseconds=milliseconds(began),
            )
        )


def milliseconds(start: float, end: float | None = None) -> int:
    """What lies between two moments of the process's clock, the second one now if not given."""
    return round(((time.monotonic() if end is None else end) - start) * 1000)


def says(delta: Delta) -> bool:
    """Whether a piece holds anything of what the model has to say."""
    return bool(delta.text or delta.uses)


def prompt_tokens(messages: Sequence[PromptMessage]) -> int:
    """How many tokens a prompt has at most."""
    return sum(estimate(message.content) + MESSAGE for message in messages)


def _estimated(request: ChatRequest, said: str, code: str) -> Usage:
    if not said and code not in CHARGED:
        return Usage(0, 0)
    return Usage(prompt_tokens(request.messages), estimate(said))


# --- calls that no request tells of ---------------------------------------------------------------


@contextmanager
def listening() -> Iterator[list[Call]]:
    """The calls of embedders within the block, in this thread."""
    calls: list[Call] = []
    token = _heard.set(calls)
    try:
        yield calls
    finally:
        _heard.reset(token)


def tell(call: Call) -> None:
    """Write down a call for whoever listens."""
    calls = _heard.get()
    if calls is not None:
        calls.append(call)
