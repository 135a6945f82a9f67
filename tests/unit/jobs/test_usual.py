"""What is usual of webhooks, and when an absence is news: by chance seldom, after a stop in the time theory says."""

import math
from collections import defaultdict
from random import Random

import pytest

from include.jobs.reconciliation.usual import (
    DAY,
    FEW,
    MAX_WEEKS,
    MIN_WEEKS,
    ONCE_IN,
    REACH_WEEKS,
    WEEK,
    Counts,
    absences,
    rises,
    usual_week,
)

START = 10_000 * WEEK  # some Monday's midnight
YEAR = 52 * WEEK
A_DAY = 3
ACTS = {  # what people do, how often of a hundred times, and which webhooks that brings within a minute
    "joins": (25, ("customer.subscription.created", "checkout.session.completed", "invoice.paid")),
    "renews": (55, ("customer.subscription.updated", "invoice.paid")),
    "changes": (15, ("customer.subscription.updated",)),
    "leaves": (5, ("customer.subscription.deleted",)),
}


def rhythm():
    """Return how busy each hour of the week is: less at weekends, next to nothing from one to seven at night."""
    hours = [
        (0.5 if hour // DAY >= 5 else 1.0)
        * (0.02 if 1 <= hour % DAY < 7 else 1 + math.sin((hour % DAY - 9) / DAY * 2 * math.pi))
        for hour in range(WEEK)
    ]
    return [one * 7 / sum(hours) for one in hours]  # of a day's acts


RHYTHM = rhythm()


def poisson(random, mean):
    """Return how many there are by chance (Knuth)."""
    limit, count, product = math.exp(-mean), 0, random.random()
    while product > limit:
        count, product = count + 1, product * random.random()
    return count


def played(seed, *, hours, a_day=A_DAY):
    """Play a community; return what came by type and hour, and in which hours somebody did something."""
    random, found = Random(seed), defaultdict(lambda: defaultdict(int))  # noqa: S311 - chance
    kinds, weights = [*ACTS], [weight for weight, _ in ACTS.values()]
    for hour in range(START, START + hours):
        for _ in range(poisson(random, a_day * RHYTHM[hour % WEEK])):
            [act] = random.choices(kinds, weights)
            for kind in (None, *ACTS[act][1]):
                found[kind][hour] += 1
    return {kind: dict(hours) for kind, hours in found.items()}


def seen(acts, hour):
    """Return what is looked at when an hour begins."""
    window = range(hour - REACH_WEEKS * WEEK, hour)
    cut = {kind: {h: n for h, n in hours.items() if h in window} for kind, hours in acts.items()}
    return Counts(acts={kind: hours for kind, hours in cut.items() if hours}, came={})


def steady(hours, *, every=1, end=START):
    """Return acts in every so many hours up to an end."""
    return dict.fromkeys(range(end - hours, end, every), 1)


def false_alarms(acts, *, begin):
    """Return (type, first hour) of what is told though nothing has stopped; a gap is least likely at its end."""
    ends = [hour for hour in sorted(acts[None]) if hour >= begin]
    return {(one.type, one.begin) for hour in ends for one in absences(seen(acts, hour), now=hour)}


@pytest.mark.timeout(300)
def test_year_of_three_a_day_has_no_more_false_alarms_than_chance_allows():
    """Nights and weekends are no news: of each thousand gaps one may be told, and the year has so many."""
    acts = played("a quiet community", hours=MAX_WEEKS * WEEK + YEAR)
    begin = START + MAX_WEEKS * WEEK
    gaps = sum(1 for hours in acts.values() for hour in hours if hour >= begin)

    found = false_alarms(acts, begin=begin)

    assert 900 < sum(n for h, n in acts[None].items() if h >= begin) < 1300  # three a day
    assert len(found) <= gaps / 1000, found


@pytest.mark.parametrize("a_day", [1, 3, 30, 300])
def test_stop_is_found_in_the_time_that_theory_says(a_day):
    """An hour after 6.9 should have come by the true rate, or little later: eight weeks say it to some tenths."""
    stop = START + MAX_WEEKS * WEEK + 3 * DAY + 11
    for seed in range(5):
        acts = seen(played(seed, hours=stop - START, a_day=a_day), stop).acts
        begin = max(acts[None]) + 1
        expected = 0.0
        for hour in range(begin, begin + 3 * WEEK):
            expected += a_day * RHYTHM[hour % WEEK]
            if expected > 1.7 * math.log(ONCE_IN):
                break

        [absence] = absences(Counts(acts=acts, came={}), now=hour + 2)

        assert (absence.type, absence.begin) == (None, begin)


def test_one_kind_that_stops_is_found_while_others_come():
    """By its own rate, however many kinds there are."""
    acts = {f"kind {n}": steady(9 * WEEK, every=DAY) for n in range(20)}
    acts[None] = steady(9 * WEEK)
    stopped = steady(9 * WEEK, every=DAY, end=START - 8 * DAY)

    [absence] = absences(Counts(acts={**acts, "stopped": stopped}, came={}), now=START)

    assert (absence.type, absence.hours) == (
        "stopped",
        max(range(START - DAY, START)) - max(stopped),
    )
    assert absence.usual == pytest.approx(8)
    fewer = {**acts, "stopped": steady(9 * WEEK, every=DAY, end=START - 6 * DAY)}
    assert absences(Counts(acts=fewer, came={}), now=START) == []


def test_nothing_at_all_is_one_absence_and_not_one_of_each_kind():
    """The kinds follow from it."""
    acts = {None: steady(9 * WEEK), "a": steady(9 * WEEK), "b": steady(9 * WEEK)}

    [absence] = absences(Counts(acts=acts, came={}), now=START + 9)

    assert absence.type is None
    assert absences(Counts(acts=acts, came={}), now=START + 6) == []


def test_too_few_weeks_say_nothing():
    """Neither does an empty inbox."""
    for weeks, is_told in ((MIN_WEEKS, True), (MIN_WEEKS - 1, False)):
        acts = {None: steady(weeks * WEEK)}
        assert bool(absences(Counts(acts=acts, came={}), now=START + DAY)) == is_told
    assert absences(Counts(acts={}, came={}), now=START) == []
    assert list(rises(Counts(acts={}, came={}), now=START)) == []


def test_flood_of_a_day_is_not_usual():
    """An import of last Tuesday makes no Tuesday after it quiet."""
    flooded = {START - 5 * DAY: 60}
    week = usual_week(flooded, end=START, weeks=8)
    assert (week[(START - 5 * DAY) % WEEK], sum(week)) == (1 / 8, 1 / 8)
    busy = {START - n * WEEK: n for n in range(1, 9)}
    assert usual_week(busy, end=START, weeks=8)[START % WEEK] == sum(range(1, 9)) / 8


def day(count, *, ago):
    """Return so many in an hour of the day that ended so many days ago."""
    return {START - ago * DAY - 3: count}


def days(count, *, weeks=6):
    """Return so many a day in the weeks before the last day."""
    return {hour: one for n in range(1, weeks * 7) for hour, one in day(count, ago=n).items()}


@pytest.mark.parametrize(
    ("usual", "now", "is_told"),
    [(0, FEW - 1, False), (0, FEW, True), (30, 60, False), (30, 61, True)],
)
def test_rise_of_refusals_is_against_the_days_before(usual, now, is_told):
    """By reason: twice as many as on nine days of ten, and not only a few."""
    refused = {"no signature matches": {**days(usual), **day(now, ago=0)}, "other": days(500)}

    found = list(rises(Counts(acts={}, came=days(100), refused=refused), now=START))

    assert [(one.what, one.count, one.usual) for one in found] == is_told * [
        ("refused: no signature matches", now, usual)
    ]


@pytest.mark.parametrize(("came", "is_told"), [(100, True), (10_000, False)])
def test_late_deliveries_are_a_share(came, is_told):
    """Where much more comes, more of it is late."""
    late = {**days(2), **day(50, ago=0)}

    found = list(
        rises(
            Counts(acts={}, came={**days(100), **day(came, ago=0)}, shares={"late": late}),
            now=START,
        )
    )

    assert [one.what for one in found] == is_told * ["late"]


@pytest.mark.parametrize(("ago", "is_told"), [(3, True), (6, False)])
def test_rise_that_goes_on_is_told_for_some_days(ago, is_told):
    """Then everybody knows of it. One bad day long ago hides no other."""
    lately = {hour: n for back in range(ago) for hour, n in day(500, ago=back).items()}
    refused = {"no signature matches": {**day(500, ago=30), **lately}}

    found = list(rises(Counts(acts={}, came=days(100), refused=refused), now=START))

    assert bool(found) == is_told


@pytest.mark.parametrize("hours", [-1, 0, 1])
def test_hour_that_clocks_have_moved_is_no_absence(hours):
    """Busy from nine to five by the clock on the wall, which is an hour off this week."""
    busy = range(9, 17)
    acts = {hour: 9 for hour in range(START - 8 * WEEK, START) if hour % DAY in busy}
    now_busy = [hour + hours for hour in busy]

    for hour in range(DAY):  # the first day after it
        came = {START + at: 9 for at in now_busy if at < hour}
        found = absences(Counts(acts={None: {**acts, **came}}, came={}), now=START + hour)
        assert found == [], hour
    [absence] = absences(Counts(acts={None: acts}, came={}), now=START + 13)
    assert absence.usual == pytest.approx(36)


def test_hours_whose_silence_is_explained_are_no_absence():
    """The endpoint was off, and that was told; what comes after it counts again."""
    counts = Counts(acts={None: steady(9 * WEEK, end=START - 3 * DAY)}, came={})

    assert absences(counts, now=START)[0].hours == 3 * DAY
    assert absences(counts, now=START, explained=START - 2) == []
    [absence] = absences(counts, now=START, explained=START - 9)
    assert (absence.begin, absence.hours) == (START - 9, 9)
