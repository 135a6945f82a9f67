import pytest
from hypothesis import given
from hypothesis import strategies as some

from include.lab.bench.quantiles import medians, percentile

SAMPLES = some.lists(some.floats(0, 1e6), min_size=1, max_size=200)


def test_the_95th_of_thirty_is_the_29th():
    """The nearest rank: a value that was really measured, none in between."""
    assert percentile([float(number) for number in range(1, 31)], 95) == 29


@given(SAMPLES, some.floats(1, 100))
def test_a_percentile_is_exceeded_by_few_enough(samples, percent):
    """At most the rest of the samples may be above it."""
    above = sum(sample > percentile(samples, percent) for sample in samples)

    assert above <= (1 - percent / 100) * len(samples) + 1e-6


def test_no_samples_have_no_percentile():
    """Nothing measured is an error, not a good figure."""
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 50)


def test_each_figure_has_the_median_of_its_own():
    """One slow repetition moves no figure."""
    found = medians([{"p50": 1.0, "p95": 9.0}, {"p50": 7.0, "p95": 2.0}, {"p50": 2.0, "p95": 3.0}])

    assert found == {"p50": 2.0, "p95": 3.0}
