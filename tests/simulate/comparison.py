"""What we made of the vendors' facts beside what the oracle says, in words."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import requests

from include.vendors.luma.client import Luma
from tests.simulate import worth
from tests.simulate.worth import ACTIVE, ENDED, NONE, PAST_DUE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.simulate.operation import Operation
    from tests.simulate.oracle import Person
    from tests.simulate.vendors import Vendors
    from tests.simulate.worth import Facts


WELCOME_SECONDS = 29 * 86_400


def differences(
    expected: list[Person],
    facts: Facts,
    policy: dict[str, Any],
    vendors: Vendors,
    operation: Operation,
) -> list[str]:
    """Return a sentence for each thing that is not as it must be."""
    rows, contacts = operation.people(), vendors.contacts()
    found = [*_letters(operation), *_rows(expected, rows)]
    kept = operation.store.members.read([row["id"] for row in rows])
    ends = {end.subscription_id: end.deactivate_at for end in operation.ends() if end.is_open}
    for person in expected:
        row = row_of(person, rows)
        if _is_open(person, vendors):
            continue
        if row is not None:
            found += _platform(person, row, kept[row["id"]].memberships, ends)
            found += _customer(person, row, facts)
        found += _contact(person, contacts, vendors)
    return [
        *found,
        *_findings(expected, facts, policy, vendors, operation),
        *_leftovers(expected, contacts),
        *_welcomes(expected, facts, contacts, vendors),
        *_slack(expected, vendors, operation),
        *_luma(expected, vendors, operation),
    ]


def row_of(person: Person, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return a person's row: of her account, else of her address."""
    for row in rows:
        if person.account is not None and row["clerk_user_id"] == person.account:
            return row
        if person.account is not None or row["clerk_user_id"] is not None:
            continue
        is_hers = row["stripe_customer_id"] in person.customers
        if (row["email"] or "").lower() == person.email or (person.email is None and is_hers):
            return row
    return None


def _is_open(person: Person, vendors: Vendors) -> bool:
    """Tell whether the rules leave open what she was: who comes back after a deletion, and has nothing that goes on."""
    was_deleted = vendors.left[_first_name(person.email or "")] > 0
    return was_deleted and person.standing in (NONE, ENDED)


def _letters(operation: Operation) -> list[str]:
    return [f"a dead letter: {reason}" for reason in operation.dead_letters()]


def _rows(expected: list[Person], rows: list[dict[str, Any]]) -> list[str]:
    """Everybody has a row, and nobody else."""
    theirs = [row_of(person, rows) for person in expected]
    missing = [p for p, row in zip(expected, theirs, strict=True) if row is None]
    known = [row["id"] for row in theirs if row is not None]
    extra = [row for row in rows if row["id"] not in known]
    return [
        *(f"{name_of(p)} has no row" for p in missing),
        *(f"somebody has a row who should have none: {row['email']}" for row in extra),
    ]


def _platform(
    person: Person, row: dict[str, Any], memberships: Sequence[Any], ends: Mapping[str, datetime]
) -> list[str]:
    """Compare a row: its best membership's standing and tier, when it ends, whether she is seen."""
    standings = {_standing(m) for m in memberships}
    best = next((s for s in ("active", "past_due", "paused", ENDED, NONE) if s in standings), NONE)
    found = []
    if best != person.standing:
        found.append(f"{name_of(person)} is {best} and should be {person.standing}")
    if person.email and (row["email"] or "").lower() != person.email:
        found.append(f"{name_of(person)} has another address in her row")
    if person.has_access and not row["is_visible"]:
        found.append(f"{name_of(person)} has access and no visible profile")
    if person.is_barred and row["is_visible"]:
        found.append(f"{name_of(person)} is banned or locked and has a visible profile")
    if best == person.standing and person.standing not in (NONE, ENDED):
        living = [m for m in memberships if _standing(m) not in (NONE, ENDED)]
        if person.tier not in {m.tier for m in living}:
            found.append(f"{name_of(person)} has not the tier {person.tier}")
        found += _ends(person, ends)
    return found


