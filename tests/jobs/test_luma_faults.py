"""What Luma limits or fails at, and what the next run does about it."""

import pytest

from include.errors import PermanentVendorError, VendorUnavailableError
from tests.jobs.luma_world import DECIDE, ONE, UPDATES

# --- what fails ---


def test_half_of_a_page_fails_and_the_next_run_goes_on(luma, sandbox):
    """E4: who failed is named by id and stays pending; nobody is approved or mailed twice."""
    luma.seed(luma.members(20), guests=30)
    sandbox.fault("luma", "status", path=UPDATES, status=500, share=0.5, seed=4)

    first = luma.run()
    failed = sandbox.fired()
    sandbox.ask("DELETE", "faults")
    second = luma.run()

    assert 0 < failed == len(first.errors) < 20
    assert (first.approved, first.processed) == (20 - failed, 30)
    assert not first.is_failure
    assert {error["guest"] for error in first.errors} <= set(luma.guests())
    assert (second.approved, second.errors) == (failed, [])
    assert luma.mails() == [["approved"]] * 20


def test_page_that_fails_in_the_middle_leaves_the_rest_to_the_next_run(luma, sandbox):
    """Who was read is let in; the error names the event; the next run reads the rest."""
    luma.seed(luma.members(60))
    luma.once_after(
        "guests/list", lambda: sandbox.fault("luma", "status", path="*/guests/list", times=1)
    )

    first = luma.run()
    second = luma.run(per_minute=500)

    assert sandbox.fired() == 1
    assert (first.found, first.approved, len(first.errors)) == (50, 50, 1)
    assert first.errors[0]["event"].startswith("evt-")
    assert second.approved == 10
    assert luma.mails() == [["approved"]] * 60


def test_event_that_fails_does_not_stop_the_others(luma, sandbox):
    """One event is refused, the other one's guests are let in."""
    luma.seed(luma.members(10), events=2)
    sandbox.fault("luma", "status", path="*/guests/list", status=400, body={}, times=1)

    result = luma.run()

    assert sandbox.fired() == 1
    assert (result.events, result.failed_events, len(result.errors)) == (2, 1, 1)
    assert 0 < result.approved < 10
    assert not result.is_failure


@pytest.mark.parametrize("status", [403, 404], ids=["another calendar's", "gone"])
def test_event_of_another_calendar_is_counted_and_no_failure(luma, sandbox, status):
    """The calendar only lists it: whom it lets in is not ours to say, and nobody has to look."""
    luma.seed(luma.members(4))
    sandbox.fault("luma", "status", path="*/guests/list", status=status, body={})

    result = luma.run()

    assert (result.events, result.foreign_events, result.failed_events) == (1, 1, 0)
    assert (result.errors, result.is_failure) == ([], False)


def test_member_without_a_place_is_counted_and_no_failure(luma, sandbox):
    """Her ticket is sold out: she goes on waiting, and the host can make a place."""
    luma.seed(luma.members(2))
    body = {"message": "This ticket type is sold out.", "code": None}
    sandbox.fault("luma", "status", path=UPDATES, status=400, body=body)

    result = luma.run()

    assert (result.sold_out, result.approved, result.processed) == (2, 0, 2)
    assert (result.errors, result.is_failure) == ([], False)
    assert "without a place 2" in result.summary


def test_refused_guest_does_not_stop_the_others(luma, sandbox):
    """A guest Luma will not approve is an error of hers alone."""
    luma.seed(luma.members(4))
    sandbox.fault("luma", "status", path=UPDATES, status=400, body={}, times=1)

    result = luma.run()

    assert sandbox.fired() == 1
    assert result.approved == 3
    assert [error["why"] for error in result.errors] == ["Luma refuses the call: 400"]


def test_guest_who_withdrew_is_no_error(luma, sandbox):
    """She is gone when it is her turn: settled, without us."""
    luma.seed(luma.members(2))
    sandbox.fault("luma", "status", path="*/guests/get", status=404, body={}, times=1)

    result = luma.run()

    assert (sandbox.fired(), result.settled, result.approved, result.errors) == (1, 1, 1, [])


