"""Whose customer is it: what names the account, a link that exists, an address that Clerk has verified."""

import pytest

from include.events import SubscriptionStatus
from include.jobs.luma_auto_approval.decide import Denial, PlusAddressRule, Register
from include.jobs.slack_status_sync.snapshot import standings
from include.membership.standing import Standing, has_access
from include.store.findings import FindingKind
from include.store.slack import AccountLink
from tests.factories import NOW, make_member, make_membership
from tests.jobs.membership.acts import (
    ADA,
    DAY,
    act,
    findings,
    pass_time,
    sign_up,
    statuses,
    subscribe,
)
from tests.jobs.night import Night

PRIVATE = "ada.private@example.org"


@pytest.mark.parametrize("place", ["client_reference_id", "session", "subscription", "customer"])
@pytest.mark.parametrize(
    "is_known", [True, False], ids=["known account", "account not told of yet"]
)
def test_account_may_be_named_anywhere(world, place, is_known):
    """Checkout, subscription or customer name her account: it is hers, whatever address was typed."""
    user = world.sandbox.act("sign_up", email=ADA, first_name="Ada")["clerk_user_id"]
    if is_known:
        world.run(*world.events("user.created"))

    customer, _ = subscribe(
        world, "typed@example.org", name="Somebody", clerk_user_id=user, named_in=place
    )

    member = world.member()
    assert (member.clerk_user_id, member.stripe_customer_id) == (user, customer)
    assert (member.email, member.first_name) == (ADA, "Ada")
    assert statuses(member) == ["active"]


@pytest.mark.parametrize("place", ["client_reference_id", "session", "subscription"])
def test_name_takes_nothing_from_a_living_account(world, place):
    """What is paid for by Ada's customer names Bea's account: it stays Ada's, and a person is told once."""
    hers = act(world, "sign_up", email=ADA, first_name="Ada")["clerk_user_id"]
    others = act(world, "sign_up", email="bea@example.org", first_name="Bea")["clerk_user_id"]
    customer, _ = subscribe(world, clerk_user_id=hers)

    act(
        world,
        "subscribe",
        customer=customer,
        prices=["price_pro_month"],
        clerk_user_id=others,
        named_in=place,
    )

    members = {one.clerk_user_id: statuses(one) for one in world.members()}
    assert members == {hers: ["active", "active"], others: []}
    assert findings(world, FindingKind.ANOTHER_ACCOUNT_NAMED) == 1


@pytest.mark.parametrize("comes_first", ["account", "payment"])
def test_any_verified_address_links(world, comes_first):
    """She pays under her second address, which Clerk has verified, too: one person."""
    if comes_first == "payment":
        subscribe(world, PRIVATE)
    user = sign_up(world)
    act(world, "clerk_address", clerk_user_id=user, email=PRIVATE, becomes="added")
    if comes_first == "account":
        subscribe(world, PRIVATE)

    member = world.member()
    assert (member.clerk_user_id, member.email, statuses(member)) == (user, ADA, ["active"])


def test_address_that_nobody_has_verified_links_nothing(world):
    """Somebody pays under an address that Ada only claims: it is not hers before it is verified."""
    user = sign_up(world)
    act(world, "clerk_address", clerk_user_id=user, email=PRIVATE, becomes="added_unverified")
    subscribe(world, PRIVATE, name="Grace Hopper")
    assert len(world.members()) == 2

    act(world, "clerk_address", clerk_user_id=user, email=PRIVATE, becomes="verified")

    assert statuses(world.member()) == ["active"]


def test_typed_address_does_not_replace_a_link(world):
    """Her customer stays hers when somebody else types her address and pays nothing."""
    user = sign_up(world)
    customer, _ = subscribe(world, clerk_user_id=user)

    act(world, "subscribe", email=ADA, prices=["price_pro_month"], is_declined=True)

    assert world.member().stripe_customer_id == customer
    assert statuses(world.member()) == ["active"]


