"""What a message says: what, since when, how many, examples, runbook. No address, no name of a member."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self

from include.alerts.states import AlertEventType

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from include.alerts.rules import AlertRule, AlertSeverity
    from include.alerts.states import AlertEvent
    from include.links import Links

HEADS: Final = {
    AlertEventType.FIRED: "FIRING",
    AlertEventType.REPEATED: "STILL FIRING",
    AlertEventType.RESOLVED: "RESOLVED",
}
SMS_LENGTH: Final = 300  # two parts of a text message
ACKNOWLEDGE: Final = "acknowledge:"
"""What a button that acknowledges begins with; the key of the firing follows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """Where to look."""

    text: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Button(Link):
    """A link that Slack may show as a button: `value` comes back to the relay when it is pressed."""

    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertMessage:
    """What is told of one change of an alert; the channels lay it out as they can."""

    rule: str
    what: AlertEventType
    severity: AlertSeverity
    at: datetime
    key: str
    """The same for all messages of one firing: what ties the end to the beginning."""
    facts: tuple[str, ...]
    runbook: str
    examples: tuple[Link, ...] = ()
    note: str | None = None
    """Why it comes by this way, where it was meant for another."""

    @property
    def is_end(self) -> bool:
        """Tell whether it says that the alert is over."""
        return self.what is AlertEventType.RESOLVED

    @property
    def title(self) -> str:
        """One line that says it all."""
        return f"{HEADS[self.what]}: {self.rule} ({self.severity})"

    @property
    def lines(self) -> tuple[str, ...]:
        """The message as plain lines, the title first."""
        links = [f"{link.text}: {link.url}" for link in self.examples]
        note = [self.note] if self.note else []
        return (self.title, *self.facts, *links, f"Runbook: {self.runbook}", *note)

    @property
    def text(self) -> str:
        """The message for a mail."""
        return "\n".join(self.lines)

    @property
    def short(self) -> str:
        """The message for a telephone: title and what fits of the rest."""
        text = ". ".join((self.title, *self.facts[:2], self.runbook))
        return text if len(text) <= SMS_LENGTH else text[: SMS_LENGTH - 1] + "…"

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {**asdict(self), "at": self.at.isoformat()}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Return what `document` made."""
        fields = {
            **document,
            "what": AlertEventType(document["what"]),
            "at": datetime.fromisoformat(document["at"]),
            "facts": tuple(document["facts"]),
            "examples": tuple(Link(**link) for link in document["examples"]),
        }
        return cls(**fields)


def message_of(
    rule: AlertRule,
    change: AlertEvent,
    *,
    examples: Sequence[Link],
    links: Links,
    causes: Sequence[str] = (),
) -> AlertMessage:
    """Return what is told of a change; `causes`, where they are known, come first."""
    fired_at = change.fired_at or change.at
    look = (
        () if change.what is AlertEventType.RESOLVED else (f"Look first: {links.command} status",)
    )
    return AlertMessage(
        rule=rule.name,
        what=change.what,
        severity=rule.severity,
        at=change.at,
        key=firing_key(rule.name, fired_at),
        facts=(*causes, *_facts(rule, change), *look),
        examples=() if change.what is AlertEventType.RESOLVED else tuple(examples),
        runbook=rule.runbook or links.runbook(rule.name),
    )


def firing_key(rule: str, fired_at: datetime) -> str:
    """Return what names one firing of a rule: the next one has another."""
    return f"{rule}.{fired_at:%Y%m%dT%H%M%SZ}"


def _facts(rule: AlertRule, change: AlertEvent) -> list[str]:
    reading = change.reading
    whose = f" of {reading.job}" if reading.job else ""
    limits = " ".join(rule.condition.split())
    numbers = ", ".join(f"{name} {figure(reading.numbers.get(name))}" for name in rule.names)
    facts = [f"{numbers}{whose}, rule: {limits}, window {span(rule.window)}", _when(change)]
    if total := reading.numbers.get("total_runs"):
        failed = figure(reading.numbers.get("failure_count"))
        facts.append(f"In the window {failed} of {figure(total)} runs failed")
    return facts


def _when(change: AlertEvent) -> str:
    if change.what is AlertEventType.RESOLVED:
        lasted = change.at - (change.fired_at or change.since)
        return f"It fired for {span(lasted)}, until {moment(change.at)}"
    return f"Since {moment(change.since)}"


def figure(value: float | None) -> str:
    """Return a number as people write it."""
    if value is None:
        return "unknown"
    return f"{value:.3f}".rstrip("0").rstrip(".")


def numbers_text(numbers: Mapping[str, float | None]) -> str:
    """Return the numbers that are known, each behind its name."""
    return ", ".join(f"{name} {value:g}" for name, value in numbers.items() if value is not None)


def moment(at: datetime) -> str:
    """Return an instant to the second, in UTC."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def span(time: timedelta) -> str:
    """Return a time as the rules write it: 5m, 1h 30m."""
    seconds = round(time.total_seconds())
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"
