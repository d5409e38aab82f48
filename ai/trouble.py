"""What goes wrong with a provider, in the port's words: codes, never texts or keys."""

from __future__ import annotations

import math
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ai.interface import AIError
from outgoing import Refused

# A provider that is out of money says so with the status of one that is busy.
NO_MONEY = ("insufficient_quota", "quota", "billing", "balance", "credits")
SLOW = {"connect_timeout", "read_timeout", "too_slow"}
GONE = {"no_such_host", "unreachable"}
BROKEN = {"broken", "bomb", "encoding", "headers_too_large", "too_large"}


def of_status(status: int, said: str, retry_after: str | None = None) -> AIError:
    """The error of an answer that is none; `said` is its body."""
    lowered = said[:10_000].lower()
    if status in (401, 403):
        return AIError("The key is refused.", code="ai_auth", retryable=False)
    if status == 402 or (status == 429 and any(word in lowered for word in NO_MONEY)):
        return AIError("The account has no money left.", code="ai_quota", retryable=False)
    if status == 404 and '"error"' in lowered and "invalid url" not in lowered:
        return AIError("There is no such model.", code="ai_model_not_found", retryable=False)
    if status in (404, 405) or 300 <= status < 400:
        return not_compatible()
    if status == 429:
        return AIError(
            "The model is busy.",
            code="ai_rate_limited",
            retryable=True,
            retry_after=_seconds(retry_after),
        )
    if status >= 500 or status in (408, 409):
        return AIError("The model is out of order.", code="ai_unavailable", retryable=True)
    return AIError("The model refuses the request.", code="ai_refused", retryable=False)


def not_compatible() -> AIError:
    """Somebody answers, and does not speak the protocol."""
    return AIError(
        "The address does not speak the OpenAI protocol.",
        code="ai_not_compatible",
        retryable=False,
    )


def broken_off() -> AIError:
    """A stream ended before the answer did."""
    return AIError("The model's answer broke off.", code="ai_broken", retryable=True)


def too_late() -> AIError:
    """Nobody answered in time."""
    return AIError("The model did not answer in time.", code="ai_timeout", retryable=True)


def of_connection(error: BaseException) -> AIError:
    """The error of a request that found nobody to answer, by what caused it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Refused):
            return _of_refusal(cause)
        if isinstance(cause, ssl.SSLError):
            return _no_trust()
        cause = cause.__cause__ or cause.__context__
    return AIError("The model cannot be reached.", code="ai_unreachable", retryable=True)


def _of_refusal(refused: Refused) -> AIError:
    if refused.code == "tls":
        return _no_trust()
    if refused.code in SLOW:
        return too_late()
    if refused.code in GONE:
        return AIError("The model cannot be reached.", code="ai_unreachable", retryable=True)
    if refused.code in BROKEN:
        return AIError("The model's answer broke off.", code="ai_broken", retryable=True)
    return AIError(
        "The address may not be asked.", code="ai_address", retryable=False, reason=refused.code
    )


def _no_trust() -> AIError:
    return AIError("The certificate is not to be trusted.", code="ai_tls", retryable=False)


def _seconds(value: str | None) -> float | None:
    """`Retry-After`: seconds, or a date; neither: as if it was not sent."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
