"""Intervals that say how sure a difference is; pure, and for 95 %.

Shares: each side by Wilson (J. Am. Stat. Assoc. 22, 1927), their difference by Newcombe's method 10
(Statistics in Medicine 17, 1998), which is built of the two. Means: Welch's unequal variances
(Biometrika 34, 1947) with the quantile of Student's t by the expansion 26.7.5 of Abramowitz and
Stegun, good to a thousandth from 4 degrees of freedom on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance

Z = NormalDist().inv_cdf(0.975)
# Of fewer on either side nothing is told.
FEWEST = 5


@dataclass(frozen=True)
class Interval:
    """An estimate with the bounds it lies between, 95 times out of a hundred."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether there is a difference at all, as far as these numbers tell."""
        return self.low > 0 or self.high < 0


def wilson(count: int, total: int) -> Interval:
    """A share: `count` of `total`, which is more than none."""
    share = count / total
    weight = Z * Z / total
    middle = (share + weight / 2) / (1 + weight)
    half = Z / (1 + weight) * math.sqrt(share * (1 - share) / total + weight / (4 * total))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half))


def of_shares(base: tuple[int, int], variant: tuple[int, int]) -> Interval | None:
    """How much more often it is the case for the variant; None of too few."""
    if min(base[1], variant[1]) < FEWEST:
        return None
    a, b = wilson(*variant), wilson(*base)
    difference = a.value - b.value
    return Interval(
        difference,
        difference - math.hypot(a.value - a.low, b.high - b.value),
        difference + math.hypot(a.high - a.value, b.value - b.low),
    )


def of_means(base: Sequence[float], variant: Sequence[float]) -> Interval | None:
    """How much larger the variant's mean is; None of too few."""
    if min(len(base), len(variant)) < FEWEST:
        return None
    a, b = variance(variant) / len(variant), variance(base) / len(base)
    difference = fmean(variant) - fmean(base)
    if a + b == 0:
        # No spread at all on either side: there is nothing to be unsure by, and nothing to trust.
        return Interval(difference, -math.inf, math.inf) if difference else Interval(0.0, 0.0, 0.0)
    freedom = (a + b) ** 2 / (a * a / (len(variant) - 1) + b * b / (len(base) - 1))
    half = student(freedom) * math.sqrt(a + b)
    return Interval(difference, difference - half, difference + half)


def student(freedom: float) -> float:
    """The 97.5 % quantile of Student's t."""
    z, n = Z, freedom
    return (
        z
        + (z**3 + z) / (4 * n)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3)
        + (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * n**4)
    )
