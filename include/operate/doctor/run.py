"""Look at everything: read the settings, then carry all checks out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from airflow.sdk.configuration import conf
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from include.check_results import CheckContext
from include.operate.doctor import (
    airflow,
    connections,
    databases,
    policy,
    settings,
    vendors,
    workers,
)
from include.operate.doctor.check_context import TOTAL_SECONDS
from include.operate.doctor.checks import examine
from include.settings import JobSettings, Settings, wrong_in

if TYPE_CHECKING:
    from include.check_results import CheckResult, DoctorCheck
    from include.clock import Clock

S = TypeVar("S", bound=BaseSettings)
AIRFLOW_KEYS: Final = (
    ("core", "fernet_key"),
    ("api_auth", "jwt_secret"),
    ("sentry", "sentry_on"),
    ("sentry", "sentry_dsn"),
)


def look(
    *, clock: Clock, has_stand_ins: bool, before_start: bool = False, seconds: float = TOTAL_SECONDS
) -> list[tuple[str, CheckResult]]:
    """Return what was found, by group; it lasts no longer than `seconds`.

    `before_start`: databases and Airflow are not there yet and not looked at.
    """
    context, wrong = read_context(clock=clock, has_stand_ins=has_stand_ins)
    keys = {name: conf.get(section, name, fallback="") or "" for section, name in AIRFLOW_KEYS}
    checks = [
        *settings.checks(context, wrong=wrong, airflow=keys),
        *connections.checks(context),
        *([] if before_start else _of_what_runs(context)),
        *vendors.checks(context),
        *policy.checks(context),
    ]
    return examine(checks, seconds=seconds)


def _of_what_runs(context: CheckContext) -> list[DoctorCheck]:
    return [*databases.checks(context), *airflow.checks(context), *workers.checks()]


def read_context(*, clock: Clock, has_stand_ins: bool) -> tuple[CheckContext, dict[str, str]]:
    """Read the settings; what cannot be used is told by whose it is, and left out or as it is by default."""
    wrong: dict[str, str] = {}
    jobs = _read(JobSettings, "jobs", wrong) or JobSettings.model_construct()
    relay = _read(Settings, "relay", wrong)
    return CheckContext(jobs=jobs, relay=relay, clock=clock, has_stand_ins=has_stand_ins), wrong


def _read(kind: type[S], whose: str, wrong: dict[str, str]) -> S | None:
    """Return settings, or None with what is wrong with them in `wrong`, never a value."""
    try:
        return kind()
    except ValidationError as error:
        wrong[whose] = wrong_in(error)
        return None
