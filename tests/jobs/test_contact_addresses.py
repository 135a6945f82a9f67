"""A contact whose address changes, or is taken by another account."""

import pytest

from include.events import SubscriptionStatus
from include.membership.contacts import ContactStatus
from include.store.inbox import InboxState
from include.vendors.mailchimp.client import ContactFields, subscriber_hash
from tests import factories
from tests.jobs.contact_world import ADA, NEW, becomes, moves, no_letter
from tests.jobs.night import Night


def is_left_behind(world, email=ADA):
    """Check that an old contact is out of the audience and has no tag of a member."""
    old = world.contact(email)
    assert old is None or (old["status"], old["tags"]) == ("archived", set())
    return True


def user_moves(world, user_id, email, **names):
    """Let Clerk say that an account has this address; return the run."""
    user = factories.user(user_id, email=email, **names)
    return world.run(factories.clerk_event("user.updated", user, at=world.clock.now()))


# --- another address ---


@pytest.mark.parametrize(
    ("was", "is_now"),
    [
        ("unsubscribed_by_person", "unsubscribed"),
        ("under_review", "unsubscribed"),
        ("cleaned", "subscribed"),
        ("pending", "pending"),
    ],
)
@pytest.mark.parametrize("is_noted", [True, False], ids=["noted", "not noted"])
def test_contact_that_cannot_be_renamed_is_left_behind(ada, was, is_now, is_noted):
    """Only a subscribed contact can: the new address gets all that is hers, and her own decision with it."""
    becomes(ada, was)
    if is_noted:
        Night(ada).compare()

    run = moves(ada)

    assert ada.states(run) == {InboxState.PROCESSED}
    contact = ada.contact(NEW)
    assert (contact["status"], contact["tags"]) == (is_now, {"active", "pro"})
    assert is_left_behind(ada)
    assert no_letter(ada)


@pytest.mark.parametrize("taken_by", ["none", "unsubscribed_by_person", "archived"])
def test_address_of_another_contact_is_taken_over(ada, taken_by):
    """The refusal's reason is in `errors` alone; whose status it is, its own contact says."""
    becomes(ada, "none" if taken_by == "archived" else taken_by, email=NEW)
    if taken_by == "archived":
        ada.mailchimp.archive_member(subscriber_hash(NEW))

    moves(ada)

    wanted = "unsubscribed" if taken_by == "unsubscribed_by_person" else "subscribed"
    assert (ada.contact(NEW)["status"], ada.contact(NEW)["tags"]) == (wanted, {"active", "pro"})
    assert is_left_behind(ada)
    assert no_letter(ada)


def test_address_that_was_deleted_for_good_has_no_tags_in_our_record(ada):
    """Our record says what Mailchimp has, also under a changed address: nothing."""
    becomes(ada, "forgotten", email=NEW)

    run = moves(ada)

    contact = ada.member().contact
    assert (contact.status, contact.tags) == (ContactStatus.FORGOTTEN, frozenset())
    assert contact.subscriber_hash == subscriber_hash(NEW)
    assert ada.states(run) == {InboxState.PROCESSED}
    assert is_left_behind(ada)


def test_refused_new_address_leaves_the_old_contact(ada):
    """The one loses what hung on it only when the other has it."""
    moves(ada, new_email="ada@new.invalid")

    assert ada.contact()["tags"] == {"active", "pro"}
    assert ada.contact()["status"] == "subscribed"


def test_move_that_was_interrupted_is_finished(ada):
    """Nothing is answered after the new contact was made: the next try leaves the old one behind."""
    becomes(ada, "unsubscribed_by_person")
    ada.load(ada.receive(*ada.act("update_member", email=ADA, new_email=NEW)), "run_move")
    ada.sandbox.fault("mailchimp", "status", status=503, path="*/tags", times=1)
    with pytest.raises(Exception, match="out of service"):
        ada.update("run_move")

    ada.update("run_move", is_first_try=False)

    assert ada.contact(NEW)["tags"] == {"active", "pro"}
    assert is_left_behind(ada)


