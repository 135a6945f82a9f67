"""How an alert goes from pending to firing to resolved."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.alerts.rules import rules_from
from include.alerts.states import (
    AlertEventType,
    AlertState,
    Phase,
    RuleReading,
    alert_event_from,
    forgotten,
    instants,
    is_forgotten,
    step,
    to_tell,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def a_rule(**options):
    """Make a rule with these optional keys."""
    text = (
        "alerts:\n  - {name: r, condition: dlq_count > 20, window: 30m, severity: low, notify: [{slack: '#a'}]"
        + "".join(f", {key.rstrip('_')}: {value}" for key, value in options.items())
        + "}\n"
    )
    [rule] = rules_from(text, file="alerts.yaml", jobs=frozenset())
    return rule


def play(rule, held, *, start=NOON):
    """Evaluate once a minute, `held` by `held`; return what happened, with the minute, and the last state."""
    state, told = AlertState(rule=rule.name), []
    for minute, holds in enumerate(held):
        state, what = step(rule, state, RuleReading(holds=holds), now=start + minute * MINUTE)
        if what:
            told.append((minute, what))
    return told, state


def test_fires_once_and_resolves_once():
    """However long it lasts."""
    told, state = play(a_rule(), [False, True, True, True, False, False])

    assert told == [(1, AlertEventType.FIRED), (4, AlertEventType.RESOLVED)]
    assert (state.phase, state.fired_at) == (Phase.RESOLVED, NOON + MINUTE)
    assert state.since == NOON + MINUTE


def test_fires_again_after_it_was_resolved():
    """Each time is one firing."""
    told, _ = play(a_rule(), [True, False, True, False])

    assert [what for _, what in told] == [AlertEventType.FIRED, AlertEventType.RESOLVED] * 2


def test_for_is_waited_out():
    """Three minutes: seen at 1, it fires at 4, and says that it holds since 1."""
    told, state = play(a_rule(for_="3m"), [False, True, True, True, True, True])

    assert told == [(1, AlertEventType.PENDING), (4, AlertEventType.FIRED)]
    assert state.since == NOON + MINUTE


def test_pending_that_ends_tells_nobody():
    """A condition that holds for two minutes of three, and again, never fires."""
    told, state = play(a_rule(for_="3m"), [True, True, False, True, True, False])

    assert [what for _, what in told] == [AlertEventType.PENDING, AlertEventType.LAPSED] * 2
    assert state.phase is Phase.INACTIVE


def test_repeat_says_it_again():
    """Every two minutes, while it lasts; without the key never."""
    told, _ = play(a_rule(repeat="2m"), [True] * 6 + [False])

    assert told == [
        (0, AlertEventType.FIRED),
        (2, AlertEventType.REPEATED),
        (4, AlertEventType.REPEATED),
        (6, AlertEventType.RESOLVED),
    ]


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 5))
def test_ends_never_outnumber_beginnings(held, minutes):
    """Firing and resolved take turns, and firing comes first, whatever the numbers do."""
    rule = a_rule(for_=f"{minutes}m") if minutes else a_rule()
    told = [
        what
        for _, what in play(rule, held)[0]
        if what in (AlertEventType.FIRED, AlertEventType.RESOLVED)
    ]

    assert told == [AlertEventType.FIRED, AlertEventType.RESOLVED] * (len(told) // 2) + [
        AlertEventType.FIRED
    ] * (len(told) % 2)


@pytest.mark.parametrize(
    ("seconds", "missed"),
    [(0.5, 0), (60, 0), (75, 0), (89, 0), (91, 1), (120, 1), (151, 2), (600, 9), (86_400, 59)],
)
def test_missed_minutes_are_made_up_for(seconds, missed):
    """An evaluation that is a little late is none that was missed; after a day, the last hour is."""
    now = NOON + timedelta(seconds=seconds)

    ats = instants(NOON, now)

    assert len(ats) == missed + 1
    assert list(ats) == sorted(set(ats))
    assert ats[-1] == now
    assert ats[0] > NOON


def test_first_evaluation_looks_at_no_past():
    """There is nothing to make up for."""
    assert instants(None, NOON) == (NOON,)


def test_what_was_pending_before_a_long_silence_begins_anew():
    """Nothing is known of the time between: it must not count for `for`."""
    _, state = play(a_rule(for_="3m"), [True])

    assert is_forgotten(NOON, NOON + 62 * MINUTE)
    assert not is_forgotten(NOON, NOON + 60 * MINUTE)
    assert forgotten(state).phase is Phase.INACTIVE
    assert forgotten(play(a_rule(), [True])[1]).phase is Phase.FIRING


def changes(*kinds):
    """Make changes of one rule, a minute apart."""
    return [
        alert_event_from(
            AlertState(rule="r", fired_at=NOON), what, at=NOON + number * MINUTE, since=NOON
        )
        for number, what in enumerate(kinds)
    ]


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        ([AlertEventType.FIRED], [AlertEventType.FIRED]),
        ([AlertEventType.PENDING, AlertEventType.FIRED], [AlertEventType.FIRED]),
        ([AlertEventType.PENDING, AlertEventType.LAPSED], []),
        ([AlertEventType.FIRED, AlertEventType.RESOLVED], []),
        ([AlertEventType.RESOLVED], [AlertEventType.RESOLVED]),
        (
            [AlertEventType.RESOLVED, AlertEventType.FIRED],
            [AlertEventType.RESOLVED, AlertEventType.FIRED],
        ),
        (
            [AlertEventType.RESOLVED, AlertEventType.FIRED, AlertEventType.RESOLVED],
            [AlertEventType.RESOLVED],
        ),
        (
            [AlertEventType.FIRED, AlertEventType.RESOLVED, AlertEventType.FIRED],
            [AlertEventType.FIRED],
        ),
        ([AlertEventType.REPEATED, AlertEventType.REPEATED], [AlertEventType.REPEATED]),
        ([AlertEventType.FIRED, AlertEventType.REPEATED], [AlertEventType.FIRED]),
        ([], []),
    ],
)
def test_what_came_and_went_unseen_is_not_told(happened, told):
    """Of missed minutes people hear the end of what they knew, and the beginning of what lasts."""
    assert [one.what for one in to_tell(changes(*happened))] == told
