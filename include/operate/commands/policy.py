"""`./ops policy check|explain|diff|plan`: can it be used, why is somebody a member, what would change for whom."""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from include.clock import SystemClock
from include.errors import CommandError, VendorNotFoundError
from include.jobs.reconciliation.members import clerk_differences, stripe_differences
from include.membership.explain import reasons
from include.membership.policy import FILE, PolicyError, load
from include.membership.policy_changes import changes_between
from include.membership.standing import has_access, standing_of
from include.operate.deployment import chosen
from include.operate.terminal import group, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from include.dagkit.collaborators import Collaborators
    from include.jobs.reconciliation.repair import ObjectDifference
    from include.membership.members import Member
    from include.membership.policy import Policy
    from include.vendors.stripe.client import Stripe

MAX_SHOWN = 50
GRAVEST_FIRST = ("lose access", "", "gain access", "change")  # what becomes of somebody
INSIDE = (
    "Stripe is asked with a worker's environment, which a profile does not have: run it there,"
    " for example with docker compose run --rm ops policy"
)
PolicyFile = Annotated[
    Path | None,
    typer.Option("--file", metavar="FILE", help="Another policy than include/membership.yaml."),
]

app = group("Who is a member: check the policy, explain it, compare it with another one.")


@app.command()
def check(*, file: PolicyFile = None) -> None:
    """Say whether the policy can be used, and at Stripe whether what it names is there; 1 if not."""
    found = policy_of(file)
    tiers = ", ".join(found.tiers) or "none"
    others = {"ignore": "are ignored", "member": "make members too"}[found.other_subscriptions]
    say(f"ops: the policy can be used: tiers {tiers}; subscriptions on no plan {others}")
    with asking() as asked:
        if asked is None:
            say("ops: no stack is up here, so Stripe was not asked")
            return
        from include.check_results import CheckStatus  # noqa: PLC0415
        from include.operate.doctor import policy  # noqa: PLC0415 - imports Airflow

        at_stripe = [
            one
            for one in policy.look(asked.vendors.stripe, file)
            if one.status is not CheckStatus.OK
        ]
    for one in at_stripe:
        say(f"{one.status}: {one.reason}; {one.advice}")
    if any(one.status is CheckStatus.FAILED for one in at_stripe):
        raise CommandError("the policy does not fit Stripe's price list")
    say("ops: Stripe has all that it names")


@app.command()
def explain(
    handle: Annotated[
        str, typer.Argument(metavar="EMAIL|ID", help="E-mail, member id, Stripe or Clerk id.")
    ],
) -> None:
    """Say why somebody is a member, or is not, rule by rule."""
    deployment, policy = chosen(), policy_of(None)
    with deployment.store() as store:
        members = store.members.read(store.timeline.of(handle.strip()).members)
    with asking() as asked:
        stripe = asked.vendors.stripe if asked else None
        for member in members.values():
            for line in explained(member, policy, stripe):
                say(line)
        if members:
            return
        told = [*explained_at_stripe(handle.strip(), policy, stripe)] if stripe else []
    for line in told:
        say(line)
    raise CommandError(
        "the platform has no row of her; what Stripe has of memberships, the next night's comparison brings"
        if told
        else "the platform has no row: nobody of this name has an account, or pays for a membership"
    )


@app.command()
def diff(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The policy to compare with.")],
) -> None:
    """Say who would change if this file were the policy; nothing is changed."""
    old, new = policy_of(None), policy_of(file)
    with asking() as asked:
        if asked is None:
            raise CommandError(INSIDE)
        subscriptions = asked.vendors.stripe.list_subscriptions()
        changes = list(changes_between(subscriptions, old, new, now=SystemClock().now()))
    counts = Counter(one.what for one in changes)
    say(", ".join(f"{counts[what]} {what}" for what in ("gain", "lose", "change")))
    for one in changes[:MAX_SHOWN]:
        say(f"{one.customer_id} {one.subscription_id}: {one.before} → {one.after}")
    if len(changes) > MAX_SHOWN:
        say(f"and {len(changes) - MAX_SHOWN} more")


