"""A breaker per vendor: one that is down as a whole is left alone, and what needs it waits.

closed ─▶ open      calls failed for so many different members or events, and none went well in between
  ▲        │ ▲
  │        ▼ │ the probe failed: the next pause
  └───── probing    one run calls for one member

One unlucky member never opens it: whom calls fail for is counted, not how often. A person may pause a vendor: its
breaker is open until her time is over, whatever a call that was under way comes to. The first functions are pure; those
below write down and audit what they say.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeVar

import structlog

from include.errors import ActRefusedError, BreakerOpenError, VendorUnavailableError
from include.store.audit import AuditEntry
from include.store.breakers import Breaker, BreakerState

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime
    from typing import Self

    from include.clock import Clock
    from include.person import Person
    from include.store import Store

T = TypeVar("T")

VENDORS = ("clerk", "mailchimp", "stripe")  # whose breakers there are
OPENS_AFTER = 5
MAX_NAMED = 100  # more of those whom calls failed for say nothing new
PAUSES = tuple(
    timedelta(minutes=minutes) for minutes in (1, 5, 15, 60)
)  # the last one again and again
PROBE_LEASE = timedelta(minutes=3)  # the run that probes is gone: another one may
MAX_WAIT = timedelta(hours=24)  # after that an event is a dead letter
PAUSED = "a person has paused it"

log = structlog.get_logger(__name__)


class Admission(Enum):
    """Whether a run may call a vendor."""

    GO = auto()
    PROBE = auto()  # for one member; what comes of it decides
    WAIT = auto()


def after_failures(  # noqa: PLR0913 - what is known of them, by name
    breaker: Breaker,
    who: Collection[str],
    *,
    by: str | None,
    reason: str,
    opens_after: int,
    now: datetime,
) -> Breaker:
    """Return how it stands after the run `by` has failed for these.

    Once it is open, only the run that probes has anything to tell: the others have not called.
    """
    match breaker.state:
        case BreakerState.CLOSED:
            failing = tuple(sorted({*breaker.failing, *who})[:MAX_NAMED])
            told = replace(breaker, failing=failing, reason=reason)
            is_down = len(failing) >= opens_after
            return _opened(told, openings=1, opened_at=now, now=now) if is_down else told
        case BreakerState.PROBING if breaker.probe_by == by:
            told = replace(breaker, reason=reason)
            opened_at = breaker.opened_at or now
            return _opened(told, openings=breaker.openings + 1, opened_at=opened_at, now=now)
        case _:
            return breaker


def after_success(breaker: Breaker, *, now: datetime) -> Breaker:
    """Return how it stands after a call went well: all is well, but for a person's pause."""
    if breaker.is_paused(now):
        return breaker
    changed_at = breaker.changed_at if breaker.state is BreakerState.CLOSED else now
    return Breaker(vendor=breaker.vendor, state=BreakerState.CLOSED, changed_at=changed_at)


def admitted(breaker: Breaker, *, by: str, now: datetime) -> tuple[Admission, Breaker]:
    """Return whether this run may call, and how it stands then: of several, one probes."""
    is_due = breaker.probe_at is not None and breaker.probe_at <= now
    match breaker.state:
        case BreakerState.CLOSED:
            return Admission.GO, breaker
        case BreakerState.PROBING if breaker.probe_by == by:
            return Admission.PROBE, breaker
        case BreakerState.OPEN if is_due and not breaker.openings:  # paused while it was up
            return Admission.GO, after_success(breaker, now=now)
        case _ if is_due:
            probing = replace(
                breaker,
                state=BreakerState.PROBING,
                probe_by=by,
                probe_at=now + PROBE_LEASE,
                paused_by=None,
                paused_why=None,
                changed_at=now,
            )
            return Admission.PROBE, probing
        case _:
            return Admission.WAIT, breaker


def released(breaker: Breaker, *, by: str, now: datetime) -> Breaker:
    """Return how it stands when the run that probes had nothing to call."""
    if breaker.state is not BreakerState.PROBING or breaker.probe_by != by:
        return breaker
    return replace(breaker, state=BreakerState.OPEN, probe_at=now, probe_by=None, changed_at=now)


def paused(breaker: Breaker, *, until: datetime, by: str, why: str, now: datetime) -> Breaker:
    """Return how it stands when a person has paused a vendor: as one that is down, until her time is over."""
    return replace(
        breaker,
        state=BreakerState.OPEN,
        probe_at=until,
        probe_by=None,
        reason=PAUSED,
        opened_at=breaker.opened_at or now,
        paused_by=by,
        paused_why=why,
        changed_at=now,
    )


