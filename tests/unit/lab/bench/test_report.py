import io

import pytest
from rich.console import Console

from include.lab.bench.report import (
    BASELINE,
    GOALS,
    SLOW_MAILCHIMP,
    ReportLine,
    failures,
    lines,
    number,
    profile,
    table,
)
from include.lab.bench.run import FIGURES

RESULTS = {
    "machine": {"cores": 2},
    "latency": {"p50": 0.5, "p95": 3.0, BASELINE: {"p50": 10.0, "p95": 12.0}},
    "burst": {"200": {"seconds": 2.2, BASELINE: {"failed": "BenchError: stuck"}}},
    "ingest": {"acknowledged_per_second": 499.0, "p99_at_100": 0.05},
}


def line(label):
    """Return the line of that label."""
    return next(one for one in lines(RESULTS) if one.goal.label == label)


def test_only_what_was_measured_has_a_line():
    """A figure that was not asked for is not shown as missed."""
    shown = {one.goal.path[0] for one in lines(RESULTS)}

    assert shown == {"latency", "burst", "ingest"}


def test_the_ratio_is_plain_over_ours():
    """`20.0` reads: plain Airflow takes twenty times as long."""
    assert line("latency, p50").ratio == 20.0


def test_without_a_baseline_there_is_no_ratio():
    """A baseline that failed, and one that does not apply."""
    assert line("burst of 200").ratio is None
    assert line("ingest p99, 100/s").ratio is None


@pytest.mark.parametrize(
    ("label", "reached"),
    [
        ("latency, p50", True),
        ("latency, p95", False),
        ("burst of 200", True),
        ("ingest, at once", False),
        ("ingest p99, 100/s", True),
    ],
)
def test_a_goal_is_reached_at_its_bound(label, reached):
    """Times at most, rates at least; the bound itself is good enough."""
    assert line(label).is_reached is reached


def test_failures_are_found_wherever_they_are():
    """The exit code hangs on it."""
    results = {**RESULTS, "footprint": {"failed": "BenchError: no PSS"}}

    assert failures(results) == {
        f"burst 200 {BASELINE}": "BenchError: stuck",
        "footprint": "BenchError: no PSS",
    }


def test_the_table_says_all_of_it():
    """Figure, ours, plain, ratio, goal, reached: in units that people read."""
    out = io.StringIO()

    Console(file=out, width=120).print(table(RESULTS))

    row = next(text for text in out.getvalue().splitlines() if "latency, p50" in text)
    assert [cell.strip() for cell in row.strip("│┃ ").split("│")] == [
        "latency, p50",
        "500 ms",
        "10.00 s",
        "20.0",
        "≤ 500 ms",
        "yes",
    ]


def test_a_figure_lost_in_the_noise_has_no_ratio():
    """Memory may be less with the sleepers than without: that is chance and no factor."""
    results = {"sleepers": {"pss_each_kib": -0.2, BASELINE: {"pss_each_kib": 600.0}}}

    [only] = lines(results)

    assert only.ratio is None
    assert only.is_reached


def test_the_table_says_how_many_slept():
    """Plain Airflow is measured with fewer of them."""
    out = io.StringIO()
    plain = {"count": 100, "due": 10}
    results = {"sleepers": {"count": 10000, "due": 100, "due_lag_p95": 3.0, BASELINE: plain}}

    Console(file=out, width=120).print(table(results))

    assert "ours: 10,000 sleepers, 100 due at once" in out.getvalue()
    assert "plain Airflow: 100 sleepers, 10 due at once" in out.getvalue()


def test_goals_point_to_the_documented_form():
    """The paths are those of `./ops bench --json`."""
    assert {goal.path[0] for goal in GOALS} == {*FIGURES, SLOW_MAILCHIMP}


@pytest.mark.parametrize(
    ("label", "ours", "other", "is_much_worse"),
    [
        ("latency, p50", 1.3, 1.0, False),
        ("latency, p50", 1.4, 1.0, True),
        ("latency, p50", 0.5, 1.0, False),
        ("ingest, at once", 400.0, 500.0, False),
        ("ingest, at once", 300.0, 500.0, True),
        ("latency, p50", 1.4, None, False),
    ],
)
def test_worse_by_a_third_is_told(label, ours, other, is_much_worse):
    """More of a time and less of a rate; without the other's there is nothing to be worse than."""
    [goal] = [one for one in GOALS if one.label == label]

    assert ReportLine(goal=goal, ours=ours, baseline=other).is_much_worse is is_much_worse


@pytest.mark.parametrize("slow", [False, True])
def test_profile_says_what_a_missed_figure_is_made_of(slow):
    """The largest part first, another commit's beside it, and each part once."""
    hops = {"work": 0.2, "turns": 0.4, BASELINE: {"work": 0.3, "turns": 0.1}}
    found = {"latency": {"p50": 1.3, "p95": 1.4, "hops": hops}}

    assert told(profile({SLOW_MAILCHIMP: found} if slow else found)) == [
        ["turns", "400 ms", "100 ms"],
        ["work", "200 ms", "300 ms"],
    ]


def test_profile_is_of_what_misses_its_goal_alone():
    """Memory and idle CPU by process, CPU time of each webhook of a burst; nothing of what is good enough."""
    results = {
        "latency": {"p50": 0.4, "hops": {"work": 0.2}},
        "burst": {"5000": {"seconds": 16, "cpu_each": {"relay": 0.001, "scheduler": 0.005}}},
        "footprint": {
            "pss_total": 800,
            "pss": {"relay": 100.0},
            "idle_cpu_share": 0.01,
            "idle_cpu": {"relay": 0.01},
        },
        "sleepers": {"pss_each_kib": 2, "pss_added_mib": {"triggerer": 12.0}},
    }

    assert told(profile(results)) == [
        ["scheduler", "5 ms", ""],
        ["relay", "1 ms", ""],
        ["relay", "100 MiB", ""],
        ["triggerer", "12.00 MiB", ""],
    ]
    assert profile({"burst": {}}) is None


def test_nothing_is_less_than_zero_when_it_is_zero():
    """The CPU of 10,000 planned ends is lost in the noise, and that has no sign."""
    assert number(-0.001, "") == "0.00"
    assert number(-0.2, "") == "-0.20"


def test_slow_burst_says_what_mailchimp_takes():
    """Beside the CPU: which of both it waits for."""
    parts = {"CPU: scheduler": 20.0, "Mailchimp: a welcome": 10.0}

    shown = profile({SLOW_MAILCHIMP: {"burst": {"5000": {"seconds": 50, "parts": parts}}}})

    assert told(shown) == [
        ["CPU: scheduler", "20.00 s", ""],
        ["Mailchimp: a welcome", "10.00 s", ""],
    ]


def test_ends_of_one_second_say_what_their_time_went_into():
    """The run that ended last, and the CPU meanwhile."""
    due = {"due_lag_p95": 7.0, "due_parts": {"check_status": 3.0, "CPU: scheduler": 2.5}}

    assert told(profile({"sleepers": due})) == [
        ["check_status", "3.00 s", ""],
        ["CPU: scheduler", "2.50 s", ""],
    ]


def told(shown):
    """Return the rows without whose figure each is."""
    return [list(row[1:]) for row in zip(*(column.cells for column in shown.columns), strict=True)]
