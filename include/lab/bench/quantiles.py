"""Percentiles of samples, and medians of repetitions."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DIGITS = 4  # a tenth of a millisecond


def percentile(samples: Sequence[float], percent: float) -> float:
    """Return the smallest sample that at least `percent` of all samples do not exceed (nearest rank)."""
    if not samples:
        raise ValueError("no samples")
    rank = max(1, math.ceil(percent / 100 * len(samples)))
    return sorted(samples)[rank - 1]


def medians(repetitions: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each figure over the repetitions, which all have the same figures."""
    return {
        name: round(median(one[name] for one in repetitions), DIGITS) for name in repetitions[0]
    }
