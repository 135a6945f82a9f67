"""What a run is told, and what it says of itself."""

from datetime import timedelta
from uuid import UUID

import pytest
from pydantic import ValidationError

from include.jobs.slack_status_sync.rate_limits import A_MINUTE
from include.jobs.slack_status_sync.report import SlackSyncResult, TargetResult
from include.jobs.slack_status_sync.steps import run_options_from
from include.settings import JobSettings, wrong_in
from include.store.slack import AccountLink
from tests import contracts

MEMBER = "00000000-0000-0000-0000-000000000001"
FORM = {"dry_run": False, "member_id": None, "remove_up_to": 0, "same_person": []}


def test_tick_does_what_connection_and_settings_say():
    """What is not configured is not done."""
    settings = JobSettings(slack_protected="U1, U2 U3", slack_grace_days=0.5)

    run_options = run_options_from(FORM, extra={"user_group": "S1"}, settings=settings)

    assert (run_options.group_id, run_options.channel_ids, run_options.field_id) == ("S1", (), "")
    assert run_options.protected == {"U1", "U2", "U3"}
    assert (run_options.grace, run_options.share) == (timedelta(hours=12), 0.2)


@pytest.mark.parametrize("share", [0.91, 1, -0.1])
def test_share_that_guards_nothing_is_refused(share):
    """Where all may be removed at once there is no guard, so that the setting says its bounds."""
    with pytest.raises(ValidationError) as wrong:
        JobSettings(slack_most_removed_share=share)

    said = wrong_in(wrong.value)
    assert said.startswith("OPS_SLACK_MOST_REMOVED_SHARE: Input should be")
    assert said.endswith("0.9" if share > 0 else "0")


def test_form_is_read():
    """Who is who, and how many may go."""
    form = {**FORM, "member_id": MEMBER, "remove_up_to": 7, "same_person": [f"{MEMBER}=U9"]}

    run_options = run_options_from(form, extra={"channels": ["C1"]}, settings=JobSettings())

    assert (run_options.member_id, run_options.remove_up_to) == (UUID(MEMBER), 7)
    assert run_options.links == (
        AccountLink(member_id=UUID(MEMBER), slack_user_id="U9", by_hand=True),
    )
    assert run_options.channel_ids == ("C1",)


def test_run_is_a_failure_when_a_person_has_to_look():
    """Refused, or nothing but errors; what is left for the next run alone is none."""
    good, refused, mute, late = (SlackSyncResult(dry_run=False) for _ in range(4))
    good.targets["S1"] = late.targets["C1"] = TargetResult(added=1, left=3)
    good.add_error("cant_invite", target="C1", person="U1")
    refused.targets = {"S1": TargetResult(refused="too many"), "C1": TargetResult(added=9)}
    mute.add_error("channel_not_found", target="C1")
    late.stopped = "over"

    assert [r.is_failure for r in (good, refused, mute, late)] == [False, True, True, False]
    assert not SlackSyncResult(
        dry_run=True, refused="too many"
    ).is_failure  # who started it looks at it
    assert refused.summary == "added 9, removed 0, errors 0 (refused S1: too many)"


@pytest.mark.parametrize(
    "path", contracts.examples("slack/rate-limit-tiers.json"), ids=contracts.name_of
)
def test_pace_of_each_method_is_slacks_own(path):
    """The tiers that Slack documents, and as Slack's own client applies them."""
    tiers = contracts.load(path)
    methods, a_minute = tiers["methods"], tiers["tiers_per_minute"]

    ours = {method: limiter for method, limiter in A_MINUTE.items() if method != "chat.postMessage"}
    assert ours == {method: a_minute[methods[method]] for method in ours}