def test_customer_of_the_membership_that_counts_is_named(world):
    """A deleted customer is named no more; a new one of the same address takes its place."""
    sign_up(world)
    subscribe(world)
    act(world, "delete_customer", email=ADA)
    assert world.member().stripe_customer_id is None

    customer, _ = subscribe(world)

    assert world.member().stripe_customer_id == customer
    assert "active" in statuses(world.member())
    assert world.welcomes() == [ADA]


def test_end_of_a_deleted_customer_finds_its_member(world):
    """What comes late of a deleted customer's subscription is still about her."""
    subscribe(world)
    since = len(world.sandbox.events())
    world.sandbox.act("delete_customer", email=ADA)
    told = world.events(since=since)

    for event in sorted(told, key=lambda one: one["type"] != "customer.deleted"):
        world.run(event)

    assert world.member().memberships[0].ended_at is not None


# --- twice ---


def test_who_pays_twice_is_one_person_and_told_once(world):
    """Two living memberships under two customers of her address: one row, and a person is told, once."""
    sign_up(world)
    first, _ = subscribe(world)
    second, again = subscribe(world)

    assert first != second
    assert statuses(world.member()) == ["active", "active"]
    assert findings(world, FindingKind.PAYS_TWICE) == 1

    act(world, "cancel_and_refund", subscription=again, refund="full")

    assert findings(world, FindingKind.PAYS_TWICE) == 0


def test_two_names_who_both_pay_are_not_merged(world):
    """One address, two names, both pay: two rows, no name is overwritten, and a person is told."""
    subscribe(world)
    subscribe(world, name="Byron Lovelace")

    assert sorted(m.first_name for m in world.members()) == ["Ada", "Byron"]
    assert findings(world, FindingKind.ADDRESS_CLAIMED_TWICE) == 1


def test_address_is_claimed_once_when_the_first_has_left(world):
    """Who had the address first pays for nothing any more: nobody has to know of it longer."""
    _, first = subscribe(world)
    subscribe(world, name="Byron Lovelace")

    act(world, "cancel_and_refund", subscription=first, refund="full")

    assert findings(world, FindingKind.ADDRESS_CLAIMED_TWICE) == 0


@pytest.mark.parametrize("who", [0, 1], ids=["the first", "the second"])
def test_two_names_are_not_merged_later_either(world, who):
    """Stripe tells of one of the two again, and the night compares both: they stay two, and no name is overwritten."""
    customers = [subscribe(world)[0], subscribe(world, name="Byron Lovelace")[0]]
    name = ["Ada Lovelace", "Byron Lovelace"][who]

    act(world, "change_customer", customer=customers[who], name=f"{name} King")
    found = Night(world).compare()

    names = sorted(f"{m.first_name} {m.last_name}" for m in world.members())
    assert names == sorted([f"{name} King", ["Byron Lovelace", "Ada Lovelace"][who]])
    assert "stripe_state" not in found
    assert findings(world, FindingKind.ADDRESS_CLAIMED_TWICE) == 1


# --- deleted accounts ---


def test_deleted_account_that_is_charged_is_told(world):
    """Access ends, and a person is told at the deletion and at each later charge."""
    user = sign_up(world)
    subscribe(world, clerk_user_id=user)

    act(world, "clerk_account", clerk_user_id=user, becomes="deleted")
    world.deactivate("deleted")

    assert world.members() == []
    assert world.contact()["tags"] == {"alumni"}
    [finding] = world.store.findings.read()
    assert (finding.kind, finding.times) == (FindingKind.DELETED_AND_BILLED, 1)
    pass_time(world, 31 * DAY)
    [finding] = world.store.findings.read()
    assert finding.times == 2


def test_who_cancelled_before_she_deleted_her_account_is_no_finding(world):
    """Nothing will be charged any more: nobody has to know."""
    user = sign_up(world)
    subscribe(world, clerk_user_id=user)
    act(world, "cancel_at_period_end", email=ADA)

    act(world, "clerk_account", clerk_user_id=user, becomes="deleted")

    assert world.store.findings.read() == []


