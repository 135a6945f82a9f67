"""What must hold after every fault, read from the database and from what the vendors know and were asked.

I1 no loss, I2 terminal or waiting, I3 each effect once, I4 converged, I5 one dead letter per case, I6 audit complete.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from include.lab.demo.stage import Stage
    from tests.faults.load import Load

ROWS = "SELECT * FROM ops.inbox WHERE event_id = ANY(%s)"
LETTERS = """
SELECT letter.*,
       (SELECT count(*) FROM ops.dead_letter_attempts AS one WHERE one.dead_letter_id = letter.id) AS tries,
       array(SELECT inbox_id FROM ops.dead_letter_rows AS one WHERE one.dead_letter_id = letter.id) AS inbox_ids
FROM ops.dead_letters AS letter WHERE letter.state = 'open'
OR letter.state IN ('retrying', 'replaying', 'compensating') AND EXISTS (
    SELECT FROM ops.dead_letter_rows AS one JOIN ops.inbox AS row ON row.id = one.inbox_id
    WHERE one.dead_letter_id = letter.id AND row.state IN ('waiting', 'dispatched', 'failed'))
"""
"""Those that a person is asked about, or that something still comes of."""
GAPS = (
    "SELECT target FROM ops.audit_log GROUP BY target HAVING min(seq) <> 1 OR max(seq) <> count(*)"
)
SHOWN = "SELECT member_id FROM ops.steps WHERE effect = 'welcome' AND state = 'uncertain'"
# The audit log is in the order in which runs record. Of two that held one member at once, the one whose work was first
# may record last. So all that was last said counts: what no run has followed that began after it was recorded.
AUDITED = """
SELECT target, jsonb_path_query_array(jsonb_agg(after->'memberships'), '$[*][*]') AS memberships
FROM ops.audit_log AS said
WHERE target = ANY(%s) AND after->'memberships' IS NOT NULL AND NOT EXISTS (
  SELECT FROM ops.audit_log AS later LEFT JOIN ops.dispatches USING (dag_run_id)
  WHERE later.target = said.target AND later.seq > said.seq AND later.after->'memberships' IS NOT NULL
    AND coalesce(dispatches.claimed_at, later.at) > said.at
)
GROUP BY target
"""
OVER = ("processed", "superseded", "ignored")


@dataclass
class Findings:
    """What was counted, and what does not hold."""

    acknowledged: int = 0
    welcomed: int = 0
    shown: int = 0
    letters: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def summary(self, load: Load) -> str:
        """Say it in a line."""
        return (
            f"{len(load.members)} members, {self.acknowledged} of {len(load.events)} webhooks acknowledged: "
            f"{self.welcomed} welcomed, {self.shown} uncertain and shown, {len(self.letters)} dead letters open, "
            f"{len(self.broken)} lost, doubled or wrong"
        )

    def must(self, holds: object, invariant: str) -> None:
        """Note an invariant that does not hold."""
        if not holds:
            self.broken.append(invariant)


def check(stage: Stage, load: Load) -> Findings:
    """Check all invariants over the members of a load and their events."""
    found = Findings()
    rows = ask(stage, ROWS, [*load.events])
    emails = {row["id"]: load.events[row["event_id"]].email for row in rows}
    members = {person.member_id: person.email for person in stage.people(load.members)}
    letters = {}  # by whom they are about
    for letter in ask(stage, LETTERS):
        about = {emails.get(inbox_id) for inbox_id in letter["inbox_ids"]}
        if whom := (about | {members.get(letter["member_id"])}) - {None}:
            letters[letter["id"]] = {**letter, "whom": whom}
    found.letters = sorted(letter["error_class"] for letter in letters.values())
    check_rows(stage, load, rows, found)
    check_letters(letters.values(), rows, found)
    check_members(stage, load, set().union(*(one["whom"] for one in letters.values())), found)
    for row in ask(stage, GAPS):
        found.must(False, f"I6: the sequence of {row['target']} has a gap")  # noqa: FBT003
    return found


def check_rows(stage: Stage, load: Load, rows: Sequence[dict[str, Any]], found: Findings) -> None:
    """I1: every acknowledged event is there once, byte for byte."""
    kept = Counter(row["event_id"] for row in rows)
    bodies = {row["event_id"]: hashlib.sha256(row["body"]).hexdigest() for row in rows}
    for event in stage.sandbox.get("/webhooks", payloads="true")["events"]:
        if event["id"] not in load.events:
            continue
        found.acknowledged += event["delivered"]
        same = kept[event["id"]] == 1 and bodies[event["id"]] == event["sha256"]
        found.must(same or not event["delivered"], f"I1: {event['id']} is lost, doubled or changed")


def check_letters(
    letters: Collection[dict[str, Any]], rows: Sequence[dict[str, Any]], found: Findings
) -> None:
    """I2 and I5: each event ends or waits, those that are dead in one letter that says what was tried."""
    held = {row_id for letter in letters for row_id in letter["inbox_ids"]}
    for row in rows:
        waits = row["state"] in ("waiting", "failed") and row["due_at"] is not None
        ends = row["state"] in OVER or (row["state"] == "dead" and row["id"] in held)
        found.must(ends or waits, f"I2: row {row['id']} is {row['state']}: {row['reason']}")
    for letter in letters:
        found.must(letter["tries"] > 0, f"I5: letter {letter['id']} has no attempt")
        found.must(letter["reason"], f"I5: letter {letter['id']} has no reason")
    cases = Counter((letter["job"], letter["subject"]) for letter in letters)
    found.must(max(cases.values(), default=1) == 1, f"I5: two letters for one case: {cases}")


def check_members(stage: Stage, load: Load, asked: Collection[str], found: Findings) -> None:
    """I3, I4 and I6: one welcome, the state that the vendors have, and a line about how it came."""
    people = {person.email: person for person in stage.people(load.members)}
    contacts = stage.sandbox.contacts()
    shown = {row["member_id"] for row in ask(stage, SHOWN)}
    targets = [f"member:{person.member_id}" for person in people.values()]
    audited = {row["target"]: row["memberships"] for row in ask(stage, AUDITED, targets)}
    for member in load.members:
        person, contact = people.get(member.email), contacts.get(member.email)
        is_asked = member.email in asked
        if person is None or contact is None:
            found.must(is_asked, f"I4: {member.email} is nowhere, and nobody is asked")
            continue
        number, is_shown = contact.welcomes, person.member_id in shown
        found.welcomed += number
        found.shown += is_shown
        is_told = number == 1 or is_shown or is_asked
        found.must(number <= 1, f"I3: {member.email} was welcomed {number} times")
        found.must(is_told, f"I3: {member.email} was not welcomed, and nobody is told")
        there = (person.status, person.tier, contact.status, contact.tags)
        right = there == ("active", member.tier, "subscribed", {"active", member.tier})
        found.must(right or is_asked, f"I4: {member.email} is {there}")
        said = [
            (one["status"], one["tier"]) for one in audited.get(f"member:{person.member_id}", ())
        ]
        # What a lost run has half done is told by the run that ends her case.
        told = (person.status, person.tier) in said or is_asked
        found.must(told, f"I6: last said of {member.email} is {said}, and not how she is")


def ask(stage: Stage, statement: str, *parameters: object) -> list[dict[str, Any]]:
    """Ask the ops database."""
    return stage.database.execute(statement, parameters).fetchall()
