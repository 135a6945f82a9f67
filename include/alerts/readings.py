"""From numbers to a rule's reading: does its condition hold, for which job, by which numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from include.alerts.names import JOB, SAMPLED
from include.alerts.states import RuleReading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.alerts.rules import AlertRule

SAMPLES: Final = "total_runs"
TOLD: Final = (SAMPLES, "failure_count")
"""What a message tells besides the numbers of the condition: how many."""


def reading_of(
    rule: AlertRule, numbers: Mapping[str | None, Mapping[str, float | None]]
) -> RuleReading:
    """Return the reading of a rule from the numbers of its candidates, by job.

    The first job that fulfils the condition is the one that is told; without one, the first of all.
    """
    readings = [_reading(rule, job, numbers[job]) for job in rule.candidates()]
    return next((one for one in readings if one.holds), readings[0])


def _reading(rule: AlertRule, job: str | None, numbers: Mapping[str, float | None]) -> RuleReading:
    known = _sampled(rule, numbers)
    values: dict[str, float | str | None] = {**known, JOB: job}
    shown = dict.fromkeys((*rule.names, *TOLD))
    held = rule.parsed.holds(values)
    return RuleReading(
        holds=held is True,
        is_known=held is not None,
        job=job,
        numbers={name: known.get(name) for name in shown},
    )


def _sampled(rule: AlertRule, numbers: Mapping[str, float | None]) -> dict[str, float | None]:
    """Take away what says nothing of so few runs."""
    enough = (numbers.get(SAMPLES) or 0) >= rule.min_samples
    return {
        name: value if enough or name not in SAMPLED else None for name, value in numbers.items()
    }
