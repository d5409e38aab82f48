"""What of a prompt's parts fits into the model's window. Pure; `prompts` says in which order.

A part is taken whole, cut clearly, or left out; what was left out is counted for the receipt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ai.tokens import MESSAGE, estimate

T = TypeVar("T")

# What stands where words were taken out.
GAP = " […] "
# No question is cut shorter than this, however small the window is.
QUESTION_TOKENS = 200


@dataclass
class Budget:
    """Tokens to be spent on a prompt, and what they went to.

    `strictness` is how many times more a provider has counted than was estimated here.
    """

    total: int
    strictness: float = 1.0
    spent: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """What may still be spent."""
        return max(0, self.total - sum(self.spent.values()))

    def cost(self, text: str) -> int:
        """A text's tokens, by this provider's measure."""
        return math.ceil(estimate(text) * self.strictness)

    def spend(self, part: str, *texts: str) -> None:
        """Take texts in, whatever they cost."""
        self._book(part, sum(self.cost(text) for text in texts))

    def spend_messages(self, part: str, count: int) -> None:
        """Take the frames of messages in."""
        self._book(part, MESSAGE * count)

    def fill(
        self,
        part: str,
        items: Sequence[T],
        share: float,
        text_of: Callable[[T], str],
        each: int = 1,
    ) -> list[T]:
        """The first items that fit into a share of what is left; all after one that does not go.

        `each` is what an item costs besides its words.
        """
        room, taken = int(self.left * share), 0
        kept: list[T] = []
        for item in items:
            cost = self.cost(text_of(item)) + each
            if taken + cost > room:
                break
            taken += cost
            kept.append(item)
        self._book(part, taken)
        self._miss(part, len(items) - len(kept))
        return kept

    def cut(self, part: str, text: str, share: float, least: int = 0) -> str:
        """The text whole if it fits into a share of what is left, or cut there and marked."""
        room = max(int(self.left * share), least)
        if self.cost(text) > room:
            self._miss(part, 1)
            text = shortened(text, room, self.cost)
        self._book(part, self.cost(text))
        return text

    def receipt(self) -> dict[str, Any]:
        """As the turn keeps it."""
        return {
            "budget": self.total,
            "estimated": sum(self.spent.values()),
            "strictness": round(self.strictness, 3),
            "parts": {part: tokens for part, tokens in self.spent.items() if tokens},
            "left_out": {part: count for part, count in self.left_out.items() if count},
        }

    def _book(self, part: str, tokens: int) -> None:
        self.spent[part] = self.spent.get(part, 0) + tokens

    def _miss(self, part: str, count: int) -> None:
        self.left_out[part] = self.left_out.get(part, 0) + count


def shortened(text: str, room: int, cost: Callable[[str], int] = estimate) -> str:
    """The beginning and the end of a text with a mark between them, within so many tokens.

    Who writes at length asks at the beginning or at the end.
    """
    if cost(text) <= room:
        return text
    least, most = 0, len(text)
    while least < most:
        middle = (least + most + 1) // 2
        if cost(_without_middle(text, middle)) <= room:
            least = middle
        else:
            most = middle - 1
    return _without_middle(text, least) if least else ""


def _without_middle(text: str, length: int) -> str:
    end = length // 3
    return text[: length - end].rstrip() + GAP + (text[-end:].lstrip() if end else "")
