"""What a check of the doctor works with, and finds: one line each, with a reason in plain words and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from include.errors import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from include.clock import Clock
    from include.settings import JobSettings, Settings


@dataclass(frozen=True, kw_only=True)
class CheckContext:
    """The settings of the jobs and of the relay, as far as they can be used; what is missing is found by a check."""

    jobs: JobSettings
    relay: Settings | None
    clock: Clock
    has_stand_ins: bool  # the local stack, whose vendors are the sandbox


class CheckStatus(StrEnum):
    """How it is."""

    OK = "ok"
    WARNING = "warning"  # it works, but not as it should be
    FAILED = "failed"
    NOT_CONFIGURED = "not configured"


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """One line."""

    check: str
    status: CheckStatus
    reason: str
    advice: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DoctorCheck:
    """What is looked at in one go. `advice` is for where it fails as a whole."""

    group: str
    name: str
    look: Callable[[], Iterable[CheckResult]]
    advice: str


def ok(check: str, reason: str) -> CheckResult:
    """Return that it is well."""
    return CheckResult(check=check, status=CheckStatus.OK, reason=redact(reason))


def warning(check: str, reason: str, advice: str) -> CheckResult:
    """Return that it works, but not as it should be."""
    return CheckResult(
        check=check, status=CheckStatus.WARNING, reason=redact(reason), advice=advice
    )


def failed(check: str, reason: str, advice: str) -> CheckResult:
    """Return that it does not work."""
    return CheckResult(check=check, status=CheckStatus.FAILED, reason=redact(reason), advice=advice)


def not_configured(check: str, reason: str) -> CheckResult:
    """Return that it is turned off or left out."""
    return CheckResult(check=check, status=CheckStatus.NOT_CONFIGURED, reason=redact(reason))