def test_key_that_may_only_read_turns_the_run_red(luma, sandbox):
    """Every decision is refused: the next run would do no better, a person has to look."""
    luma.seed(luma.members(2), guests=9)
    sandbox.fault("luma", "status", path=UPDATES, status=403, body={})

    result = luma.run()

    assert sandbox.fired() == 2
    assert result.is_failure
    assert "Luma refuses the call: 403" in result.summary


def test_luma_that_is_down_is_not_asked_for_everybody(luma, sandbox):
    """After some outages in a row the rest is left for the next run, and said."""
    luma.seed(luma.members(12))
    luma.once_after("guests/get", lambda: sandbox.fault("luma", "reset"))

    result = luma.run()

    assert sandbox.fired() < 12
    assert (result.stopped, result.left, len(result.errors)) == ("Luma does not answer", 6, 6)
    assert luma.mails() == []


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "reset"}, VendorUnavailableError),
        ({"kind": "status", "status": 401, "body": {}}, PermanentVendorError),
        ({"kind": "status", "status": 200, "body": "<html/>"}, VendorUnavailableError),
    ],
)
def test_calendar_that_cannot_be_read_fails_the_run(luma, sandbox, fault, error):
    """No list of events is not an empty list."""
    luma.seed(luma.members(1))
    sandbox.fault("luma", path="*/events/list", **fault)

    with pytest.raises(error):
        luma.run()
    assert sandbox.fired() == 1


# --- limits ---


def test_block_longer_than_the_time_left_leaves_the_rest(luma, sandbox):
    """Luma's minute of block does not fit: what is left is counted and said, and the next run does it."""
    sandbox.ask("PATCH", "settings", json={"luma_calls_per_minute": 12})
    luma.seed(luma.members(8), guests=20)

    first = luma.run()
    luma.pass_time(61)
    second = luma.run()

    assert sandbox.calls(vendor="luma", status=429)["count"] == 1
    assert (first.approved, first.left, first.processed) == (5, 3, 17)
    assert "the pause is 60 s" in first.stopped
    assert not first.is_failure
    assert luma.pauses == []
    assert (second.approved, second.left, second.stopped) == (3, 0, None)
    assert luma.mails() == [["approved"]] * 8


def test_short_pause_is_waited_out(luma, sandbox):
    """A 429 in the middle that fits into the time: wait, read her again, go on."""
    luma.seed(luma.members(4))
    headers = {"Retry-After": "9"}
    sandbox.fault("luma", "status", path=UPDATES, status=429, headers=headers, body={}, times=1)

    result = luma.run()

    assert (sandbox.fired(), luma.pauses) == (1, [9])
    assert (result.approved, result.errors) == (4, [])
    assert luma.calls()[2:6] == [ONE, DECIDE, ONE, DECIDE]  # the first guest, read twice
    assert luma.mails() == [["approved"]] * 4


def test_our_own_limit_keeps_luma_from_blocking(luma, sandbox):
    """Two hundred calls a minute are ours to make; the one above is not even tried."""
    luma.seed(luma.members(110))

    result = luma.run()

    assert len(luma.calls()) == 200
    assert sandbox.calls(vendor="luma", status=429)["count"] == 0
    assert (result.approved, result.left) == (98, 12)
    assert "the calls of this minute are made" in result.stopped


def test_time_that_is_over_leaves_the_rest(luma):
    """Calls of three seconds: fifteen fit into the budget, then nothing new is begun."""
    luma.seed(luma.members(10))
    luma.seconds_per_call = 3

    first = luma.run()
    luma.seconds_per_call = 0
    second = luma.run()

    assert (first.approved, first.left, first.stopped) == (6, 4, "The run's time is over.")
    assert (second.approved, second.left) == (4, 0)
    assert luma.mails() == [["approved"]] * 10


def test_no_time_to_read_everybody_is_red(luma):
    """Nothing was decided, and nothing would be next time."""
    luma.seed(luma.members(3))
    luma.seconds_per_call = 50

    result = luma.run()

    assert result.stopped.startswith("not all guests could be read")
    assert result.is_failure
    assert luma.mails() == []
