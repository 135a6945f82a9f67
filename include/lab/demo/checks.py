"""What must be true of members after a story: at Mailchimp, on the platform, in the audit log."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

from include.lab.demo.sandbox import AudienceView

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from include.lab.demo.stage import Newcomer, Stage

SHOWN = 3  # of many members that are not as they should be


def expect_members(stage: Stage, members: Sequence[Newcomer]) -> None:
    """Check that each is an active member everywhere: contact, tags, one welcome, tables, audit log."""
    expect_contacts(stage, members)
    expect_accounts(stage, members)
    expect_audit(stage, members)


def expect_contacts(stage: Stage, members: Sequence[Newcomer]) -> None:
    """Check Mailchimp's side: subscribed, named, tagged, and welcomed exactly once."""
    contacts = stage.sandbox.contacts()
    wanted = {
        member.email: AudienceView(
            status="subscribed",
            first_name=member.first_name,
            last_name=member.last_name,
            tier=member.tier,
            tags=frozenset({"active", member.tier}),
            welcomes=1,
        )
        for member in members
    }
    found = {email: contacts.get(email) for email in wanted}
    _expect_each(stage, "Mailchimp", found, wanted)


def expect_accounts(stage: Stage, members: Sequence[Newcomer]) -> None:
    """Check the platform's tables: one person of that address with one active membership."""
    wanted: dict[str, object] = {
        member.email: [(member.first_name, member.last_name, "active", member.tier)]
        for member in members
    }
    found: dict[str, list[object]] = {member.email: [] for member in members}
    for one in stage.people(members):
        found[one.email].append((one.first_name, one.last_name, one.status, one.tier))
    _expect_each(stage, "platform", found, wanted)


def expect_linked(stage: Stage, member: Newcomer, ids: Mapping[str, str]) -> None:
    """Check that the platform knows one person by both vendors' ids."""
    found = [(one.clerk_user_id, one.stripe_customer_id) for one in stage.people([member])]
    stage.expect(
        "the vendors' ids of the person",
        found,
        [(ids["clerk_user_id"], ids["stripe_customer_id"])],
    )


def expect_audit(stage: Stage, members: Sequence[Newcomer]) -> None:
    """Check the audit log: each joined once, and the numbers of her lines have no gap."""
    people = stage.people(members)
    lines = {
        target: list(entries)
        for target, entries in groupby(stage.audit(people), lambda entry: entry.target)
    }
    joined = [
        sum(entry.action == "mailchimp:create" for entry in entries) for entries in lines.values()
    ]
    stage.expect("lines `mailchimp:create` per member", joined, [1] * len(members))
    gaps = [t for t, e in lines.items() if [one.seq for one in e] != list(range(1, len(e) + 1))]
    stage.expect("audit logs with a gap", gaps, [])


def _expect_each(
    stage: Stage, where: str, found: Mapping[str, object], wanted: Mapping[str, object]
) -> None:
    """Note who is not as she should be: the first few in full, the rest as a number."""
    wrong = [email for email, it in wanted.items() if found[email] != it]
    for email in wrong[:SHOWN]:
        stage.expect(f"{where}, {email.split('@')[0]}", _plain(found[email]), _plain(wanted[email]))
    if len(wrong) > SHOWN:
        stage.problems.append(f"{where}: {len(wrong) - SHOWN} more are not as they should be")


def _plain(value: object) -> object:
    """Return a contact as a dict with its tags in order, so that two of them are easily compared."""
    if not isinstance(value, AudienceView):
        return value
    return {**asdict(value), "tags": sorted(value.tags)}
