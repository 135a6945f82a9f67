"""Lines of StatsD and of its dialects."""

import pytest

from include.lab.sandbox.statsd.state import Metric, metric_from


@pytest.mark.parametrize(
    ("line", "metric"),
    [
        ("airflow.ti.start:1|c", Metric("airflow.ti.start", 1, "c", {})),
        ("a.b:-2.5|g|@0.1", Metric("a.b", -2.5, "g", {})),
        ("a:3|ms|#job:x,status:ok", Metric("a", 3, "ms", {"job": "x", "status": "ok"})),
        ("a:3|ms|@1|#job:x:y|c:id", Metric("a", 3, "ms", {"job": "x:y"})),
        ("a,job=x,status=ok:3|ms", Metric("a", 3, "ms", {"job": "x", "status": "ok"})),
    ],
)
def test_line_is_read(line, metric):
    """Plain, Datadog's tags, InfluxDB's tags."""
    assert metric_from(line) == metric


@pytest.mark.parametrize("line", ["", "a", "a:b|c", "a:1", "a:1|x", ":1|c", "_e{5,4}:title|text"])
def test_line_that_is_none(line):
    """Kept as unreadable, and never an error."""
    assert metric_from(line) is None
