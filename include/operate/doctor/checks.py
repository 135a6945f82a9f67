"""Carry the checks out, all at once and each in bounded time: what hangs is said, and holds nobody up."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg
from airflow.sdk.exceptions import AirflowNotFoundException

from include.check_results import failed, not_configured
from include.errors import OpsError
from include.store.reasons import reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.check_results import CheckResult, DoctorCheck


@dataclass
class _Look:
    """One check that is being carried out; what it has found so far counts in any case."""

    check: DoctorCheck
    findings: list[CheckResult] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._run, name=self.check.name, daemon=True)

    def _run(self) -> None:
        try:
            for one in self.check.look():
                self.findings.append(one)
        except AirflowNotFoundException:
            reason = "its connection is neither in the environment nor in Airflow's database"
            self.findings.append(not_configured(self.check.name, reason))
        except OpsError as error:
            self._fail(str(error))
        except psycopg.Error as error:
            self._fail(reason_of(error))
        except Exception as error:  # noqa: BLE001 - the outermost loop: one check must not end the others
            # Its text is not ours and may quote what it was about.
            self._fail(f"it cannot be looked at ({type(error).__name__})")

    def _fail(self, reason: str) -> None:
        """Find that the check ended here, under a name that no finding of it has yet."""
        name = self.check.name
        if any(one.check == name for one in self.findings):
            name = f"{name}: the rest"
        self.findings.append(failed(name, reason, self.check.advice))

    def result(self, *, until: float, seconds: float) -> list[CheckResult]:
        self.thread.join(max(0.0, until - time.monotonic()))
        if self.thread.is_alive():
            self._fail(f"no answer within {seconds:.0f} s")
        return list(self.findings)


def examine(checks: Sequence[DoctorCheck], *, seconds: float) -> list[tuple[str, CheckResult]]:
    """Return what was found, by group, in the order of the checks; it lasts no longer than `seconds`."""
    looks = [_Look(check) for check in checks]
    until = time.monotonic() + seconds
    for look in looks:
        look.thread.start()
    return [
        (look.check.group, finding)
        for look in looks
        for finding in look.result(until=until, seconds=seconds)
    ]
