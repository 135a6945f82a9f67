"""`include/alerts.yaml`, read strictly: what cannot be used is refused by its place, with the nearest right word."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
)
from pydantic_core import PydanticCustomError

from include import strict_yaml
from include.alerts.conditions import Condition, ConditionError, parse
from include.alerts.names import JOB
from include.strict_yaml import FileError, Problems, nearest

ROOT: Final = Path(__file__).resolve().parents[2]
FILE: Final = ROOT / "include" / "alerts.yaml"

AlertSeverity = Literal["info", "low", "warning", "medium", "high", "critical"]
ChannelName = Literal["slack", "email", "pagerduty", "sms"]

DURATION: Final = re.compile(r"([1-9][0-9]*)(s|m|h|d)")
UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
LONGEST: Final = timedelta(days=7)
TARGETS: Final[dict[str, tuple[str, str]]] = {
    "slack": (r"[#@][^\s#@]{1,79}|[CDG][A-Z0-9]{6,}", 'a channel like "#eng-alerts"'),
    "email": (r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]+", "an e-mail address"),
    "pagerduty": (r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}", "a service of the connection `pagerduty`"),
    "sms": (r"\+[1-9][0-9]{6,14}", 'a phone number like "+1234567890"'),
}
"""Channel → what its target looks like, as a pattern and in words."""


class RulesError(FileError):
    """The alert rules cannot be used; one line per problem."""


def duration_from(value: object) -> timedelta:
    """Return `5m` as a timedelta."""
    if isinstance(value, timedelta):
        return value
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError("duration", "a time like 30s, 5m, 1h or 2d is expected")
    span = timedelta(**{UNITS[match[2]]: int(match[1])})
    if span > LONGEST:
        raise PydanticCustomError("duration", "a time of at most 7d is expected")
    return span


AlertDuration = Annotated[
    timedelta,
    BeforeValidator(duration_from),
    WithJsonSchema({"type": "string", "pattern": f"^{DURATION.pattern}$", "examples": ["5m"]}),
]


class Target(BaseModel):
    """Whom a rule tells: a channel, and where in it. Its text form is short enough for logs."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    channel: ChannelName
    to: str = Field(repr=False)

    def __str__(self) -> str:
        """Return it without an address or a number: `sms …890`."""
        return f"{self.channel} {shortened(self.channel, self.to)}"


def shortened(channel: str, to: str) -> str:
    """Return a target so that those who know it recognise it, and nobody else can use it."""
    if channel == "email":
        return f"{to[:2]}…"
    return f"…{to[-3:]}" if channel == "sms" else to


def target_from(value: object) -> Target:
    """Return `{slack: "#eng-alerts"}` as a Target."""
    if isinstance(value, Target):
        return value
    if not isinstance(value, Mapping) or len(value) != 1:
        raise PydanticCustomError("target", 'one channel is expected, like `slack: "#eng-alerts"`')
    [(channel, to)] = value.items()
    if channel not in TARGETS:
        context = {"channel": str(channel), "hint": nearest(str(channel), tuple(TARGETS))}
        raise PydanticCustomError("target", "unknown channel {channel}{hint}", context)
    pattern, words = TARGETS[channel]
    if not isinstance(to, str) or not re.fullmatch(pattern, to):
        context = {"channel": channel, "words": words}
        raise PydanticCustomError("target", "{channel}: {words} is expected, in quotes", context)
    return Target(channel=channel, to=to)


def _target_schema() -> dict[str, Any]:
    one_of = [
        {
            "type": "object",
            "properties": {
                channel: {"type": "string", "pattern": f"^({pattern})$", "description": words}
            },
            "required": [channel],
            "additionalProperties": False,
        }
        for channel, (pattern, words) in TARGETS.items()
    ]
    return {"oneOf": one_of}


AnyTarget = Annotated[Target, BeforeValidator(target_from), WithJsonSchema(_target_schema())]


