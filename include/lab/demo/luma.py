"""The Luma job's story: three hundred guests wait, twenty are members, and not every call goes well."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from include.lab.demo.stage import DeliveryRound, Newcomer, Stage

DAG = "luma_auto_approval"
GUESTS, MEMBERS, PAUSED, PLUS, UPPER, PAST = 300, 20, 2, 2, 6, 3
CLEAR_SECONDS = 60  # longer than the story takes
DECISIONS = "*/update-status"
FAULTS = (
    {"kind": "status", "status": 500, "times": 3},
    {"kind": "status", "status": 429, "headers": {"Retry-After": "2"}, "body": {}, "times": 1},
    {"kind": "lost_answer", "times": 1},
)
"""In this order: three guests fail, Luma asks for a pause, and an answer gets lost."""


def luma_auto_approval(stage: Stage) -> None:
    """Let members in to Luma events: 300 guests wait, 20 of them are members, and calls fail."""
    stage.keep_clear_of(DAG, CLEAR_SECONDS)
    members = [stage.newcomer(number) for number in range(MEMBERS + PAUSED)]
    _join(stage, members)
    acts = [stage.sandbox.act("pause", email=member.email) for member in members[MEMBERS:]]
    stage.deliver(f"{PAUSED} of them pause", [event for act in acts for event in act.events])
    calendar = _fill_calendar(stage, members)
    waiting = _waiting(stage)

    dry = stage.start("only to look", DAG, vendor="luma", dry_run=True)
    stage.expect("decisions of a dry run", _decisions(stage, dry), 0)
    for fault in FAULTS:
        wish: dict[str, Any] = {"vendor": "luma", "path": DECISIONS, **fault}
        stage.sandbox.post("/faults", wish)
    first = stage.start("with calls that fail", DAG, vendor="luma", dry_run=False)
    stage.sandbox.clear_faults()
    second = stage.start("once more", DAG, vendor="luma", dry_run=False)

    let_in = MEMBERS - PLUS
    failed = 3
    _expect_counts(stage, first, found=waiting, approved=let_in - failed, failed=failed)
    _expect_counts(stage, second, found=waiting - let_in + failed, approved=failed, failed=0)
    _expect_guests(stage, calendar, {m.email for m in members[PLUS:MEMBERS]})


def _join(stage: Stage, members: Sequence[Newcomer]) -> None:
    acts = [stage.join(member, "clerk_first") for member in members]
    paid = [event for act in acts for event in act.of_type("customer.subscription.created")]
    stage.deliver(f"{len(members)} join", paid, at_once=len(paid))


def _fill_calendar(stage: Stage, members: Sequence[Newcomer]) -> dict[str, Any]:
    """Let all of them register, the first with a plus address, some in upper case, and strangers."""
    wish = {
        "guests": GUESTS,
        "members": [member.email for member in members],
        "plus": PLUS,
        "upper": UPPER,
        "events": 3,
        "guests_of_past_event": PAST,
    }
    return stage.sandbox.post("/seed/luma", wish)


def _waiting(stage: Stage) -> int:
    """Count who waits for a coming event, those of an earlier play among them."""
    state = stage.sandbox.get("/state/luma")
    now = stage.sandbox.post("/clock", {"advance_seconds": 0})["now"]
    coming = {event["id"] for event in state["events"] if _seconds(event["start_at"]) > now}
    pending = [g for g in state["guests"] if g["approval_status"] == "pending_approval"]
    return sum(guest["event_id"] in coming for guest in pending)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _decisions(stage: Stage, delivery: DeliveryRound) -> int:
    calls = stage.sandbox.calls("luma", since=delivery.sent_at)
    return sum(call.method == "POST" for call in calls)


def _expect_counts(stage: Stage, run: DeliveryRound, **wanted: int) -> None:
    """Check what a run wrote down about itself; everybody who was not let in or failed was denied."""
    told = [entry.metadata for run_id in run.runs for entry in stage.told_by(run_id)]
    denied = wanted["found"] - wanted["approved"] - wanted["failed"]
    wanted = {**wanted, "denied": denied, "processed": wanted["found"], "left": 0}
    found = [{name: metadata.get(name) for name in wanted} for metadata in told]
    stage.expect("counts in the audit log", found, [wanted])


def _expect_guests(stage: Stage, calendar: dict[str, Any], let_in: set[str]) -> None:
    """Check Luma's side: members are in and were mailed once; all others wait and heard nothing."""
    ours = {*calendar["events"], calendar["past_event"]}
    guests = [g for g in stage.sandbox.get("/state/luma")["guests"] if g["event_id"] in ours]
    approved = {g["user_email"].lower() for g in guests if g["approval_status"] == "approved"}
    mails = Counter((g["approval_status"], *g["mails"]) for g in guests)
    stage.expect("guests who are in, and should not be, or the reverse", len(approved ^ let_in), 0)
    wanted = {
        ("approved", "approved"): len(let_in),
        ("pending_approval",): GUESTS + PAST - len(let_in),
    }
    stage.expect("guests by status and mails", dict(mails), wanted)
