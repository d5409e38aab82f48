"""An organization's settings of moderation, as an answer and a message are judged by them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache

# A piece of SQL: an organization's settings as `rules_of` takes them; %s is its id.
SETTINGS = "(SELECT to_json(m)::text FROM organizations_moderation m WHERE m.organization_id = %s)"


@dataclass(frozen=True)
class Rules:
    """An organization's settings, as its row has them; without a row these."""

    is_on: bool = True
    warnings: int = 2
    mute_minutes: int = 15
    blocked: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()


@lru_cache(maxsize=500)
def rules_of(row: str | None) -> Rules:
    """The settings in a row's JSON (see SETTINGS)."""
    if row is None:
        return Rules()
    kept = json.loads(row)
    return Rules(
        is_on=kept["is_on"],
        warnings=kept["warnings"],
        mute_minutes=kept["mute_minutes"],
        blocked=tuple(kept["blocked_words"]),
        hidden=tuple(kept["masked_words"]),
        topics=tuple(kept["topics"]),
        sites=tuple(kept["linked_sites"]),
    )
