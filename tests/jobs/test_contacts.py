"""Mailchimp as it is: what it refuses, what is hers to decide, and what hangs on an address that moves."""

import pytest
import yaml

from include.membership import policy
from include.membership.contacts import ContactStatus
from include.store.inbox import InboxState
from include.vendors.mailchimp.client import ContactFields, subscriber_hash
from tests import factories
from tests.jobs.contact_world import ADA, NEW, becomes, moves, no_letter
from tests.jobs.night import Night

MONTH = 30 * 24 * 3600


def ends(world, email=ADA):
    """Let the membership end for want of payment."""
    return world.run(*world.act("payment_given_up", email=email))


# --- what we do not know is not written ---


def test_empty_name_overwrites_none(world):
    """Mailchimp knows a name that no vendor told us: it stays, tonight and every night."""
    world.mailchimp.upsert_member(
        ContactFields(
            email=ADA, merge_fields={"FNAME": "Ada", "LNAME": "L."}, status_if_new="subscribed"
        )
    )
    world.run(*world.join(ADA, first_name="", last_name=""))
    night = Night(world)
    night.compare()
    night.work_off()

    assert (world.contact()["FNAME"], world.contact()["LNAME"]) == ("Ada", "L.")
    assert "contacts" not in night.compare(run="next")


# --- who decided herself ---


def test_who_unsubscribed_herself_still_gets_tags(ada):
    """Alumni off, active and tier on: she gets no mail, and is known for what she is."""
    ends(ada)
    becomes(ada, "unsubscribed_by_person")
    subject = factories.subscription(
        "sub_new", ada.member().stripe_customer_id, tier="leader", status="active"
    )

    run = ada.run(
        factories.stripe_event("customer.subscription.created", subject, at=ada.clock.now())
    )

    assert ada.states(run) == {InboxState.PROCESSED}
    contact = ada.contact()
    assert (contact["status"], contact["tags"]) == ("unsubscribed", {"active", "leader"})
    assert contact["TIER"] == "leader"
    record = ada.member().contact
    assert (record.status, record.tags) == (ContactStatus.COMPLIANCE, {"active", "leader"})


def test_who_comes_back_by_a_form_is_known_to_be_back(ada):
    """The night sees it: our record says what Mailchimp has."""
    becomes(ada, "unsubscribed_by_person")
    night = Night(ada)
    night.compare()
    assert ada.member().contact.status == ContactStatus.COMPLIANCE
    becomes(ada, "none")

    night.compare(run="next")
    night.work_off()

    assert ada.member().contact.status == ContactStatus.SUBSCRIBED


# --- the welcome waits ---


def test_welcome_waits_for_the_confirmation(world):
    """Who has not confirmed is welcomed once she has, and nobody is bothered until then."""
    becomes(world, "pending")
    run = world.run(*world.join(ADA))
    night = Night(world)
    night.compare()
    night.work_off()
    assert (world.states(run), world.welcome_calls()) == ({InboxState.PROCESSED}, 0)
    assert world.steps() == ["planned"]
    assert no_letter(world)

    becomes(world, "none")
    night.compare(run="next")
    night.work_off()

    assert world.welcomes() == [ADA]
    assert world.steps() == ["done"]


def test_refused_welcome_waits_too(world):
    """We took her for subscribed, Mailchimp says that she is not: no dead letter, it is sent later."""
    world.load(world.receive(*world.join(ADA)), "run_ada")
    world.update("run_ada")
    becomes(world, "pending")

    world.welcome("run_ada")
    world.record("run_ada")

    assert world.states("run_ada") == {InboxState.PROCESSED}
    assert world.steps() == ["planned"]
    becomes(world, "none")
    night = Night(world)
    night.compare()
    night.work_off()
    assert world.welcomes() == [ADA]


# --- fields of others ---


@pytest.mark.parametrize("many", [1, 8])
def test_required_field_of_others_keeps_no_member_out(world, many):
    """An audience may require what no vendor tells us: the contact is made all the same."""
    world.sandbox.ask("PATCH", "settings", json={"mailchimp_required_fields": ["PHONE"]})

    events = [event for n in range(many) for event in world.join(f"ada{n}@example.org")]
    run = world.run(*events)

    assert world.states(run) == {InboxState.PROCESSED}
    assert world.contact("ada0@example.org")["tags"] == {"active", "pro"}


# --- who read the newsletter before ---


@pytest.fixture
def reader(world):
    """Give the world in which Ada has read the newsletter for a month, and becomes a member then."""
    becomes(world, "none")
    world.pass_time(seconds=MONTH)
    world.run(*world.join(ADA))
    return world


def test_reader_keeps_the_newsletter(reader):
    """Her membership ends: member tags off, alumni on, her status as it was."""
    ends(reader)

    assert (reader.contact()["status"], reader.contact()["tags"]) == ("subscribed", {"alumni"})
    assert "contacts" not in Night(reader).compare()


