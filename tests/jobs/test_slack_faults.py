"""What Slack limits, refuses, cuts short or loses, and what the next run does about it."""

from datetime import timedelta

import pytest

from include.errors import VendorUnavailableError
from tests.jobs.slack_world import CHANNEL, GROUP

# --- limits and faults ---


def test_removals_keep_to_fifty_a_minute(slack):
    """Seventy removals: the run waits a minute instead of being refused, and is done within its time."""
    emails = slack.both(100, in_channel=100)
    for email in emails[:70]:
        slack.becomes(email, "canceled")

    result = slack.run(group_id="", channel_ids=(CHANNEL,), grace=timedelta(0), remove_up_to=70)

    assert (result.targets[CHANNEL].removed, result.targets[CHANNEL].left) == (70, 0)
    assert len(slack.pauses) == 1
    assert slack.sandbox.calls(vendor="slack", status=429, limit=0)["count"] == 0


def test_what_time_is_too_short_for_is_left_and_done_by_the_next_run(slack):
    """120 removals need more than two minutes: the run says what it left, and is no failure."""
    emails = slack.both(150, in_channel=150)
    for email in emails[:120]:
        slack.becomes(email, "canceled")
    orders = {"group_id": "", "channel_ids": (CHANNEL,), "grace": timedelta(0), "remove_up_to": 120}

    first = slack.run(**orders)
    slack.pass_time(hours=12)
    second = slack.run(**orders)

    assert (first.targets[CHANNEL].removed, first.targets[CHANNEL].left) == (100, 20)
    assert (first.is_failure, "are left" in first.stopped) == (False, True)
    assert (second.targets[CHANNEL].removed, second.stopped) == (20, None)
    assert slack.channel() == set(emails[120:])


def test_pause_that_slack_asks_for_is_waited_out(slack):
    """A 429 whose pause fits into the time left costs nothing but the pause."""
    emails = slack.both(3)
    headers = {"Retry-After": "30"}
    path = "/usergroups.users.update"
    slack.sandbox.fault("slack", "status", path=path, status=429, headers=headers, times=1)

    result = slack.run()

    assert (slack.sandbox.fired(), slack.pauses) == (1, [30.0])
    assert (result.is_failure, slack.group()) == (False, set(emails))


def test_pause_longer_than_the_run_leaves_the_rest(slack):
    """The next run does it."""
    emails = slack.both(3)
    headers = {"Retry-After": "300"}
    path = "/usergroups.users.update"
    slack.sandbox.fault("slack", "status", path=path, status=429, headers=headers, times=1)

    first = slack.run()
    second = slack.run()

    assert (first.targets[GROUP].left, first.is_failure) == (3, True)
    assert "the pause is 300 s" in first.summary
    assert (second.is_failure, slack.group()) == (False, set(emails))


def second_page_fails(sandbox, times):
    """Let the list of people fail from its second page on."""
    fault = {"path": "/users.list", "status": 500, "times": times, "share": 0.5}
    sandbox.fault("slack", "status", seed=SECOND, **fault)


SECOND = 42  # of this seed, the first draw is over a half and the next three are under


def test_list_that_fails_in_the_middle_changes_nothing_and_the_next_run_continues(slack):
    """E4: half a list of people is no list. Nobody is taken for gone who is on the other half."""
    emails = slack.both(300, in_group=300)
    second_page_fails(slack.sandbox, times=3)

    with pytest.raises(VendorUnavailableError):
        slack.run(grace=timedelta(0))
    fired, writes = slack.sandbox.fired(), slack.writes()
    slack.sandbox.ask("DELETE", "faults")
    result = slack.run(grace=timedelta(0))

    pages = slack.sandbox.calls(vendor="slack", path="/users.list")["calls"]
    assert [page["status"] for page in pages] == [200, 500, 500, 500, 200, 200]
    assert (fired, writes) == (3, [])
    assert (result.done, slack.group()) == (0, set(emails))


@pytest.mark.parametrize(
    "members",
    [
        None,
        [{"id": "U1"}, "U2"],
        [{"id": "<b>U1</b>", "profile": {}}],
        [{"id": "U1", "deleted": "no", "profile": {}}],
        [{"id": "U1", "profile": {"email": 7}}],
    ],
)
def test_answer_that_cannot_be_read_is_an_outage(slack, members):
    """Hostile or new shapes: nobody is taken for gone, and no value is in the error's text."""
    emails = slack.both(50, in_group=50)
    body = {"ok": True, "members": members, "response_metadata": {"next_cursor": ""}}
    slack.sandbox.fault("slack", "status", path="/users.list", status=200, body=body)

    error = None
    try:
        result = slack.run(grace=timedelta(0))
    except VendorUnavailableError as raised:
        error = str(raised)

    assert slack.sandbox.fired() >= 1
    if members is None:  # a list without people is one that can be read
        assert "nobody at Slack is an active member" in result.summary
    else:
        assert error == "Slack's answer cannot be read"
    assert (slack.group(), slack.writes()) == (set(emails), [])


def test_list_that_was_cut_short_throws_nobody_out(slack):
    """It looks whole, but half of the group is not on it: who is not listed is not ours to touch."""
    emails = slack.both(60, in_group=60)
    people = [one for one in slack.state()["people"] if one["profile"].get("email") in emails[:30]]
    body = {"ok": True, "members": people, "response_metadata": {"next_cursor": ""}}
    slack.sandbox.fault("slack", "status", path="/users.list", status=200, body=body)

    result = slack.run()

    assert slack.sandbox.fired() == 1
    assert (result.matched, result.unmatched) == (30, 30)
    assert slack.group() == set(emails)


def test_hiccup_in_the_middle_is_tried_again(slack):
    """One page fails once: the run goes on from there."""
    emails = slack.both(250)
    second_page_fails(slack.sandbox, times=1)

    result = slack.run()

    assert slack.sandbox.fired() == 1
    assert (result.is_failure, slack.group()) == (False, set(emails))


@pytest.mark.parametrize("kind", ["reset", "lost_answer"])
def test_answer_that_is_lost_is_asked_for_again(slack, kind):
    """Setting a list is a state: it may be set twice."""
    emails = slack.both(3)
    slack.sandbox.fault("slack", kind, path="/usergroups.users.update", times=1)

    result = slack.run()

    assert slack.sandbox.fired() == 1
    assert (result.is_failure, slack.group()) == (False, set(emails))


def test_channel_that_fails_in_the_middle_goes_on_with_the_next_run(slack):
    """E4: three of five are removed when Slack goes away; the others by the next run."""
    emails = slack.both(30, in_channel=30)
    for email in emails[:5]:
        slack.becomes(email, "canceled")
    orders = {"group_id": "", "channel_ids": (CHANNEL,), "grace": timedelta(0)}
    fault = {"path": "/conversations.kick", "share": 0.5, "seed": THIRD, "times": 3}
    slack.sandbox.fault("slack", "status", status=503, **fault)

    first = slack.run(**orders)
    fired = slack.sandbox.fired()
    slack.sandbox.ask("DELETE", "faults")
    second = slack.run(**orders)

    assert fired == 3
    assert (first.targets[CHANNEL].removed, first.targets[CHANNEL].left) == (2, 3)
    assert (second.targets[CHANNEL].removed, slack.channel()) == (3, set(emails[5:]))


THIRD = 6  # of this seed, the first two draws are over a half and the next three are under