class AlertRule(BaseModel):
    """One alert."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,79}$",
        description="`<signal>_<state>`; its runbook has the same name",
    )
    condition: str = Field(description="for example: failure_rate > 0.1 AND total_runs >= 20")
    window: AlertDuration = Field(
        description="how far back rates and counts look; what is said to be `now` does not look back"
    )
    severity: AlertSeverity
    notify: tuple[AnyTarget, ...] = Field(
        min_length=1, description="everyone here is told, in this order"
    )
    for_: AlertDuration = Field(
        default=timedelta(),
        alias="for",
        description="fires only when the condition has held so long",
    )
    min_samples: int = Field(
        default=1, ge=1, description="rates and durations of fewer ended runs are unknown"
    )
    repeat: AlertDuration | None = Field(
        default=None, description="say it again after so long, while it lasts"
    )
    runbook: str | None = Field(
        default=None, description="address of the runbook; else docs/runbooks/<name>.md"
    )

    _jobs: frozenset[str] = frozenset()

    @cached_property
    def parsed(self) -> Condition:
        """The condition as a tree; `load` has made sure that there is one."""
        return parse(self.condition, jobs=self._jobs)

    @property
    def names(self) -> tuple[str, ...]:
        """The numbers it looks at, each once, in the order of the condition."""
        found = (leaf.name for leaf in self.parsed.leaves())
        return tuple(dict.fromkeys(name for name in found if name != JOB))

    def candidates(self) -> tuple[str | None, ...]:
        """Return whose numbers to look at: the jobs that can fulfil it, or None for all jobs together."""
        if all(leaf.name != JOB for leaf in self.parsed.leaves()):
            return (None,)
        return tuple(
            job for job in sorted(self._jobs) if self.parsed.holds({JOB: job}) is not False
        )


class AlertRules(BaseModel):
    """The file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    alerts: tuple[AlertRule, ...]

    @field_validator("alerts", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        return value or ()


def load(path: Path = FILE, *, jobs: frozenset[str] | None = None) -> tuple[AlertRule, ...]:
    """Return the rules of the file; raise RulesError naming file, line and column of each problem."""
    text = strict_yaml.text_of(path, RulesError)
    return rules_from(text, file=path.name, jobs=known_jobs() if jobs is None else jobs)


def others(rules: Iterable[AlertRule]) -> tuple[Target, ...]:
    """Return every target that the rules name, the least disturbing channel first.

    Where a channel fails, the next one of these is used.
    """
    found = dict.fromkeys(target for rule in rules for target in rule.notify)
    order = list(TARGETS)
    return tuple(sorted(found, key=lambda target: order.index(target.channel)))


def known_jobs(dags: Path = ROOT / "dags") -> frozenset[str]:
    """Return the jobs there are: one DAG file each."""
    return frozenset(path.stem for path in dags.glob("*.py"))


def rules_from(text: str, *, file: str, jobs: frozenset[str]) -> tuple[AlertRule, ...]:
    """Return the rules that a file's text says; raise RulesError."""

    def check(rules: AlertRules, problems: Problems) -> None:
        for index, rule in enumerate(rules.alerts):
            rule._jobs = jobs  # noqa: SLF001 - part of its making; pydantic keeps private what is no field
            _check(rule, index, rules.alerts, problems)

    return strict_yaml.read(text, AlertRules, file=file, check=check, error_class=RulesError).alerts


def _check(rule: AlertRule, index: int, rules: tuple[AlertRule, ...], problems: Problems) -> None:
    """Look at what a single field cannot know: the condition's text, names that are taken."""
    try:
        condition = rule.parsed
    except ConditionError as error:
        at = {"line": error.line, "column": error.column}
        problems.add_within(("alerts", index, "condition"), str(error), **at)
        return
    if any(other.name == rule.name for other in rules[:index]):
        problems.add(("alerts", index, "name"), f"the name {rule.name} is taken by an alert above")
    if all(leaf.name == JOB for leaf in condition.leaves()):
        problems.add(("alerts", index, "condition"), f"{JOB} alone is no condition: add a number")
    elif not rule.candidates():
        problems.add(("alerts", index, "condition"), "no job can fulfil this")