@pytest.mark.parametrize("is_over", [True, False], ids=["ended", "end on its way"])
def test_new_account_of_who_still_pays_is_a_member_at_once(world, is_over):
    """She signs up again with her address: what she pays for is hers again, without a welcome."""
    user = sign_up(world)
    customer, _ = subscribe(world, clerk_user_id=user)
    act(world, "clerk_account", clerk_user_id=user, becomes="deleted")
    if is_over:
        world.deactivate("deleted")

    again = sign_up(world)
    world.deactivate("afterwards")

    member = world.member()
    assert (member.clerk_user_id, member.stripe_customer_id) == (again, customer)
    assert statuses(member) == ["active"]
    assert world.contact()["tags"] == {"active", "pro"}
    assert world.contact()["status"] == "subscribed"
    assert world.welcomes() == [ADA]
    assert findings(world, FindingKind.DELETED_AND_BILLED) == 0


@pytest.mark.parametrize("at_once", [True, False], ids=["one run", "a run each"])
def test_new_account_may_be_told_before_the_deletion(world, at_once):
    """Clerk's two events come in the other order: what she pays for is hers all the same."""
    user = sign_up(world)
    subscribe(world, clerk_user_id=user)
    deleted = world.act("clerk_account", clerk_user_id=user, becomes="deleted")
    created = world.act("sign_up", email=ADA, first_name="Ada", last_name="Lovelace")

    for part in [[*created, *deleted]] if at_once else [created, deleted]:
        world.run(*part)

    assert statuses(world.member()) == ["active"]
    assert world.contact()["tags"] == {"active", "pro"}


# --- banned accounts ---


@pytest.mark.parametrize(("bar", "free"), [("banned", "unbanned"), ("locked", "unlocked")])
def test_bar_hides_her_and_leaves_her_membership(world, bar, free):
    """Banned or locked at Clerk: no profile while it lasts, her membership untouched, a person told."""
    user = sign_up(world)
    subscribe(world, clerk_user_id=user)

    act(world, "clerk_account", clerk_user_id=user, becomes=bar)

    assert world.profiles() == [False]
    assert world.member().is_barred
    assert statuses(world.member()) == ["active"]
    assert findings(world, FindingKind.BANNED_AND_BILLED) == 1

    act(world, "clerk_account", clerk_user_id=user, becomes=free)

    assert world.profiles() == [True]
    assert not world.member().is_barred
    assert findings(world, FindingKind.BANNED_AND_BILLED) == 0


def test_membership_that_ends_while_barred_stays_hidden(world):
    """When the bar is lifted her membership is over: her profile comes back with the next one."""
    user = sign_up(world)
    _, subscription = subscribe(world, clerk_user_id=user)
    act(world, "clerk_account", clerk_user_id=user, becomes="banned")
    act(world, "cancel_and_refund", subscription=subscription, refund="full")
    world.deactivate("refunded")

    act(world, "clerk_account", clerk_user_id=user, becomes="unbanned")
    assert world.profiles() == [False]

    subscribe(world, clerk_user_id=user)
    assert world.profiles() == [True]


def test_barred_member_has_access_nowhere():
    """Whoever asks, Luma's guest list or Slack's snapshot, gets the same answer; a payment that is owed keeps it."""
    owing = make_membership(status=SubscriptionStatus.PAST_DUE)
    members = {
        True: [make_member(), make_member(memberships=(owing,))],
        False: [
            make_member(is_barred=True),
            make_member(deleted_at=NOW),
            make_member(memberships=()),
        ],
    }

    for is_open, people in members.items():
        for member in people:
            denial = Register([member], PlusAddressRule.DISTINCT).denial(ADA)
            link = AccountLink(member_id=member.id, slack_user_id="U1")
            [standing] = standings([member], {member.id: link}).values()
            assert has_access(member) is is_open
            assert (denial is None) is is_open
            assert (standing >= Standing.PAST_DUE) is is_open


def test_any_verified_address_is_hers_at_luma():
    """She registers for an event with her second address."""
    register = Register(
        [make_member(addresses=frozenset({ADA, PRIVATE}))], PlusAddressRule.DISTINCT
    )

    assert register.denial(PRIVATE) is None
    assert register.denial("somebody@example.org") is Denial.UNKNOWN
