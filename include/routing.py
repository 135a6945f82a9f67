"""Event type → job: the one table. What is not in it is stored and ignored, and can be replayed later.

And which DAGs the relay starts: those of the table, and those that no event asks for by itself.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """Which job an event starts, or why it starts none."""

    job: str | None
    reason: str | None = None


SYNC = Route("mailchimp_sync")

UNKNOWN = Route(None, "no job for this type")

PROBE = "ops.probe"
"""What `ops probe webhooks` sends: it comes from no vendor, and says nothing about what a vendor sends."""

PROBED = Route(None, "a probe of our own: it starts nothing")

ROUTES: dict[str, dict[str, Route]] = {
    "stripe": {
        "checkout.session.completed": SYNC,
        "customer.subscription.created": SYNC,
        "customer.subscription.updated": SYNC,
        "customer.subscription.deleted": SYNC,
        "customer.subscription.paused": SYNC,
        "customer.subscription.resumed": SYNC,
        "customer.subscription.trial_will_end": Route(
            None, "an announcement: the end of the trial comes as customer.subscription.updated"
        ),
        "invoice.paid": SYNC,
        "invoice.payment_succeeded": SYNC,
        "invoice.payment_failed": SYNC,
        "charge.dispute.closed": SYNC,
        "charge.dispute.created": SYNC,
        "charge.refunded": SYNC,
        "refund.failed": SYNC,
        "refund.updated": SYNC,
        "customer.updated": SYNC,
        "customer.deleted": SYNC,
        "reconciliation.customer": SYNC,  # made by us: read it again
        "reconciliation.subscription": SYNC,
        "ops.probe": PROBED,
    },
    "clerk": {
        "user.banned": SYNC,
        "user.created": SYNC,
        "user.unbanned": SYNC,
        "user.updated": SYNC,
        "user.deleted": SYNC,
        "reconciliation.user": SYNC,
        "ops.probe": PROBED,
    },
}

THIN = "v1."
"""What Stripe puts before the type of a thin event about a thing that snapshots tell of, too."""

ACCOUNTS = {
    "v2.core.account.updated": "customer.updated",
    "v2.core.account[configuration.customer].updated": "customer.updated",
    "v2.core.account[identity].updated": "customer.updated",
    "v2.core.account.closed": "customer.deleted",
}
"""Thin events about an account of Accounts v2, which is what a customer was before."""

STRIPE_PATH = "/webhooks/stripe"
"""Where the relay takes Stripe's events."""

OUR_OWN = "reconciliation."  # types of events that we make ourselves

STARTING_TYPES = {
    provider: frozenset(
        kind for kind, route in table.items() if route.job and not kind.startswith(OUR_OWN)
    )
    for provider, table in ROUTES.items()
}
"""The types of events that a vendor has to send, because each starts a job."""

RETRY = "webhook_retry"  # what failed goes there alone
RETRY_RUN = "retry."  # how the ids of its runs begin that the dispatcher starts

JOBS = tuple(
    sorted({route.job for table in ROUTES.values() for route in table.values() if route.job})
)

"""The jobs of events."""

DEACTIVATION = "member_deactivation"

RELAY_DAGS = tuple(sorted({*JOBS, RETRY, DEACTIVATION}))
"""The DAGs whose runs the relay starts; its user at Airflow may do that for these and no others."""

CANCELLABLE_DAGS = (DEACTIVATION,)
"""Those of them whose runs it may also end and delete: they are made ahead, and not all are to be."""


def plain_type(provider: str, event_type: str) -> str:
    """Return the type under which snapshots tell of the same: `v1.invoice.paid` is `invoice.paid`."""
    if provider != "stripe":
        return event_type
    return ACCOUNTS.get(event_type) or event_type.removeprefix(THIN)


def route_of(provider: str, event_type: str) -> Route:
    """Return what an event of this type leads to, thin or not."""
    return ROUTES[provider].get(plain_type(provider, event_type), UNKNOWN)


def dag_of(dag_run_id: str, job: str) -> str:
    """Return the DAG of a run that had a job's events in hand: what failed is tried again by another than the job's."""
    return RETRY if dag_run_id.startswith(RETRY_RUN) else job


def job_from(name: str) -> str:
    """Return the job that a person means: `mailchimp-sync` is `mailchimp_sync`."""
    return name.strip().lower().replace("-", "_")