def test_reader_under_another_address_keeps_it(reader):
    """She moved while she was a member: it is she who reads."""
    moves(reader)
    ends(reader, NEW)

    assert (reader.contact(NEW)["status"], reader.contact(NEW)["tags"]) == (
        "subscribed",
        {"alumni"},
    )


def test_reader_whom_nobody_asked_about_keeps_it(reader):
    """Records from before this rule do not say it: then Mailchimp is asked."""
    reader.store.connection.execute("UPDATE ops.contacts SET is_reader = NULL")

    ends(reader)

    assert (reader.contact()["status"], reader.contact()["tags"]) == ("subscribed", {"alumni"})


def test_reader_who_unsubscribed_stays_so_when_she_comes_back(reader):
    """It was not us who took her out of the mailings."""
    becomes(reader, "unsubscribed_by_person")
    ends(reader)

    record = reader.member().contact
    assert (record.status, record.tags) == (ContactStatus.COMPLIANCE, {"alumni"})


@pytest.mark.parametrize("many", [1, 8])
def test_who_came_as_a_member_is_unsubscribed(world, many):
    """She never asked for a newsletter: without a membership there is no mail."""
    emails = [f"ada{n}@example.org" for n in range(many)]
    world.run(*[event for email in emails for event in world.join(email)])
    world.run(*[event for email in emails for event in world.act("payment_given_up", email=email)])

    assert {world.contact(email)["status"] for email in emails} == {"unsubscribed"}
    assert world.contact(emails[0])["tags"] == {"alumni"}


# --- the policy's own merge fields and tags ---


def is_named_by_the_policy(monkeypatch, tmp_path, **keys):
    """Let the policy file say something more."""
    file = tmp_path / "membership.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(policy.FILE.read_text()) | keys))
    monkeypatch.setattr(policy, "FILE", file)


def test_merge_field_and_tag_are_one_line_of_the_policy(world, monkeypatch, tmp_path):
    """All get them in one night, whatever share differs; the next night finds nothing, and a wrong value is found."""
    emails = [f"ada{number}@example.org" for number in range(12)]
    world.run(*[event for email in emails for event in world.join(email)])
    year = str(world.clock.now().year)
    is_named_by_the_policy(
        monkeypatch,
        tmp_path,
        merge_fields={"TIER": "tier", "JOINED": "first_active_at"},
        tags={"{}": "tier", "since {}": "first_active_year"},
    )
    night = Night(world)

    found = night.compare()["contacts"]
    night.work_off()

    assert (found.repaired, found.stopped) == (12, None)
    assert found.note == "12 get the merge fields and tags that the policy has now"
    state = world.sandbox.ask("GET", "state/mailchimp", params={"email": emails[3]})
    [contact] = state["members"]
    assert contact["merge_fields"]["JOINED"].startswith(year)
    assert world.contact(emails[3])["tags"] == {"active", "pro", f"since {year}"}
    assert "contacts" not in night.compare(run="next")
    world.mailchimp.upsert_member(
        ContactFields(
            email=emails[3], merge_fields={"JOINED": "2001-01-01"}, status_if_new="subscribed"
        )
    )
    assert night.compare(run="last")["contacts"].repaired == 1


def test_what_differs_for_another_reason_is_still_left_to_a_person(world, monkeypatch, tmp_path):
    """That a field is new excuses no audience in which everybody's tier is gone."""
    emails = [f"ada{number}@example.org" for number in range(12)]
    world.run(*[event for email in emails for event in world.join(email)])
    is_named_by_the_policy(
        monkeypatch, tmp_path, merge_fields={"TIER": "tier", "JOINED": "first_active_at"}
    )
    night = Night(world)
    night.compare()
    night.work_off()
    for email in emails:
        world.mailchimp.upsert_member(
            ContactFields(email=email, merge_fields={"TIER": ""}, status_if_new="subscribed")
        )

    assert "12 of 12 differ" in night.compare(run="next")["contacts"].stopped


# --- tags ---


@pytest.mark.parametrize("many", [1, 8])
def test_tags_have_no_case(world, many):
    """The audience has a tag `PRO`: it is ours, and no difference tonight."""
    becomes(world, "none", email="somebody@example.org")
    world.mailchimp.set_tags(subscriber_hash("somebody@example.org"), {"PRO": True})

    world.run(*[e for n in range(many) for e in world.join(f"ada{n}@example.org")])

    assert world.contact("ada0@example.org")["tags"] == {"active", "PRO"}
    assert "contacts" not in Night(world).compare()


@pytest.mark.parametrize("many", [1, 8])
def test_tag_that_cannot_be_made_is_a_failure_that_is_seen(world, many):
    """It is not recorded as done: a person hears of it, and who needs it goes again."""
    path = "*/segments" if many > 1 else "*/tags"
    world.sandbox.fault("mailchimp", "status", status=400, method="POST", path=path, body={})

    run = world.run(*[e for n in range(many) for e in world.join(f"ada{n}@example.org")])

    assert world.sandbox.fired() > 0
    assert world.states(run) == {InboxState.DEAD}
    assert {member.contact for member in world.members()} == {None}
