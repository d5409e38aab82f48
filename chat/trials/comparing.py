"""The results of a run beside what they are compared with: what is worse, better, or just other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher

from django.utils.translation import gettext_lazy as _

from chat.models import TestResult
from chat.trials import receipts
from chat.trials.receipts import Receipt
from organizations.agents import Difference, Pieces

WORSE, BETTER, CHANGED, SAME = "worse", "better", "changed", "same"
LABELS = {
    WORSE: _("Worse"),
    BETTER: _("Better"),
    CHANGED: _("Changed"),
    SAME: _("The same"),
}
# Below this likeness it is another answer: marking each word of both would tell nothing.
ANOTHER = 0.25
_ORDER = (WORSE, BETTER, CHANGED, SAME)
# An answer is worth more than an honest "I don't know", and that more than none.
_WORTH = {
    receipts.ANSWER: 2,
    receipts.HANDOFF: 1,
    receipts.UNKNOWN: 1,
    receipts.FAILED: 0,
}


@dataclass(frozen=True)
class Compared:
    """A result that is finished; `change` is empty where there is nothing to compare it with."""

    result: TestResult
    receipt: Receipt
    base: Receipt | None
    change: str
    likeness: float

    def sides(self) -> tuple[Pieces, Pieces]:
        """The former and the new answer, word by word."""
        before = self.base.text if self.base else ""
        if before and self.receipt.text and self.likeness < ANOTHER:
            return _plain(before), _plain(self.receipt.text)
        return Difference("answer", "", before, self.receipt.text).pieces()


def _plain(text: str) -> Pieces:
    return [(text, False)] if text else []


def compared(results: Iterable[TestResult]) -> list[Compared]:
    """The finished results: worse ones first, then better ones, then what differs most."""
    found = [_compared(result) for result in results if result.receipt]
    return sorted(found, key=_place)


def _place(one: Compared) -> tuple[int, float, int]:
    if one.change:
        return _ORDER.index(one.change), one.likeness, one.result.number
    return (0 if one.result.passed is False else 1), 0.0, one.result.number


def _compared(result: TestResult) -> Compared:
    receipt = receipts.read(result.receipt)
    if not result.base_receipt:
        return Compared(result, receipt, None, "", 1.0)
    base = receipts.read(result.base_receipt)
    likeness = SequenceMatcher(None, base.text.split(), receipt.text.split()).ratio()
    return Compared(result, receipt, base, _change(result, receipt, base), likeness)


def _change(result: TestResult, receipt: Receipt, base: Receipt) -> str:
    if result.passed is not None and result.passed != result.base_passed:
        return BETTER if result.passed else WORSE
    # Where a test passes or fails as before, how is no improvement.
    if result.passed is None and _WORTH[receipt.outcome] != _WORTH[base.outcome]:
        return BETTER if _WORTH[receipt.outcome] > _WORTH[base.outcome] else WORSE
    same = " ".join(receipt.text.split()) == " ".join(base.text.split())
    return SAME if same and receipt.outcome == base.outcome else CHANGED


@dataclass(frozen=True)
class Sums:
    """What the answers of one side took; None where nobody has said."""

    cost: Decimal | None
    seconds: float | None


def sums(found: Iterable[Receipt]) -> Sums:
    """The costs together, and the mean time of a whole answer."""
    every = list(found)
    costs = [Decimal(one.cost) for one in every if one.cost]
    times = [one.timings["total"] for one in every if one.timings.get("total") is not None]
    return Sums(
        cost=sum(costs, Decimal(0)) if costs else None,
        seconds=sum(times) / len(times) / 1000 if times else None,
    )
