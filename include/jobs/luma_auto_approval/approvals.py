"""Let members in: one guest after the other, each read once more right before."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog

from include.errors import (
    SoldOutError,
    TimeUpError,
    VendorBusyError,
    VendorError,
    VendorNotFoundError,
    VendorUnavailableError,
    VendorUncertainError,
)
from include.vendors.luma.client import Guest, GuestStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.jobs.luma_auto_approval.report import ApprovalResult
    from include.vendors.luma.client import Luma
    from include.vendors.rate_limiter import RateLimiter

OUTAGES_THAT_STOP = 5
"""For so many guests in a row Luma was not there, not even to read them: the others would only wait for it too."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class GuestDecision:
    """What is to become of a guest."""

    guest: Guest
    status: GuestStatus

    @property
    def is_approval(self) -> bool:
        """Tell whether she is let in."""
        return self.status is GuestStatus.APPROVED


class GuestStatusWriter:
    """Writes to Luma what was decided, and counts what came of each."""

    def __init__(
        self, luma: Luma, limiter: RateLimiter, result: ApprovalResult, *, send_email: bool
    ) -> None:
        """Write to `luma`, at the limiter's rate."""
        self._luma, self._limiter, self._result = luma, limiter, result
        self._send_email = send_email

    def write_all(self, decisions: Sequence[GuestDecision]) -> None:
        """Carry out one after the other; who fails does not stop the others, what is left is counted."""
        outages = 0
        for number, decision in enumerate(decisions):
            try:
                outages = outages + 1 if self._is_outage(decision) else 0
            except TimeUpError as over:
                self._stop(str(over), left=len(decisions) - number)
                return
            if outages == OUTAGES_THAT_STOP and number + 1 < len(decisions):
                self._stop("Luma does not answer", left=len(decisions) - number - 1)
                return

    def _is_outage(self, decision: GuestDecision) -> bool:
        """Carry out one decision and count it; tell whether Luma was not there for it."""
        guest = decision.guest
        try:
            self._count(decision, is_ours=self._write(decision))
        except SoldOutError:
            self._result.sold_out += 1
            log.info("luma_approval.sold_out", guest=guest.id, calendar_event=guest.event_id)
        except VendorError as error:
            self._result.failed += 1
            self._result.failed_approvals += decision.is_approval
            self._result.add_error(str(error), event=guest.event_id, guest=guest.id)
            log.warning(
                "luma_approval.failed",
                guest=guest.id,
                calendar_event=guest.event_id,
                why=str(error),
            )
            return isinstance(error, VendorUnavailableError)
        return False

    def _count(self, decision: GuestDecision, *, is_ours: bool) -> None:
        guest = decision.guest
        if not is_ours:
            self._result.settled += decision.is_approval
        elif decision.is_approval:
            self._result.approved += 1
        else:
            self._result.declined += 1
        outcome = str(decision.status) if is_ours else "settled"
        log.info(
            "luma_approval.decided", guest=guest.id, calendar_event=guest.event_id, outcome=outcome
        )

    def _write(self, decision: GuestDecision) -> bool:
        """Decide about a guest if nobody has; tell whether it was us. A 429 decided nothing."""
        while self._is_pending(decision.guest):
            self._limiter.take_turn()
            try:
                self._luma.update_status(
                    decision.guest, decision.status, send_email=self._send_email
                )
            except VendorBusyError as busy:
                self._limiter.wait_out(busy)  # and read her again: a host may have been faster
            except VendorUncertainError as lost:
                self._look_after(decision, lost)
                return True
            else:
                return True
        return False

    def _look_after(self, decision: GuestDecision, lost: VendorUncertainError) -> None:
        """See whether a decision was made whose answer was lost; if not, it may still come: no second one."""
        try:
            status = self._read(decision.guest).status
        except (VendorError, TimeUpError):
            raise lost from None
        if status is not decision.status:
            raise lost

    def _is_pending(self, guest: Guest) -> bool:
        """Tell whether a guest still waits; one who is gone does not."""
        try:
            return self._read(guest).status is GuestStatus.PENDING
        except VendorNotFoundError:
            return False

    def _read(self, guest: Guest) -> Guest:
        return self._limiter.call(partial(self._luma.read_guest, guest.event_id, guest.id))

    def _stop(self, why: str, *, left: int) -> None:
        self._result.stopped, self._result.left = why, left
        log.warning("luma_approval.stopped", why=why, left=left)
