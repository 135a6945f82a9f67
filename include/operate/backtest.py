"""Alert rules over what they were told: a number as a line, and what would have fired beside what did."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from include.alerts.history import KEPT, SampleHistory, backtest, firings, paired, untellable
from include.alerts.names import JOB
from include.alerts.readings import reading_of
from include.alerts.rules import load
from include.alerts.states import PACE
from include.alerts.texts import moment, numbers_text
from include.operate.metrics import Chart, chart_data

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from include.alerts.history import Firing, Pair, Sample
    from include.alerts.rules import AlertRule
    from include.store import Store

POINTS = 288  # of a line: a day in pieces of five minutes
WINDOWS = {"1": "the last day", "7": "the last week"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Backtest:
    """What rules would have fired since `start`, beside what they did; `samples` reach further back, by a window."""

    start: datetime
    end: datetime
    samples: tuple[Sample, ...]
    pairs: tuple[Pair, ...]

    @property
    def minutes(self) -> int:
        """Return at how many instants the rules were told something."""
        return len({one.at for one in self.samples})


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleView:
    """One rule as people see it: its numbers as lines, its firings, and of which numbers nothing is kept."""

    name: str
    condition: str
    severity: str
    minutes: int
    charts: tuple[Chart, ...]
    firings: tuple[tuple[str, str, str], ...]  # would have fired, did fire, numbers: in words
    not_kept: tuple[str, ...]


def play_back(
    rules: Sequence[AlertRule], store: Store, *, start: datetime, now: datetime
) -> Backtest:
    """Play what was kept since then against these rules."""
    longest = max((rule.window for rule in rules), default=PACE)
    end = max(now, store.alerts.evaluated_at() or now)
    samples = tuple(store.alerts.samples(start - longest, end))
    kept = firings(store.alerts.events(start, end))
    played = [one for one in backtest(rules, samples) if one.fired_at >= start]
    return Backtest(start=start, end=end, samples=samples, pairs=tuple(paired(played, kept)))


def read_rule(name: str, store: Store, *, now: datetime, days: int) -> RuleView | None:
    """Return how a rule in use did in the days up to now; None where there is none of that name."""
    rule = next((one for one in load() if one.name == name), None)
    if rule is None:
        return None
    played = play_back([rule], store, start=now - timedelta(days=days), now=now)
    return RuleView(
        name=rule.name,
        condition=rule.condition,
        severity=rule.severity,
        minutes=played.minutes,
        charts=tuple(_charts(rule, played)),
        firings=tuple(
            _firing_words(pair)
            for pair in reversed(played.pairs)
            if any(one.rule == name for one in pair if one)
        ),
        not_kept=tuple(untellable(rule)),
    )


def _charts(rule: AlertRule, played: Backtest) -> Iterator[Chart]:
    """Yield a chart for each number: the highest and lowest of each piece of time, and the limits."""
    whose = {None, *rule.candidates()}
    history = SampleHistory(one for one in played.samples if one.job in whose)
    piece = max((played.end - played.start) / POINTS, PACE)
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for at in history.instants:
        if at < played.start:
            continue
        numbers = {job: history.numbers(at, rule.window, job) for job in rule.candidates()}
        for name, value in reading_of(rule, numbers).numbers.items():
            if value is not None:
                found[name][(at - played.start) // piece].append(value)
    places = range((played.end - played.start) // piece + 1)
    x = [int((played.start + place * piece).timestamp()) for place in places]
    for name in rule.names:
        if name in KEPT:
            yield _chart(name, _limits(rule, name), found[name], places, x)


def _chart(
    name: str,
    limits: Iterable[float],
    values: dict[int, list[float]],
    places: range,
    x: list[int],
) -> Chart:
    everything = [one for some in values.values() for one in some]
    words = (
        f"between {min(everything):g} and {max(everything):g}" if everything else "nothing is kept"
    )
    lines: list[tuple[str, str, list[Any]]] = [
        ("highest", "--link", [max(values[at], default=None) for at in places]),
        ("lowest", "--good", [min(values[at], default=None) for at in places]),
        *((f"limit {one:g}", "--bad", [one for _ in places]) for one in limits),
    ]
    return Chart(title=name, words=words, data=chart_data(x, *lines))


def _limits(rule: AlertRule, name: str) -> list[float]:
    leaves = [one for one in rule.parsed.leaves() if one.name == name and one.name != JOB]
    return list(dict.fromkeys(one.value for one in leaves if not isinstance(one.value, str)))


def _firing_words(pair: Pair) -> tuple[str, str, str]:
    played, kept = pair
    numbers = next(one.numbers for one in pair if one)
    return _when(played), _when(kept), numbers_text(numbers)


def _when(firing: Firing | None) -> str:
    if firing is None:
        return "no"
    end = firing.resolved_at
    return f"{moment(firing.fired_at)} {f'until {moment(end)}' if end else 'and still does'}"