def resumed(breaker: Breaker, *, now: datetime) -> Breaker:
    """Return how it stands when a pause is ended: called as usual, or tried at once where it was down before."""
    over = replace(breaker, probe_at=now, paused_by=None, paused_why=None, changed_at=now)
    return over if over.openings else after_success(over, now=now)


def _opened(breaker: Breaker, *, openings: int, opened_at: datetime, now: datetime) -> Breaker:
    wait = PAUSES[min(openings, len(PAUSES)) - 1]
    return replace(
        breaker,
        state=BreakerState.OPEN,
        openings=openings,
        probe_at=now + wait,
        probe_by=None,
        opened_at=opened_at,
        paused_by=None,
        paused_why=None,
        changed_at=now,
    )


# --- written down ---


def note_failures(  # noqa: PLR0913 - what is known of them, by name
    vendor: str,
    who: Collection[str],
    *,
    reason: str,
    store: Store,
    now: datetime,
    opens_after: int = OPENS_AFTER,
    dag_run_id: str | None = None,
) -> Breaker:
    """Write down for whom calls failed, and return how it stands with the vendor now."""
    with store.transaction():
        before = store.breakers.lock(vendor, now=now)
        after = after_failures(
            before, who, by=dag_run_id, reason=reason, opens_after=opens_after, now=now
        )
        _save(before, after, store=store, dag_run_id=dag_run_id)
    return after


def note_success(vendor: str, *, store: Store, clock: Clock, dag_run_id: str | None = None) -> None:
    """Write down that a call went well; what waits for the vendor is due now."""
    breaker = store.breakers.get(vendor)
    if breaker is None or (breaker.state is BreakerState.CLOSED and not breaker.failing):
        return
    now = clock.now()
    with store.transaction():
        before = store.breakers.lock(vendor, now=now)
        after = after_success(before, now=now)
        _save(before, after, store=store, dag_run_id=dag_run_id)
        if before.state is not BreakerState.CLOSED and after.state is BreakerState.CLOSED:
            _let_go_on(vendor, store=store, now=now)


def pause(vendor: str, *, until: datetime, person: Person, store: Store, now: datetime) -> None:
    """Have a vendor left alone until then, because a person says so; what needs it waits."""
    with store.transaction():
        before = store.breakers.lock(vendor, now=now)
        after = paused(before, until=until, by=person.actor, why=person.why, now=now)
        store.breakers.save(after)
        _audit(before, after, action="breaker:pause", person=person, store=store)


def resume(vendor: str, *, person: Person, store: Store, now: datetime) -> None:
    """End a person's pause before its time; raise ActRefusedError where there is none."""
    with store.transaction():
        before = store.breakers.lock(vendor, now=now)
        if not before.is_paused(now):
            raise ActRefusedError(f"{vendor.capitalize()} is not paused any more")
        after = resumed(before, now=now)
        store.breakers.save(after)
        _audit(before, after, action="breaker:resume", person=person, store=store)
        _let_go_on(vendor, store=store, now=now)


def _let_go_on(vendor: str, *, store: Store, now: datetime) -> None:
    """Let what waits for a vendor be due now."""
    store.dead_letters.release(vendor, now=now)
    store.inbox.wake_dispatchers()


def probe_now(vendor: str, *, store: Store, now: datetime) -> Breaker | None:
    """Let the next run probe a vendor that is left alone, and what waits for it be due; return how it stands.

    Raises ActRefusedError where a person has paused it: who ends that says so.
    """
    with store.transaction():
        breaker = store.breakers.get(vendor)
        if breaker is None or breaker.state is BreakerState.CLOSED:
            return breaker
        breaker = store.breakers.lock(vendor, now=now)
        if breaker.is_paused(now):
            raise ActRefusedError(f"{vendor.capitalize()} is paused: end the pause in the console")
        if breaker.state is BreakerState.OPEN:
            breaker = replace(breaker, probe_at=now)
            store.breakers.save(breaker)
            _let_go_on(vendor, store=store, now=now)
    return breaker