@app.command()
def plan() -> None:
    """Say person by person who would gain, lose or change what by a deep reconciliation, and why; change nothing."""
    now = SystemClock().now()
    with chosen().store() as store, asking() as asked:
        if asked is None:
            raise CommandError(INSIDE)
        found = [
            *stripe_differences(store, asked.vendors.stripe, now, is_dry_run=True).differences,
            *clerk_differences(store, asked.vendors.clerk, now, is_dry_run=True).differences,
        ]
    for line in planned(found):
        say(line)


def planned(differences: Iterable[ObjectDifference]) -> Iterator[str]:
    """Yield what would become of each person, who would lose something first, without her name and address."""
    people: dict[str, list[ObjectDifference]] = {}
    for one in differences:
        who = f"member {one.member_id}" if one.member_id else f"somebody new ({one.member_key})"
        people.setdefault(who, []).append(one)
    counts = Counter(_gravest(found) or "gone at the vendor" for found in people.values())
    yield ", ".join(f"{number} {what}" for what, number in sorted(counts.items())) or "nothing"
    for who, found in sorted(people.items(), key=lambda one: GRAVEST_FIRST.index(_gravest(one[1]))):
        yield who
        for one in found:
            yield f"  {one.reread.id}: {one.what or 'is not there any more'}"
            yield from (f"    {line}" for line in one.why)


def _gravest(differences: Iterable[ObjectDifference]) -> str:
    """Return the gravest of what would become of somebody; empty where the vendor has nothing of hers any more."""
    return min((one.what.partition(":")[0] for one in differences), key=GRAVEST_FIRST.index)


def explained_at_stripe(handle: str, policy: Policy, stripe: Stripe) -> Iterator[str]:
    """Yield what somebody who has no row has at Stripe, and why it makes her no member."""
    if handle.startswith("sub_"):
        subscriptions = [stripe.read_subscription(handle)]
    else:
        by_address = [one.id for one in stripe.list_customers(handle)] if "@" in handle else []
        customers = by_address or ([handle] if handle.startswith("cus_") else [])
        subscriptions = [s for one in customers for s in stripe.list_subscriptions_of(one)]
    for subscription in subscriptions:
        yield f"{subscription.customer_id} {subscription.id}"
        yield from (f"  {line}" for line in reasons(subscription, policy))


def explained(member: Member, policy: Policy, stripe: Stripe | None) -> Iterator[str]:
    """Yield why a member is one or is not, without her name and address."""
    access = "has access" if has_access(member) else "has no access"
    yield f"member {member.id}: {standing_of(member).name.lower()}, {access}"
    if member.deleted_at is not None:
        yield f"  her account was deleted {member.deleted_at:%Y-%m-%d}: that ends every membership"
    if member.is_barred:
        yield "  Clerk has banned her or locked her out: no access and no profile while it lasts"
    if not member.memberships:
        yield "  she has an account and no membership"
    for membership in member.memberships:
        yield f"  {membership.subscription_id or 'a membership of the platform'}: {membership.status} {membership.tier}"
        if stripe is not None and membership.subscription_id:
            yield from (
                f"    {line}" for line in _at_stripe(membership.subscription_id, policy, stripe)
            )


def _at_stripe(subscription_id: str, policy: Policy, stripe: Stripe) -> Iterable[str]:
    try:
        return reasons(stripe.read_subscription(subscription_id), policy)
    except VendorNotFoundError:
        return ["Stripe does not know it any more"]


@contextlib.contextmanager
def asking() -> Iterator[Collaborators | None]:
    """Give the vendors as the jobs ask them, where this process has what they have; None where it has not."""
    try:
        is_inside = chosen().is_inside
    except (CommandError, LookupError):
        is_inside = False
    if not is_inside:
        yield None
        return
    with contextlib.redirect_stdout(io.StringIO()):  # packages say there what they think
        from include.operate.doctor.check_context import collaborators  # noqa: PLC0415 - imports Airflow
        from include.operate.doctor.run import read_context  # noqa: PLC0415

        context, _ = read_context(clock=SystemClock(), has_stand_ins=False)
    with collaborators(context) as rt:
        yield rt


def policy_of(file: Path | None) -> Policy:
    """Return a file's policy; raise CommandError where it cannot be used."""
    try:
        return load(file or FILE)
    except PolicyError as error:
        raise CommandError(f"the policy cannot be used:\n{error}") from None
