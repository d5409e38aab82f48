"""Which part is killed when: a seed gives the same schedule for ever."""

from __future__ import annotations

import random
from dataclasses import dataclass

# Of 16 kills each part gets two; PostgreSQL, whose restart holds up all others, and the worker that
# nobody waits for get one.
BAG = ("web1", "web2", "reply1", "reply2", "dispatcher1", "dispatcher2", "redis") * 2 + (
    "postgres",
    "indexing",
)
SHORTEST_PAUSE, LONGEST_PAUSE = 0.3, 8.0
SHORTEST_ABSENCE, LONGEST_ABSENCE = 0.2, 2.0


@dataclass(frozen=True)
class Kill:
    """After `pause` seconds `part` is killed, and started again `absence` seconds later."""

    pause: float
    part: str
    absence: float


def kills(count: int, seed: str) -> list[Kill]:
    """A schedule in which every part gets its share."""
    luck = random.Random(f"{seed} kills")
    order: list[str] = []
    while len(order) < count:
        order += luck.sample(BAG, len(BAG))
    return [
        Kill(
            pause=luck.uniform(SHORTEST_PAUSE, LONGEST_PAUSE),
            part=part,
            absence=luck.uniform(SHORTEST_ABSENCE, LONGEST_ABSENCE),
        )
        for part in order[:count]
    ]
