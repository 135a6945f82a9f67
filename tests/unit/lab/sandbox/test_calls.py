"""What is remembered about calls."""

import pytest

from include.lab.sandbox import calls
from include.lab.sandbox.calls import CallLog, readable
from include.lab.sandbox.wire import Call


def add(log, vendor="mailchimp", method="GET", path="/ping", status=200):
    log.add(at=1.0, vendor=vendor, call=Call(method, path, "", {}, b""), status=status, fault=None)


def test_calls_are_selected_by_all_filters_together():
    """Vendor, method, glob and status narrow the calls."""
    log = CallLog()
    add(log)
    add(log, method="PUT", path="/lists/a/members/b", status=400)
    add(log, method="PUT", path="/lists/a/members/c")
    add(log, vendor="stripe", path="/lists/a/members/d")

    found = log.select(vendor="mailchimp", method="PUT", path="/lists/*/members/*", status=200)

    assert [entry.call.path for entry in found] == ["/lists/a/members/c"]


def test_memory_is_bounded(monkeypatch):
    """Only the last calls are kept; their numbers go on."""
    monkeypatch.setattr(calls, "KEPT", 3)
    log = CallLog()
    for _ in range(5):
        add(log)

    assert [entry.seq for entry in log.select()] == [3, 4, 5]


def test_highest_at_once_is_counted_per_vendor():
    """Overlapping calls raise the mark; calls one after the other do not."""
    log = CallLog()
    with log.in_service("mailchimp"), log.in_service("mailchimp") as at_once:
        pass
    with log.in_service("stripe"):
        pass

    assert at_once == 2
    assert log.highest_at_once == {"mailchimp": 2, "stripe": 1}


@pytest.mark.parametrize(
    ("body", "shown"), [(b"", None), (b'{"a":1}', {"a": 1}), (b"a=1", "a=1"), (b"\xff", "\ufffd")]
)
def test_bodies_are_shown_readable(body, shown):
    """JSON as JSON, anything else as text, nothing as null."""
    assert readable(body) == shown
