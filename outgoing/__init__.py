"""The one guarded way out: every address that somebody typed is asked through here.

`fetch` and `afetch` make a whole request under `Limits`; `client` and `async_client` are for an SDK
that makes its own. All of them raise `Refused`.
"""

from outgoing.addresses import host_of, parse
from outgoing.fetching import (
    USER_AGENT,
    Answer,
    Limits,
    afetch,
    async_client,
    client,
    fetch,
    warm_up,
)
from outgoing.refusals import Refused, sentence

__all__ = [
    "USER_AGENT",
    "Answer",
    "Limits",
    "Refused",
    "afetch",
    "async_client",
    "client",
    "fetch",
    "host_of",
    "parse",
    "sentence",
    "warm_up",
]