def test_unknown_name_goes_with_her(world):
    """What only Mailchimp knows of her is hers under the new address, too."""
    world.run(*world.join(ADA, first_name="", last_name=""))
    world.mailchimp.upsert_member(
        ContactFields(email=ADA, merge_fields={"FNAME": "Ada"}, status_if_new="subscribed")
    )
    becomes(world, "unsubscribed_by_person")

    moves(world)

    assert world.contact(NEW)["FNAME"] == "Ada"


# --- addresses of other accounts ---


def test_address_taken_over_takes_the_contact_along(ada):
    """Two accounts, and Clerk says whose the address is now: the contact is hers, and the other one's no more."""
    ada.run(*ada.join("eve@example.org", first_name="Eve"))
    eve, ada_before = (
        next(m for m in ada.members() if m.first_name == name) for name in ("Eve", "Ada")
    )
    user_moves(ada, eve.clerk_user_id, ADA, first_name="Eve")

    user_moves(ada, ada_before.clerk_user_id, NEW)

    assert ada.contact(ADA)["FNAME"] == "Eve"
    assert (ada.contact(NEW)["status"], ada.contact(NEW)["tags"]) == (
        "subscribed",
        {"active", "pro"},
    )
    assert is_left_behind(ada, "eve@example.org")


def test_address_taken_by_nobody_who_pays_stays_as_it_was(ada):
    """An account without a membership has her address now: she pays, and keeps what hangs on it."""
    user_moves(ada, "user_other", ADA, first_name="Eve")

    assert ada.contact()["tags"] == {"active", "pro"}


def test_payer_without_an_address_is_ended_like_anybody(ada):
    """Another account has her address, then she deletes her own: her contact is ended by its hash.

    She pays under an address that no account has verified: nobody else can have what she pays for.
    """
    her = ada.member()
    ada.run(*ada.act("change_customer", customer=her.stripe_customer_id, email="pays@example.org"))
    user_moves(ada, "user_other", ADA, first_name="Eve")

    gone = {"id": her.clerk_user_id, "object": "user", "deleted": True}
    run = ada.run(factories.clerk_event("user.deleted", gone, at=ada.clock.now()))

    assert (ada.contact()["status"], ada.contact()["tags"]) == ("unsubscribed", {"alumni"})
    assert ada.states(run) == {InboxState.PROCESSED}


def test_what_a_deleted_account_pays_for_is_whose_its_address_is(ada):
    """The customer's address is another account's, as Clerk has verified it: what is paid for is hers, at once."""
    her = ada.member()
    user_moves(ada, "user_other", ADA, first_name="Eve")

    gone = {"id": her.clerk_user_id, "object": "user", "deleted": True}
    ada.run(factories.clerk_event("user.deleted", gone, at=ada.clock.now()))

    assert [member.clerk_user_id for member in ada.members()] == ["user_other"]
    assert (ada.contact()["status"], ada.contact()["tags"]) == ("subscribed", {"active", "pro"})


def test_deleted_account_does_not_touch_its_heirs_contact(ada):
    """A late word about a deleted account ends nothing of who has the address now."""
    her = ada.member()
    gone = {"id": her.clerk_user_id, "object": "user", "deleted": True}
    ada.run(factories.clerk_event("user.deleted", gone, at=ada.clock.now()))
    customer, now = factories.customer("cus_new", email=ADA), ada.clock.now()
    ada.run(
        factories.stripe_event("customer.created", customer, at=now),
        factories.clerk_event("user.created", factories.user("user_new", email=ADA), at=now),
        factories.stripe_event(
            "customer.subscription.created", factories.subscription("sub_new", "cus_new"), at=now
        ),
    )
    assert ada.contact()["tags"] == {"active", "pro"}

    ada.store.connection.execute(
        "UPDATE ops.contacts SET applied_sha256 = '' WHERE member_id = %s", (her.id,)
    )
    subject = factories.subscription(
        her.memberships[0].subscription_id,
        her.stripe_customer_id,
        status=SubscriptionStatus.CANCELED,
    )
    ada.run(factories.stripe_event("customer.subscription.deleted", subject, at=ada.clock.now()))

    assert (ada.contact()["status"], ada.contact()["tags"]) == ("subscribed", {"active", "pro"})
