"""The difference between who is in a target and who should be, and what a person has to look at first."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.jobs.slack_status_sync.decide import (
    Guard,
    MembershipSnapshot,
    RemovalGrace,
    TargetChange,
    difference,
)
from include.vendors.slack.workspace import SlackUserKind

NOW = datetime(2026, 11, 25, tzinfo=UTC)
DAYS = timedelta(days=3)
NOT_IN_A_GROUP = {SlackUserKind.GUEST, SlackUserKind.BOT, SlackUserKind.GONE}
IDS = [f"U{number}" for number in range(8)]


def snapshot(*, wanted=(), protected=(), scope=None, **kinds):
    """Make a snapshot of ordinary people, unless a kind is said."""
    known = dict.fromkeys(IDS, SlackUserKind.PERSON) | {
        user: SlackUserKind(kind) for user, kind in kinds.items()
    }
    return MembershipSnapshot(
        wanted=frozenset(wanted),
        kinds=known,
        protected=frozenset(protected),
        scope=None if scope is None else frozenset(scope),
    )


def grace(**days):
    """Say how many days ago somebody lapsed."""
    since = {user: NOW - timedelta(days=ago) for user, ago in days.items()}
    return RemovalGrace(since=since, now=NOW, length=DAYS)


def test_who_is_wanted_comes_in_and_who_lapsed_goes_when_her_time_is_over():
    """Three days to the second; of one nobody has noted before it begins now."""
    change = difference(["U1", "U2", "U3"], snapshot(wanted=["U0", "U1"]), grace(U2=3, U3=2.99999))

    assert (change.add, change.remove, change.waiting) == ({"U0"}, {"U2"}, {"U3"})
    assert change.after == {"U0", "U1", "U3"}
    assert difference(["U4"], snapshot(), grace()).waiting == {"U4"}


@pytest.mark.parametrize("kind", ["staff", "guest", "bot", "gone"])
def test_only_ordinary_people_come_in(kind):
    """A member who is an owner, a guest, a bot or gone is not added."""
    assert difference([], snapshot(wanted=["U0"], U0=kind), grace()).is_empty


def test_protected_people_are_left_where_they_are():
    """Neither added nor removed."""
    change = difference(["U1"], snapshot(wanted=["U0"], protected=["U0", "U1"]), grace(U1=9))

    assert change.is_empty
    assert change.after == {"U1"}


@pytest.mark.parametrize(
    ("kind", "is_dropped"), [("guest", True), ("bot", True), ("gone", True), ("staff", False)]
)
def test_group_drops_whom_it_does_not_take(kind, is_dropped):
    """At once and without grace, because one of them refuses the whole list; members or not."""
    change = difference(
        ["U0", "U1"], snapshot(wanted=["U0", "U1"], U0=kind), grace(), cannot_stay=NOT_IN_A_GROUP
    )

    assert change.dropped == ({"U0"} if is_dropped else set())
    assert ("U0" in change.after) is not is_dropped


def test_scope_is_all_that_is_looked_at():
    """Everybody else stays as she is."""
    change = difference(
        ["U1", "U2"], snapshot(wanted=["U0", "U3"], scope=["U0", "U1"]), grace(U1=9, U2=9)
    )

    assert (change.add, change.remove, change.after) == ({"U0"}, {"U1"}, {"U0", "U2"})


SOME = st.sets(st.sampled_from(IDS))


@given(
    current=SOME,
    sets=st.fixed_dictionaries({"wanted": SOME, "protected": SOME}),
    kinds=st.dictionaries(st.sampled_from(IDS), st.sampled_from(SlackUserKind)),
    ago=st.dictionaries(st.sampled_from(IDS), st.integers(0, 6)),
)
def test_whatever_comes_nobody_is_touched_who_must_not_be(current, sets, kinds, ago):
    """No staff, bot, guest or protected person is added or removed; members stay; a second run changes nothing."""
    people, time = snapshot(**sets, **kinds), grace(**ago)

    change = difference(current, people, time, cannot_stay=NOT_IN_A_GROUP)

    assert all(map(people.is_ordinary, change.add | change.remove | change.waiting))
    assert not change.remove & set.union(*sets.values())
    assert change.after == (current - change.dropped - change.remove) | change.add
    assert all(people.kinds[user] not in NOT_IN_A_GROUP for user in change.after)
    assert set(filter(people.is_ordinary, sets["wanted"])) <= change.after
    assert difference(change.after, people, time, cannot_stay=NOT_IN_A_GROUP).is_empty


def change_of(*, remove, ordinary, dropped=0):
    """Make a difference that removes so many of so many, and drops some beside."""
    nobody = frozenset()
    removed = frozenset(f"U{number}" for number in range(remove))
    return TargetChange(
        add=nobody,
        remove=removed,
        waiting=nobody,
        dropped=frozenset(f"W{number}" for number in range(dropped)),
        after=nobody,
        ordinary=ordinary,
    )


@pytest.mark.parametrize(
    ("remove", "ordinary", "confirmed", "is_refused"),
    [
        (2, 10, 0, False),
        (3, 10, 0, True),
        (3, 10, 2, True),
        (3, 10, 3, False),
        (1, 4, 0, True),
        (0, 0, 0, False),
    ],
)
def test_more_than_the_share_needs_a_person(remove, ordinary, confirmed, is_refused):
    """A fifth and no more, or as many as a person has confirmed."""
    guard = Guard(share=0.2, confirmed=confirmed)

    assert bool(guard.refusal(change_of(remove=remove, ordinary=ordinary))) is is_refused


def test_who_is_gone_counts_as_removed():
    """A list of people that was cut short, and looks whole, must not empty a group."""
    guard = Guard(share=0.2)

    assert guard.refusal(change_of(remove=0, ordinary=8, dropped=2)) is None
    assert "would remove 3 of 10" in guard.refusal(change_of(remove=0, ordinary=7, dropped=3))