class CircuitBreaker:
    """What lets a run's calls to a vendor through.

    `enter` and `leave` write to the database: call them outside of transactions and of leased connections,
    so that nobody waits for the breaker's row while he has what another waits for.
    """

    def __init__(self, vendor: str, *, by: str, store: Store, clock: Clock) -> None:
        """Stand before `vendor`'s calls of the run `by`."""
        self._vendor, self._by = vendor, by
        self._store, self._clock = store, clock
        self._breaker: Breaker | None = None  # a closed one is not looked at any closer
        self._was_admitted = self._admission = Admission.GO
        self._answered = False
        self._problem: str | None = None

    def enter(self) -> Self:
        """Ask whether calls may be made. A closed breaker costs one look."""
        breaker = self._store.breakers.get(self._vendor)
        if breaker is None or breaker.state is BreakerState.CLOSED:
            return self
        now = self._clock.now()
        with self._store.transaction():
            before = self._store.breakers.lock(self._vendor, now=now)
            self._admission, self._breaker = admitted(before, by=self._by, now=now)
            _save(before, self._breaker, store=self._store, dag_run_id=self._by)
        self._was_admitted = self._admission
        return self

    def split(self, calls: Sequence[T]) -> tuple[Sequence[T], Sequence[T]]:
        """Return what may be called first, and what has to wait for how that goes."""
        match self._admission:
            case Admission.WAIT:
                return (), calls
            case Admission.PROBE:
                # Another one each time: one that always fails must not hold it open.
                turn = self._breaker.openings if self._breaker else 0
                place = turn % max(1, len(calls))
                return calls[place : place + 1], [*calls[:place], *calls[place + 1 :]]
            case Admission.GO:
                return calls, ()

    def note(self, answers: Sequence[object]) -> None:
        """Take note of what calls came to: one that was answered ends the probe well."""
        if any(not isinstance(answer, VendorUnavailableError) for answer in answers):
            self._answered, self._admission = True, Admission.GO
        elif answers:
            self._problem = str(answers[0])
            if self._admission is Admission.PROBE:
                self._admission = Admission.WAIT

    def leave(self) -> None:
        """Write down what the calls have shown."""
        store, now = self._store, self._clock.now()
        if self._answered:
            note_success(self._vendor, store=store, clock=self._clock, dag_run_id=self._by)
        elif self._was_admitted is Admission.PROBE and self._problem:
            note_failures(
                self._vendor, (), reason=self._problem, store=store, now=now, dag_run_id=self._by
            )
        elif self._was_admitted is Admission.PROBE:  # nothing was called: another run may probe
            with store.transaction():
                before = store.breakers.lock(self._vendor, now=now)
                after = released(before, by=self._by, now=now)
                _save(before, after, store=store, dag_run_id=self._by)

    @property
    def is_open(self) -> bool:
        """Tell whether nothing more is let through."""
        return self._admission is Admission.WAIT

    @property
    def error(self) -> BreakerOpenError:
        """Return what a call ends with that is not made."""
        reason = self._breaker.reason if self._breaker else None
        until = "for a while" if reason == PAUSED else "until it answers again"
        said = f": {reason}" if reason else ""
        text = f"{self._vendor.capitalize()} is left alone {until}{said}"
        return BreakerOpenError(text).by(self._vendor)


def _save(before: Breaker, after: Breaker, *, store: Store, dag_run_id: str | None) -> None:
    if after == before:
        return
    store.breakers.save(after)
    if after.state is before.state and after.openings == before.openings:
        return
    log.warning("breaker.changed", vendor=after.vendor, was=before.state, state=after.state)
    change = AuditEntry(
        target=f"breaker:{after.vendor}",
        actor="system:breakers",
        action=f"breaker:{after.state}",
        dag_run_id=dag_run_id,
        before=_shown(before),
        after=_shown(after),
        metadata={"reason": after.reason or before.reason, "failing": len(before.failing)},
    )
    store.audit.add([change], now=after.changed_at)


def _audit(before: Breaker, after: Breaker, *, action: str, person: Person, store: Store) -> None:
    change = AuditEntry(
        target=f"breaker:{after.vendor}",
        actor=person.actor,
        action=action,
        before=_shown(before),
        after=_shown(after),
        metadata={"why": person.why},
    )
    store.audit.add([change], now=after.changed_at)


def _shown(breaker: Breaker) -> dict[str, object]:
    probe_at = breaker.probe_at.isoformat() if breaker.probe_at else None
    return {"state": str(breaker.state), "openings": breaker.openings, "probe_at": probe_at}