def _customer(person: Person, row: dict[str, Any], facts: Facts) -> list[str]:
    """Compare whom a row names with the customer of the membership that counts, while Stripe has not ended it."""
    current = person.current
    payers = {
        s["id"]: s["customer"] for s in facts.stripe["subscription"] if s["status"] != "canceled"
    }
    if current is None or current.standing in (NONE, ENDED) or current.subscription not in payers:
        return []
    counts = {
        payers.get(m.subscription)
        for m in person.memberships
        if (m.standing, m.lasts_until) == (current.standing, current.lasts_until)
    }
    is_named = row["stripe_customer_id"] in counts
    return [] if is_named else [f"{name_of(person)}'s row names another customer"]


def _ends(person: Person, planned: Mapping[str, datetime]) -> list[str]:
    """Each membership that is to end has a planned end at that second, and no other has one."""
    found = []
    for membership in person.memberships:
        if membership.standing not in (ACTIVE, PAST_DUE):
            continue
        at = planned.get(membership.subscription)
        seconds = None if at is None else round(at.timestamp())
        if seconds != membership.ends_at:
            wanted = _moment(membership.ends_at)
            found.append(
                f"{name_of(person)}'s membership ends {_moment(seconds)} and should end {wanted}"
            )
    return found


def _moment(seconds: int | None) -> str:
    return "never" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def _standing(membership: Any) -> str:
    """Return a membership's standing as its columns have it."""
    status = str(membership.status)
    if status in ("active", "trialing"):
        return "active"
    if status == "unpaid":
        return ENDED
    return {"past_due": "past_due", "paused": "paused", "canceled": ENDED}.get(status, NONE)


def _contact(person: Person, contacts: Mapping[str, dict[str, Any]], vendors: Vendors) -> list[str]:
    contact = contacts.get(person.email or "")
    if person.standing == NONE:
        return _contact_of_nobody(person, contact, vendors)
    if contact is None:
        return [f"{name_of(person)} has no contact"] if person.email else []
    found = []
    if contact["tags"] != person.tags:
        found.append(
            f"{name_of(person)} has the tags {sorted(contact['tags'])}, not {sorted(person.tags)}"
        )
    status = _status(person, contact, vendors)
    if contact["status"] != status:
        found.append(f"{name_of(person)} is {contact['status']} and should be {status}")
    joined = datetime.fromtimestamp(min(m.began for m in person.memberships), UTC)
    fields = {
        "FNAME": person.first_name,
        "LNAME": person.last_name,
        "TIER": person.tier,
        "JOINED": joined.date().isoformat(),
    }
    if vendors.left[_first_name(person.email or "")]:
        del fields["JOINED"]  # whether what ended with an earlier account was hers is left open
    wrong = [name for name, value in fields.items() if contact[name] != value]
    return found + [f"{name_of(person)}'s {name} is {contact[name]!r}" for name in wrong]


def _contact_of_nobody(
    person: Person, contact: dict[str, Any] | None, vendors: Vendors
) -> list[str]:
    """Who never was a member has no contact, but one of her own making, which is left alone."""
    if contact is None:
        return []
    if _first_name(person.email or "") not in vendors.read_since:
        return [f"{name_of(person)} has a contact and was never a member"]
    return [f"{name_of(person)} only reads and is tagged"] if contact["tags"] else []


def _status(person: Person, contact: dict[str, Any], vendors: Vendors) -> str:
    """Who unsubscribed herself stays so; who read the newsletter before she was a member keeps it."""
    if _first_name(person.email or "") in vendors.unsubscribed:
        return "unsubscribed"
    since = vendors.read_since.get(_first_name(person.email or ""))
    is_reader = since is not None and since < min(m.began for m in person.memberships)
    return "unsubscribed" if person.standing == ENDED and not is_reader else "subscribed"


def _findings(
    expected: list[Person],
    facts: Facts,
    policy: dict[str, Any],
    vendors: Vendors,
    operation: Operation,
) -> list[str]:
    """Find what a person is not told, or told of nobody: who pays twice, who is billed for nothing, disputes."""
    rows, told = operation.people(), operation.findings()
    wrong = []
    for person in expected:
        row = row_of(person, rows)
        paid_for = worth.charged(facts, policy, person.customers)
        if row is None or paid_for is None or _is_open(person, vendors):
            continue
        wanted = {
            "pays_twice": len(paid_for) > 1,
            "banned_and_billed": person.is_barred and bool(paid_for),
        }
        wrong += [
            f"{name_of(person)} {'has no' if is_so else 'has a'} finding {kind}"
            for kind, is_so in wanted.items()
            if ((kind, f"member:{row['id']}") in told) != is_so
        ]
    disputes = {subject for kind, subject in told if kind == "dispute"}
    wanted_disputes = {f"charge:{one}" for one in worth.disputed(facts, policy)}
    for subject in sorted(disputes ^ wanted_disputes):
        wrong.append(f"a dispute {'is told and is none' if subject in disputes else 'is not told'}")
    return wrong


