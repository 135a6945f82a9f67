"""Files that try rules: series of numbers in, expected firings out (`./ops alerts test`).

```yaml
rule: job_failure_rate_high
cases:
  - name: just over the limit
    job: mailchimp_sync            # whose numbers; without it those of all jobs
    series:                        # a value a minute; `20x3` is three of them, `_` is unknown; the last one stays
      failure_rate: 0.1 0.11x5 0.1
      total_runs: 10
    expect:
      - {fired: 1m, resolved: 6m}  # without `resolved`: it still fires at the end
```
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from include.alerts.history import firings
from include.alerts.names import NUMBERS
from include.alerts.readings import reading_of
from include.alerts.rules import UNITS, RulesError
from include.alerts.states import PACE, AlertState, alert_event_from, step
from include.strict_yaml import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from include.alerts.rules import AlertRule
    from include.alerts.states import AlertEvent

FOLDER: Final = Path(__file__).resolve().parents[2] / "tests" / "alerts"
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
VALUE: Final = re.compile(r"(?P<value>_|-?[0-9]+(\.[0-9]+)?)(x(?P<times>[1-9][0-9]*))?")
MOMENT: Final = re.compile(r"([0-9]+)(s|m|h|d)")

Series = tuple["float | None", ...]


def series_from(value: object) -> Series:
    """Return `0 21x3 _` as five values."""
    values: list[float | None] = []
    for word in str(value).split():
        match = VALUE.fullmatch(word)
        if match is None:
            raise ValueError(f"{word!r} is no value: write 20, 20x3 or _")
        one = None if match["value"] == "_" else float(match["value"])
        values += [one] * int(match["times"] or 1)
    if not values:
        raise ValueError("a series has at least one value")
    return tuple(values)


def moment_from(value: object) -> timedelta:
    """Return `0m` or `90s` as a timedelta."""
    match = MOMENT.fullmatch(str(value))
    if match is None:
        raise ValueError(f"{value!r} is no time: write 3m")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


SeriesTime = Annotated[timedelta, BeforeValidator(moment_from)]


class CaseModel(BaseModel):
    """Frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ExpectedFiring(CaseModel):
    """One firing that is expected: when, counted from the beginning of the series."""

    fired: SeriesTime
    resolved: SeriesTime | None = None


class AlertCase(CaseModel):
    """One trial of a rule."""

    name: str
    job: str | None = None
    series: dict[str, Annotated[Series, BeforeValidator(series_from)]]
    expect: tuple[ExpectedFiring, ...] = Field(default=())


class CaseFile(CaseModel):
    """The file."""

    rule: str
    cases: tuple[AlertCase, ...] = Field(min_length=1)


class CaseResult(CaseModel):
    """What came of a case; `wrong` says how it differs from what was expected."""

    rule: str
    case: str
    wrong: str | None


def run(path: Path, rules: Sequence[AlertRule]) -> list[CaseResult]:
    """Play every case of a file; raise RulesError where the file cannot be used."""
    file = read(path)
    by_name = {rule.name: rule for rule in rules}
    if file.rule not in by_name:
        hint = nearest(file.rule, tuple(by_name))
        raise RulesError(f"{path.name}: there is no rule {file.rule}{hint}")
    rule = by_name[file.rule]
    return [
        CaseResult(rule=rule.name, case=case.name, wrong=difference(rule, case))
        for case in file.cases
    ]


def read(path: Path) -> CaseFile:
    """Return what a file says; raise RulesError naming what cannot be used."""
    try:
        file = CaseFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise RulesError(f"{path.name}: cannot be read ({type(error).__name__})") from error
    except yaml.YAMLError as error:
        raise RulesError(f"{path.name}: not YAML: {error}") from error
    except ValidationError as error:
        lines = [
            f"{path.name}: {'.'.join(map(str, one['loc']))}: {one['msg']}"
            for one in error.errors(include_url=False)
        ]
        raise RulesError("\n".join(lines)) from error
    for case in file.cases:
        for name in case.series.keys() - NUMBERS.keys():
            hint = nearest(name, tuple(NUMBERS))
            raise RulesError(f"{path.name}: {case.name}: unknown name {name}{hint}")
    return file


def difference(rule: AlertRule, case: AlertCase) -> str | None:
    """Return how the firings of a case differ from what it expects, or None."""
    found = [
        (one.fired_at - START, one.resolved_at - START if one.resolved_at else None)
        for one in firings(play(rule, case))
    ]
    wanted = [(one.fired, one.resolved) for one in case.expect]
    return None if found == wanted else f"fires {shown(found)}, expected {shown(wanted)}"


def play(rule: AlertRule, case: AlertCase) -> Iterator[AlertEvent]:
    """Yield what happens to a rule over a case's series, a minute for each value."""
    state = AlertState(rule=rule.name)
    for minute in range(max(len(values) for values in case.series.values())):
        now = START + minute * PACE
        numbers = {
            name: values[min(minute, len(values) - 1)] for name, values in case.series.items()
        }
        found = {
            job: numbers if case.job in (None, job) else dict.fromkeys(numbers)
            for job in rule.candidates()
        }
        before = state
        state, what = step(rule, before, reading_of(rule, found), now=now)
        if what is not None:
            yield alert_event_from(state, what, at=now, since=before.since)


def shown(times: Sequence[tuple[timedelta, timedelta | None]]) -> str:
    """Return firings as people read them."""
    if not times:
        return "never"
    return " and ".join(
        f"from minute {fired / PACE:g}" + (f" to {resolved / PACE:g}" if resolved else " on")
        for fired, resolved in times
    )
