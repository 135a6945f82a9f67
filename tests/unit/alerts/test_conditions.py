"""Conditions: what they may say, what they mean, and how they are refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.alerts.conditions import ConditionError, parse
from include.alerts.names import NUMBERS

JOBS = frozenset({"mailchimp_sync", "member_deactivation"})


def held(text, **values):
    """Return whether a condition holds with these values."""
    return parse(text, jobs=JOBS).holds(values)


@pytest.mark.parametrize(
    ("sign", "below", "equal", "above"),
    [
        (">", False, False, True),
        (">=", False, True, True),
        ("<", True, False, False),
        ("<=", True, True, False),
        ("=", False, True, False),
        ("==", False, True, False),
        ("!=", True, False, True),
    ],
)
def test_comparisons_are_exact(sign, below, equal, above):
    """Just under, just at and just over a limit are three different things."""
    found = [held(f"dlq_count {sign} 20", dlq_count=count) for count in (19, 20, 21)]

    assert found == [below, equal, above]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("failure_count > 1 OR dlq_count > 1 AND total_runs > 9", True),
        ("(failure_count > 1 OR dlq_count > 1) AND total_runs > 9", False),
        ("NOT failure_count > 1 OR dlq_count > 0", False),
        ("NOT (failure_count > 1 AND dlq_count > 0)", True),
        ("NOT NOT failure_count > 1", True),
    ],
)
def test_not_binds_closer_than_and_than_or(text, wanted):
    """The order is the usual one, and parentheses change it."""
    assert held(text, failure_count=2, dlq_count=0, total_runs=3) is wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("failure_rate > 0.1", None),
        ("NOT failure_rate > 0.1", None),
        ("failure_rate > 0.1 AND dlq_count > 20", None),
        ("failure_rate > 0.1 AND dlq_count > 30", False),
        ("failure_rate > 0.1 OR dlq_count > 20", True),
        ("failure_rate > 0.1 OR dlq_count > 30", None),
    ],
)
def test_what_is_unknown_does_not_fire(text, wanted):
    """A rate of no runs is neither high nor low: it decides nothing, under NOT either."""
    assert held(text, failure_rate=None, dlq_count=25) is wanted


def test_job_may_be_written_with_hyphens():
    """`mailchimp-sync` in the rules is `mailchimp_sync` in Airflow."""
    assert held('job_name = "mailchimp-sync"', job_name="mailchimp_sync") is True
    assert held('job_name != "mailchimp_sync"', job_name="member_deactivation") is True


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("failure_rat > 0.1", 1, "unknown name failure_rat; did you mean failure_rate?"),
        ("dlq_count > 1 AND queued_job > 3", 19, "did you mean queued_jobs?"),
        ('job_name = "mailchimp-synk"', 12, "did you mean mailchimp_sync?"),
        ('job_name > "mailchimp_sync"', 10, "compared with = or !="),
        ("job_name = 3", 12, "is a text"),
        ('failure_rate > "high"', 16, "is a number"),
        ("failure_rate >", 15, "it ends where"),
        ("dlq_count > 3 and failure_rate > 1", 15, "did you mean AND?"),
        ("dlq_count ~ 3", 11, "a comparison is expected"),
        ("(dlq_count > 3", 15, ") is expected"),
        ("dlq_count > 3)", 14, "the end is expected"),
        ("", 1, "a name"),
    ],
)
def test_refusal_tells_place_and_nearest_name(text, column, words):
    """A slip of the pen is refused, not silently never true."""
    with pytest.raises(ConditionError, match=r".+") as refused:
        parse(text, jobs=JOBS)

    assert (refused.value.line, refused.value.column) == (1, column)
    assert words in str(refused.value)


@given(st.text())
def test_any_text_is_a_condition_or_refused(text):
    """Whatever is written, nothing but our error comes of it."""
    with suppress(ConditionError):
        assert parse(text, jobs=JOBS).holds({}) is None


@given(st.sampled_from(sorted(NUMBERS)), st.floats(-1e6, 1e6).map(lambda x: round(x, 3)))
def test_every_name_of_the_list_is_accepted(name, limit):
    """The closed list is open to all of itself."""
    [leaf] = parse(f"{name} > {limit:f}", jobs=JOBS).leaves()

    assert leaf.name == name
    assert leaf.value == pytest.approx(limit)