def _leftovers(expected: list[Person], contacts: Mapping[str, dict[str, Any]]) -> list[str]:
    """Find the tags of members at addresses that are nobody's any more."""
    known = {person.email for person in expected}
    return [
        f"{email} is nobody's address and has the tags {sorted(contact['tags'])}"
        for email, contact in contacts.items()
        if email not in known and contact["tags"] - {"alumni"}
    ]


def _welcomes(
    expected: list[Person], facts: Facts, contacts: Mapping[str, dict[str, Any]], vendors: Vendors
) -> list[str]:
    """Who begins to be a member is welcomed once, nobody twice, and nobody who never was one.

    Who was seen first while she paused is not new when the pause is over.
    """
    welcomed = Counter(_first_name(email) for email in vendors.welcomes())
    found = []
    for person in expected:
        name = _first_name(person.email or "")
        beginnings = (
            vendors.accounts[name] + vendors.left[name]
        )  # after a deletion she is new again
        most = 0 if person.standing == NONE else beginnings
        if welcomed[name] > max(most, 1):
            found.append(f"{name} was welcomed {welcomed[name]} times")
        if person.standing == NONE and welcomed[name] and not vendors.left[name]:
            found.append(f"{name} was welcomed and never was a member")
        if _is_new(person, facts, contacts) and not welcomed[name] and name not in vendors.paused:
            found.append(f"{name} began to pay and was not welcomed")
    return found


def _is_new(person: Person, facts: Facts, contacts: Mapping[str, dict[str, Any]]) -> bool:
    """Did her first membership begin in the last days, so that she has been seen in good standing since.

    Whose money was sent back may be seen first when it has ended: having it again makes nobody new.
    """
    contact = contacts.get(person.email or "")
    is_there = contact is not None and contact["quirk"] == "none"
    began = [m.began for m in person.memberships]
    is_recent = bool(began) and min(began) > facts.now - WELCOME_SECONDS
    is_plain = not any(worth.was_money_sent_back(facts, one) for one in person.memberships)
    return is_there and is_recent and is_plain and person.has_access and person.standing == ACTIVE


def _first_name(email: str) -> str:
    return email.partition("@")[0].partition(".")[0]


def _slack(expected: list[Person], vendors: Vendors, operation: Operation) -> list[str]:
    operation.sync_slack()
    (group,) = vendors.slack.groups.values()
    there = {vendors.slack.people.get(user_id).email for user_id in group.users}
    wrong = []
    for person in (one for one in expected if not _is_open(one, vendors)):
        is_at_slack = vendors.slack.people.by_email(person.email or "") is not None
        if is_at_slack and person.has_access != (person.email in there):
            word = "is not" if person.has_access else "is"
            wrong.append(f"{name_of(person)} {word} in Slack's group")
    return wrong


def _luma(expected: list[Person], vendors: Vendors, operation: Operation) -> list[str]:
    """Everybody registers for an event with every address; who has access is let in."""
    luma = Luma(
        requests.Session(),
        api_key="key",
        base_url=f"{vendors.url}/luma",
        timeout_seconds=5,
    )
    vendors.luma.events.clear()
    event = vendors.luma.add_event("Meeting", vendors.luma.now() + 86_400)
    guests = {
        address: vendors.luma.register(event.id, address, "A Guest")
        for person in expected
        for address in person.verified
    }
    operation.approve_guests(luma)
    wrong = []
    for person in (one for one in expected if not _is_open(one, vendors)):
        for address in sorted(person.verified):
            is_in = guests[address].status == "approved"
            if is_in != person.has_access:
                word = "is" if is_in else "is not"
                wrong.append(f"{name_of(person)} {word} let in to a Luma event as {address}")
    return wrong


def name_of(person: Person) -> str:
    """Return what a person is called in a sentence."""
    return person.email or person.account or "somebody"
