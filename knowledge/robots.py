"""What a site asks of machines: its robots.txt, kept for an hour in this process."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.cache import cache
from protego import Protego

import outgoing
from outgoing import Limits, Refused

KEPT_SECONDS = 3600
# After a failure the next look is sooner.
KEPT_AFTER_FAILURE = 120
# Between two requests to a site, and the longest pause that it may ask for.
PAUSE = 0.5
LONGEST_PAUSE = 30.0
LIMITS = Limits(total=15, max_bytes=512 * 1024)
_ALL, _NONE = "", "User-agent: *\nDisallow: /"


@dataclass(frozen=True)
class Robots:
    """The rules of one site; `is_known`: they could be read, or there are none."""

    text: str
    is_known: bool = True

    def allows(self, url: str) -> bool:
        """Whether we may read this address."""
        return Protego.parse(self.text).can_fetch(url, outgoing.USER_AGENT)

    @property
    def pause(self) -> float:
        """Seconds to leave between two requests."""
        wanted = Protego.parse(self.text).crawl_delay(outgoing.USER_AGENT) or 0.0
        return min(max(float(wanted), PAUSE), LONGEST_PAUSE)


def of(url: str) -> Robots:
    """The rules of the site of an address; raises Refused only for an address that is none."""
    target = outgoing.parse(url)
    address = str(target.copy_with(raw_path=b"/robots.txt", fragment=None))
    kept = cache.get(f"robots:{address}")
    if kept is None:
        kept = _asked(address)
        cache.set(f"robots:{address}", kept, KEPT_SECONDS if kept.is_known else KEPT_AFTER_FAILURE)
    found: Robots = kept
    return found


def _asked(address: str) -> Robots:
    try:
        answer = outgoing.fetch(address, limits=LIMITS)
    except Refused:
        return Robots(_NONE, is_known=False)
    if answer.status >= 500 or answer.status == 429:
        # RFC 9309: who cannot say what is allowed, allows nothing for now.
        return Robots(_NONE, is_known=False)
    if not 200 <= answer.status < 300:
        return Robots(_ALL)
    return Robots(answer.content.decode("utf-8", "replace"))
