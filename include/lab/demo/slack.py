"""The Slack job's story: three hundred people in a workspace, forty of them members, and not every call goes well."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from include.lab.demo.stage import DeliveryRound, Newcomer, Stage

DAG, GROUP, CHANNEL = "slack_status_sync", "S0MEMBERS01", "C0MEMBERS01"
PEOPLE, MEMBERS, STRANGERS_THERE = 300, 40, 50
CLEAR_SECONDS = 60  # longer than the story takes
KINDS = {"owners": 1, "admins": 1, "guests": 2, "deactivated": 1}
"""What the first of the members are at Slack: none of these may be let in."""

ORDINARY = MEMBERS - sum(KINDS.values())
REFUSAL = {"ok": False, "error": "cant_invite"}
FAULTS: tuple[dict[str, Any], ...] = (
    {"path": "/users.list", "kind": "status", "status": 500, "times": 1},
    {
        "path": "/usergroups.users.update",
        "kind": "status",
        "status": 429,
        "headers": {"Retry-After": "2"},
        "body": {"ok": False, "error": "ratelimited"},
        "times": 1,
    },
    {
        "path": "/conversations.invite",
        "kind": "status",
        "status": 200,
        "body": REFUSAL,
        "times": 6,
    },
)
"""A page fails once; Slack asks for a pause; and it refuses all who are invited together for one of them, whom the
job finds by halves: 35, 17, 8, 4, 2, 1."""


def slack_status_sync(stage: Stage) -> None:
    """Let members in to Slack's group and channel: 300 people, 40 of them members, and calls fail."""
    stage.keep_clear_of(DAG, CLEAR_SECONDS)
    _empty_places(stage)
    members = [stage.newcomer(number) for number in range(MEMBERS)]
    _join(stage, members)

    _fill(stage, PEOPLE - MEMBERS, in_group=STRANGERS_THERE, in_channel=STRANGERS_THERE)
    before = _emails(stage, _group_users(stage))
    refused = stage.start(
        "before a member is at Slack", DAG, vendor="slack", dry_run=False, wanted="failed"
    )
    _expect_refusal(stage, refused)
    stage.expect("the group after that", _emails(stage, _group_users(stage)), before)

    _fill(stage, MEMBERS, members=[member.email for member in members], **KINDS)
    for fault in FAULTS:
        stage.sandbox.post("/faults", {"vendor": "slack", **fault})
    first = stage.start("with calls that fail", DAG, vendor="slack", dry_run=False)
    fired = [fault["fired"] for fault in stage.sandbox.get("/faults")["faults"]]
    stage.expect("faults that fired", fired, [fault["times"] for fault in FAULTS])
    stage.sandbox.clear_faults()
    second = stage.start("once more", DAG, vendor="slack", dry_run=False)

    let_in = {member.email for member in members[-ORDINARY:]}
    _expect_counts(stage, first, group=ORDINARY, channel=ORDINARY - 1, failed=1)
    _expect_counts(stage, second, group=0, channel=1, failed=0)
    stage.expect("who is in the group", _emails(stage, _group_users(stage)), before | let_in)
    stage.expect("members in the channel", _emails(stage, _channel_users(stage)) & let_in, let_in)


def _empty_places(stage: Stage) -> None:
    """Let everybody leave who is in group and channel from an earlier play."""
    for email in _emails(stage, [*_group_users(stage), *_channel_users(stage)]):
        if email != "owner@example.org":
            stage.sandbox.act("slack_person", email=email, becomes="deactivated")


def _join(stage: Stage, members: Sequence[Newcomer]) -> None:
    acts = [stage.join(member, "clerk_first") for member in members]
    paid = [event for act in acts for event in act.of_type("customer.subscription.created")]
    stage.deliver(f"{len(members)} join", paid, at_once=len(paid))


def _fill(stage: Stage, people: int, **wish: object) -> None:
    """Put people into the workspace whom nobody has seen before."""
    prefix = f"stranger{secrets.token_hex(4)}."
    stage.sandbox.post("/seed/slack", {"people": people, "prefix": prefix, **wish})


def _group_users(stage: Stage) -> list[str]:
    groups = stage.sandbox.get("/state/slack")["groups"]
    return [user for group in groups if group["id"] == GROUP for user in group["users"]]


def _channel_users(stage: Stage) -> list[str]:
    channels = stage.sandbox.get("/state/slack")["channels"]
    return [user for channel in channels if channel["id"] == CHANNEL for user in channel["members"]]


def _emails(stage: Stage, user_ids: Collection[str]) -> set[str]:
    """Return people's addresses; bots have none."""
    people = {
        p["id"]: p["profile"].get("email") for p in stage.sandbox.get("/state/slack")["people"]
    }
    return {people[user_id] for user_id in user_ids if people[user_id]}


def _expect_refusal(stage: Stage, run: DeliveryRound) -> None:
    """Check that the run said why it changed nothing, and that it changed nothing."""
    told = [entry for run_id in run.runs for entry in stage.told_by(run_id)]
    stage.expect("audit log", [entry.action for entry in told], ["job:refused"])
    reasons = [list(entry.metadata["refused"]) for entry in told]
    stage.expect("what was refused", reasons, [["everything"]])


def _expect_counts(
    stage: Stage, run: DeliveryRound, *, group: int, channel: int, failed: int
) -> None:
    """Check what a run wrote down about itself."""
    told = [entry.metadata for run_id in run.runs for entry in stage.told_by(run_id)]
    found = [
        {
            "let in": [told["targets"][target].get("added", 0) for target in (GROUP, CHANNEL)],
            "waiting": [told["targets"][target].get("waiting", 0) for target in (GROUP, CHANNEL)],
            "matched": told["matched"],
            "failed": told["failed"],
        }
        for told in told
    ]
    wanted = {
        "let in": [group, channel],
        "waiting": [STRANGERS_THERE, STRANGERS_THERE],
        "matched": ORDINARY,
        "failed": failed,
    }
    stage.expect("counts in the audit log", found, [wanted])
