"""She comes back at the last second, or the first one after it: cases D1 and D2 of the faults.

Stripe's word is what counts, asked under the member's lock: whoever is back by then keeps everything, and
whoever comes later is a new activation. Either way the end is the same for her: she is a member.
"""

import random
import threading
import time
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.clock import FixedClock, SystemClock
from include.membership.ends import EndState

pytestmark = pytest.mark.timeout(3600)  # with --long
TRIALS, LONG_TRIALS = 25, 1000
EXAMPLES, LONG_EXAMPLES = 25, 500
MONTH = timedelta(days=30)
ADA = "ada@example.org"
numbers = count(1)


def is_a_member(world, email):
    """Check that somebody has everything that a member has, and was welcomed once."""
    [member] = [one for one in world.members() if one.email == email]
    [visible] = world.query("SELECT is_visible FROM public.users WHERE id = %s", member.id)

    assert [m.status for m in member.memberships] == ["active"]
    assert visible["is_visible"]
    assert world.contact(email)["tags"] == {"active", "pro"}
    assert world.contact(email)["status"] == "subscribed"
    assert world.welcomes().count(email) == 1


def deactivations_of(world, email):
    """Count how often somebody was deactivated."""
    [member] = [one for one in world.members() if one.email == email]
    [found] = world.query(
        "SELECT count(*) AS count FROM ops.audit_log"
        " WHERE action = 'member:deactivated' AND target = %s",
        f"member:{member.id}",
    )
    return found["count"]


# --- at every moment ---

SECONDS_BACK = st.one_of(  # from the cut; most of them close to it
    st.floats(-MONTH.total_seconds(), 1),
    st.floats(-2, 1),
    st.sampled_from([0.0, -1e-6, 1e-6, 1.0]),
)


def test_back_at_any_moment(world, times):
    """D1: from a month before the cut to a second after it, her event told at once or too late to count."""

    @settings(
        max_examples=times(EXAMPLES, LONG_EXAMPLES),
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(
        back=SECONDS_BACK,
        lag=st.floats(0, 2),
        early=st.floats(1e-6, MONTH.total_seconds()),
        is_told=st.booleans(),
    )
    def back_at(back, lag, early, is_told):
        come_back(world, back=back, lag=lag, early=early, is_told=is_told)

    back_at()


def come_back(world, *, back, lag, early, is_told):
    """Let somebody cancel, let a run come too early and one `lag` after the cut, and let her return."""
    email = f"ada{next(numbers)}@example.org"
    world.clock = FixedClock(SystemClock().now())
    world.run(*world.join(email))
    month = int(MONTH.total_seconds())
    world.run(*world.act("cancel_at_period_end", email=email, in_seconds=month))
    cut = world.last_end().deactivate_at
    returned = []

    def return_():
        returned.extend(world.act("resume", email=email))
        if is_told:
            world.run(*returned)

    acts = [
        (-early, lambda: world.deactivate(f"early {email}")),
        (back, return_),
        (lag, lambda: world.deactivate(f"due {email}")),
    ]
    for seconds, act in sorted(acts, key=lambda one: one[0]):
        world.clock = FixedClock(cut + timedelta(seconds=seconds))
        act()
    was_late = back > lag
    assert deactivations_of(world, email) == (1 if was_late else 0), (back, lag)

    if not is_told:
        world.run(*returned)

    assert world.last_end().state is (EndState.DONE if was_late else EndState.REVOKED)
    is_a_member(world, email)


# --- at the same moment ---


def test_back_while_the_run_decides(world, times):
    """D2: her return and the run at the same moment, within 50 ms: never a wrong end, and both ends happen."""
    dice = random.Random(11)  # noqa: S311 - chance for tests
    world.run(*world.join(ADA))
    endings = []
    for trial in range(times(TRIALS, LONG_TRIALS)):
        world.run(*world.act("cancel_at_period_end", email=ADA, in_seconds=1))
        world.clock = FixedClock(world.last_end().deactivate_at)
        before = deactivations_of(world, ADA)

        first_asked, came_back = race(world, f"run_{trial}", offset=dice.uniform(-0.05, 0.05))

        was_deactivated = deactivations_of(world, ADA) > before
        assert not (was_deactivated and came_back < first_asked)
        assert world.last_end().state is (EndState.DONE if was_deactivated else EndState.REVOKED)
        is_a_member(world, ADA)
        endings.append(was_deactivated)
    assert len(set(endings)) == 2, "the race was never close"


def race(world, run, *, offset):
    """Let her return, and the run, `offset` seconds apart; return when each of the two was at Stripe.

    Her return is at Stripe at the latest when its call has been answered, and the run asks at the earliest
    when it begins.
    """
    barrier, moments, problems = threading.Barrier(2), {}, []

    def come_back():
        with world.another() as mine:
            mine.clock = world.clock
            barrier.wait(timeout=10)
            time.sleep(max(0, -offset))
            events = mine.act("resume", email=ADA)
            moments["back"] = time.monotonic()
            mine.run(*events)

    def end():
        with world.another() as mine:
            mine.clock = world.clock
            barrier.wait(timeout=10)
            time.sleep(max(0, offset))
            moments["asked"] = time.monotonic()
            mine.deactivate(run)

    def work(part):
        try:
            part()
        except Exception as error:  # noqa: BLE001 - a thread's failure must fail the test
            problems.append(error)

    threads = [threading.Thread(target=work, args=(part,)) for part in (come_back, end)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert problems == []
    return moments["asked"], moments["back"]
