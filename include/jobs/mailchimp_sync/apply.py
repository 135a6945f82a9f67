"""Apply: what the newest states make of the members, in the directory alone; nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.errors import MemberUnknownError, VendorError
from include.events import Checkout, CustomerSnapshot, SubscriptionSnapshot, UserSnapshot
from include.jobs.mailchimp_sync.vendors import Kind
from include.membership.identity import account_named_by
from include.store.objects import ObjectKey

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime
    from uuid import UUID

    from include.jobs.directory import Directory
    from include.jobs.mailchimp_sync.collect import Case, Cases
    from include.membership.policy import Policy


def apply_cases(
    cases: Cases,
    directory: Directory,
    *,
    policy: Policy,
    ask: Callable[[Collection[Case]], None],
) -> None:
    """Apply all cases: who she is before what she has, and in between who pays for whom.

    `ask` has a vendor asked about what turns out to be somebody's again. What fails is its case's `problem`.
    """
    for kind in (Kind.USER, Kind.CUSTOMER):
        _apply_all(cases, kind, directory)
    for row, _ in cases.rows:
        if isinstance(subject := row.event.subject, Checkout):
            directory.name_account(subject.customer_id, account_named_by(subject, policy))
    if moved := _moved(cases, directory):
        ask(moved)
    _apply_all(cases, Kind.SUBSCRIPTION, directory)
    for case in cases:  # who is a member by what she pays for
        if case.kind is Kind.CUSTOMER and isinstance(case.problem, MemberUnknownError):
            case.problem = None
            _apply(case, cases, directory)


def _apply_all(cases: Cases, kind: Kind, directory: Directory) -> None:
    for case in cases:
        if case.kind is kind and case.problem is None:
            _apply(case, cases, directory)


def _apply(case: Case, cases: Cases, directory: Directory) -> None:
    try:
        if case.as_of is None:  # kept: whose it is, is known already
            case.member_id = case.known.member_id if case.known else None
        else:
            case.member_id = _applied(case, case.as_of, cases, directory)
    except (MemberUnknownError, VendorError) as error:
        case.problem = error


def _applied(case: Case, as_of: datetime, cases: Cases, directory: Directory) -> UUID:
    match case.snapshot:
        case UserSnapshot() as user:
            return directory.apply_user(user, at=as_of)
        case CustomerSnapshot() as customer:
            return directory.apply_customer(customer)
        case SubscriptionSnapshot() as subscription:
            payer = cases.by_key.get(cases.customer_of(case, subscription))
            if payer is not None and isinstance(payer.problem, VendorError):
                raise payer.problem  # she could not be asked about
            return directory.apply_subscription(subscription, at=as_of)
        case None if case.kind is Kind.SUBSCRIPTION:
            return directory.end_subscription(case.key.object_id, at=as_of)
        case None if case.kind is Kind.USER:
            gone = UserSnapshot(
                id=case.key.object_id, email=None, first_name="", last_name="", deleted=True
            )
            return directory.apply_user(gone, at=as_of)
        case _:
            raise MemberUnknownError("Stripe does not know the customer")


def _moved(cases: Cases, directory: Directory) -> list[Case]:
    """Return what a deleted account had paid for, now that it is somebody's again."""
    gone = [directory.known[lost] for lost in directory.merged if lost in directory.known]
    subscriptions = [
        cases.add(
            ObjectKey("stripe", cases.mode, membership.subscription_id or ""), Kind.SUBSCRIPTION
        )
        for one in gone
        if one.deleted_at
        for membership in one.memberships
    ]
    return [case for case in subscriptions if case.snapshot is None and case.problem is None]
