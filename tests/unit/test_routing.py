"""The one table: what each event leads to."""

import pytest

from include.routing import JOBS, RETRY, ROUTES, UNKNOWN, dag_of, job_from, route_of


@pytest.mark.parametrize(
    ("provider", "event_type"),
    [
        ("stripe", "checkout.session.completed"),
        ("stripe", "customer.subscription.created"),
        ("stripe", "customer.subscription.updated"),
        ("stripe", "customer.subscription.deleted"),
        ("stripe", "customer.subscription.paused"),
        ("stripe", "customer.subscription.resumed"),
        ("stripe", "invoice.paid"),
        ("stripe", "invoice.payment_succeeded"),
        ("stripe", "invoice.payment_failed"),
        ("stripe", "customer.updated"),
        ("stripe", "customer.deleted"),
        ("clerk", "user.created"),
        ("clerk", "user.updated"),
        ("clerk", "user.deleted"),
    ],
)
def test_what_changes_a_member_is_synced(provider, event_type):
    """The types that do something."""
    assert route_of(provider, event_type).job == "mailchimp_sync"


def test_the_end_of_a_trial_is_announced_and_starts_nothing():
    """Stored as ignored, with a reason that a person understands."""
    route = route_of("stripe", "customer.subscription.trial_will_end")

    assert route.job is None
    assert "announcement" in route.reason


@pytest.mark.parametrize("event_type", ["payout.paid", "user.created", "", "CUSTOMER.UPDATED"])
def test_what_is_not_in_the_table_starts_nothing(event_type):
    """A type of one vendor means nothing from another."""
    assert route_of("stripe", event_type).job is None
    assert route_of("stripe", event_type).reason


@pytest.mark.parametrize(
    ("event_type", "plain"),
    [
        ("v1.customer.subscription.updated", "customer.subscription.updated"),
        ("v1.customer.subscription.trial_will_end", "customer.subscription.trial_will_end"),
        ("v2.core.account.updated", "customer.updated"),
        ("v2.core.account[identity].updated", "customer.updated"),
        ("v2.core.account.closed", "customer.deleted"),
    ],
)
def test_thin_event_leads_where_its_snapshot_does(event_type, plain):
    """Whichever form the endpoint is set to."""
    assert route_of("stripe", event_type) == route_of("stripe", plain)


@pytest.mark.parametrize(
    ("provider", "event_type"),
    [("clerk", "v1.user.created"), ("stripe", "v1.payout.paid"), ("stripe", "v1.v1.invoice.paid")],
)
def test_what_only_looks_like_a_thin_event_starts_nothing(provider, event_type):
    """Clerk has none, and nothing is followed as a thin event that is not followed as a snapshot."""
    assert route_of(provider, event_type) == UNKNOWN


def test_every_route_has_a_job_or_a_reason():
    """The inbox's `ignored` rows always say why."""
    routes = [route for table in ROUTES.values() for route in table.values()]

    assert all((route.job is None) != (route.reason is None) for route in routes)
    assert {route.job for route in routes if route.job} == set(JOBS)


@pytest.mark.parametrize("name", ["mailchimp-sync", "mailchimp_sync", " Mailchimp-Sync "])
def test_job_as_people_write_it(name):
    """Rules and commands take the name with hyphens too."""
    assert job_from(name) == "mailchimp_sync"


def test_run_that_tries_again_is_of_another_dag_than_the_job():
    assert dag_of("stripe.evt_1", "mailchimp_sync") == "mailchimp_sync"
    assert dag_of("retry.stripe.evt_1.try2", "mailchimp_sync") == RETRY
