"""Twelve ways in which webhooks stop coming: each named by its cause within 15 minutes, and nothing missing after."""

from contextlib import ExitStack
from datetime import timedelta

import pytest
import requests

from include.alerts.texts import moment
from include.jobs.reconciliation.silence import SilenceCause
from include.store.findings import FindingKind, FindingState
from include.store.inbox import InboxState
from include.store.rejections import AGAIN
from tests.jobs.conftest import serving
from tests.jobs.silence_ways import (
    FIRED,
    RESOLVED,
    REVOKED,
    WAYS,
)
from tests.jobs.silence_world import CLERK_SECRET, STRIPE_SECRET, Post, Proxy, starts_a_job
from tests.jobs.world import LaterClock, World
from tests.store.arrivals import receive


@pytest.fixture(scope="module")
def proxy():
    """Give the proxy in front of the relays; the sandbox sends to it."""
    proxy = Proxy()
    yield proxy
    proxy.http.shutdown()
    proxy.http.server_close()


@pytest.fixture(scope="module")
def sending_sandbox(proxy):
    """Serve a sandbox whose webhooks go to the proxy."""
    wishes = {"stripe_webhook_secrets": STRIPE_SECRET, "clerk_webhook_secrets": CLERK_SECRET}
    with serving(relay_url=proxy.url, **wishes) as sandbox:
        yield sandbox


@pytest.fixture
def post(store, database, sending_sandbox, proxy):
    """Give the way of webhooks with two relays, after a day on which all came."""
    sending_sandbox.ask("POST", "reset")
    proxy.answers = None
    world = World(store, database, sending_sandbox)
    world.clock = LaterClock()
    with ExitStack() as relays:
        post = Post(world, proxy, relays)
        post.start_relays({}, {})
        yield post
    assert sending_sandbox.violations() == []


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_way_is_named_and_nothing_is_missing_after_it(post, way):
    """Cause, beginning, what is missing and what to do, in status, metrics, console and one alert, after 15 minutes."""
    way.before(post)
    assert set(post.happen()) == {"200"}
    post.pass_minutes(15)
    assert post.causes() == []
    began_at = post.world.clock.now()
    way.quiet(post)
    post.pass_minutes(3)
    post.happen()
    post.pass_minutes(12)

    told = [one for one in post.look() if one.provider == way.provider]

    [silence] = told
    assert silence.cause == way.cause
    assert way.words in silence.words
    assert way.to_do in silence.to_do
    assert bool(silence.missing) == way.is_missing
    slack = timedelta(minutes=1, seconds=2)
    assert began_at - timedelta(minutes=15) - slack <= silence.since <= post.world.clock.now()
    [trouble] = [one for one in post.issues() if one.what == silence.words]
    assert (trouble.since, trouble.to_do) == (silence.since, silence.to_do)
    assert f'ops_webhooks_silent_minutes{{provider="{way.provider}",cause="{way.cause}"}}' in (
        post.metrics()
    )
    page, told = post.console(), post.tell()
    assert [what for what, _ in told] == FIRED
    for text in (page, told[0][1]):
        assert silence.words in text
        assert silence.to_do.replace("{ops}", "ops") in text.replace("./ops", "ops")
        assert (f"{silence.missing} event" in text) == way.is_missing
    assert f"since {silence.since:%-d %b %Y %H:%M} UTC" in page
    assert f"since {moment(silence.since)}" in told[0][1]

    way.mend(post)
    post.pass_minutes(13)
    post.happen()
    post.pass_minutes(2)
    assert post.causes() == []
    assert post.issues() == []
    assert silence.words not in post.console()
    assert [what for what, _ in post.tell()] == RESOLVED
    assert post.missing() == set()
    assert sorted(set(post.world.welcomes())) == sorted(post.world.welcomes())


@pytest.mark.parametrize("payload", ["thin", "both"])
def test_change_that_came_as_a_thin_event_is_not_missing(post, payload):
    """Stripe's list has its snapshot, which nobody was sent; it is not read in besides."""
    post.settings = post.settings.model_copy(update={"stripe_payload": "any"})
    post.switch(stripe_payload=payload)
    post.happen()
    before = post.world.query("SELECT count(*) AS n FROM ops.inbox")
    post.pass_minutes(15)

    assert post.causes() == []
    assert post.world.query("SELECT count(*) AS n FROM ops.inbox") == before


def test_sign_in_is_no_missed_change(post):
    """Clerk touches a user whenever she signs in; what we have of her is as it was."""
    post.happen()
    post.missing()
    post.switch(clerk_sends=False)
    [user] = post.world.sandbox.ask("GET", "state/clerk")["users"]
    url = f"{post.world.sandbox.url}/clerk/v1/users/{user['id']}/metadata"
    key = {"Authorization": "Bearer sk_test_x"}
    requests.patch(url, json={"public_metadata": {"seen": 1}}, headers=key, timeout=20)
    post.pass_minutes(15)

    assert post.causes() == []


def test_dry_run_only_looks(post):
    """It says what is missing, and puts nothing in."""
    post.endpoint("POST", disabled="true")
    post.happen()
    post.pass_minutes(15)
    before = post.world.query("SELECT count(*) AS n FROM ops.inbox")

    assert post.look(is_dry_run=True) == []
    assert post.world.query("SELECT count(*) AS n FROM ops.inbox") == before
    assert post.world.store.webhooks.check("stripe") is None
    found = post.world.store.reconciliations.latest(1)[0].findings["missed_stripe"]
    assert (found.found > 0, found.repaired) == (True, 0)


def test_stripe_that_does_not_answer_is_asked_again_from_there(post):
    """The look neither fails nor loses its place: the next one reads what this one could not."""
    post.look()
    cursor = post.world.store.webhooks.check("stripe").cursor_at
    post.endpoint("POST", disabled="true")
    post.happen()
    post.world.sandbox.fault("stripe", "status", status=503)
    post.pass_minutes(15)
    assert post.causes() == []
    assert post.world.store.webhooks.check("stripe").cursor_at == cursor

    post.world.sandbox.ask("DELETE", "faults")
    post.pass_minutes(15)

    [silence] = post.look()
    assert silence.cause == SilenceCause.ENDPOINT_DISABLED
    assert silence.missing > 0
    assert post.missing() == set()


def test_long_gap_is_read_window_by_window(post, monkeypatch):
    """A look reads so many events at most; the next ones go on where it stopped, and none is read in twice."""
    monkeypatch.setattr("include.jobs.reconciliation.webhooks.MAX_EVENTS", 1)
    post.look()
    post.endpoint("POST", disabled="true")
    post.happen()
    post.pass_minutes(9 * 60)
    post.happen()
    post.pass_minutes(9 * 60)

    found = []
    for _ in range(5):
        post.pass_minutes(3)
        post.look()
        report = post.world.store.reconciliations.latest(1)[0]
        found.append(report.findings["missed_stripe"].found)

    assert found[0] > 0
    assert found[-1] == 0
    events = [e for e in post.world.sandbox.events() if e["vendor"] == "stripe" and starts_a_job(e)]
    assert sum(found) == len(events)
    assert post.missing() == set()


def test_forger_in_a_quiet_night_wakes_nobody(post):
    """Requests that are signed with nothing good are counted; nothing is missing by them."""
    post.look()
    for _ in range(20):
        requests.post(f"{post.proxy.url}/webhooks/stripe", json={}, timeout=20)
    post.pass_minutes(15)

    assert post.causes() == []


KIND = "customer.subscription.created"


def come_every(post, hours, *, weeks, until_hours_ago):
    """Let an event of a kind have come every so many hours, for weeks."""
    now = post.world.clock.now()
    for ago in range(until_hours_ago, weeks * 7 * 24, hours):
        receive(
            post.world.store, f"evt_{ago}_ago", type=KIND, received_at=now - timedelta(hours=ago),
            created_at=now - timedelta(hours=ago), state=InboxState.PROCESSED,
        )  # fmt: skip


def test_absence_that_chance_explains_by_no_means_is_told_as_the_causes_are(post):
    """Though nothing is missing by Stripe's list: in status, metrics, console and one alert, until a webhook comes."""
    come_every(post, 4, weeks=8, until_hours_ago=40)

    [silence] = post.look()

    assert (silence.provider, silence.cause, silence.missing) == (
        "stripe",
        SilenceCause.UNUSUALLY_QUIET,
        0,
    )
    assert "no webhook for 39 hours, in which 9." in silence.words
    assert timedelta(hours=38) < post.world.clock.now() - silence.since <= timedelta(hours=40)
    [trouble] = post.issues()
    assert (trouble.what, trouble.since) == (silence.words, silence.since)
    assert 'provider="stripe",cause="unusually_quiet"' in post.metrics()
    assert silence.words in post.console()
    [(what, text)] = post.tell()
    assert ([what], silence.words in text) == (FIRED, True)

    post.pass_minutes(15)
    assert post.causes() == [("stripe", SilenceCause.UNUSUALLY_QUIET)]
    post.happen()
    post.pass_minutes(15)
    assert post.causes() == []
    assert [what for what, _ in post.tell()] == RESOLVED


def test_quiet_night_of_a_quiet_community_is_no_finding(post):
    """Half a day without one, where three a day come."""
    come_every(post, 8, weeks=8, until_hours_ago=14)

    assert post.causes() == []


def test_known_cause_is_told_and_not_that_it_is_quiet(post):
    """One thing to mend; and once it is mended, the quiet before is no news. Quiet that goes on is."""
    come_every(post, 4, weeks=8, until_hours_ago=40)
    post.endpoint("POST", disabled="true")

    assert post.causes() == [("stripe", SilenceCause.ENDPOINT_DISABLED)]

    post.endpoint("POST", disabled="false")
    post.pass_minutes(15)
    assert post.causes() == []
    post.pass_minutes(39 * 60)
    [silence] = post.look()
    assert silence.cause == SilenceCause.UNUSUALLY_QUIET


def test_quiet_is_told_beside_a_refused_key(post):
    """Webhooks come without a key of ours: that it is refused says nothing of why they do not."""
    come_every(post, 4, weeks=8, until_hours_ago=40)
    post.world.sandbox.fault("stripe", "status", status=401, body=REVOKED)

    assert {cause for _, cause in post.causes()} == {
        SilenceCause.KEY_REFUSED,
        SilenceCause.UNUSUALLY_QUIET,
    }
    [(what, text)] = post.tell()
    assert [what] == FIRED
    assert "refuses our API key" in text
    assert "less than chance explains" in text


def unusual(post):
    """Return the findings about webhooks, as they stand: state and words."""
    found = post.world.store.findings.read(tuple(FindingState))
    assert all(one.subject.startswith("webhooks:stripe:") for one in found)
    return sorted((str(one.state), one.words) for one in found)


def test_rise_of_refusals_and_of_what_comes_again_is_a_finding_and_wakes_nobody(post):
    """Told once to staff, in status and among what needs a person; over when it is as usual again."""
    come_every(post, 1, weeks=8, until_hours_ago=1)
    store, ago = post.world.store, post.world.clock.now() - timedelta(hours=2)
    store.rejections.add({("stripe", "no signature matches"): 99, ("stripe", AGAIN): 30}, now=ago)

    assert post.look() == []

    rise = "in 24 hours, where nine days of ten before had 0 at most"
    assert unusual(post) == [
        ("open", f"Stripe's webhooks, delivered again: 30 {rise}"),
        ("open", f"Stripe's webhooks, refused: no signature matches: 99 {rise}"),
    ]
    assert store.findings.counts() == {FindingKind.UNUSUAL_WEBHOOKS: 2}
    assert 'ops_findings_open{kind="unusual_webhooks"} 2.0' in post.metrics()
    assert (
        'ops_requests_refused{provider="stripe",reason="no signature matches"} 99.0'
        in post.metrics()
    )
    assert post.tell() == []
    page = post.console()
    assert "Refused in a day 99 no signature matches" in page
    assert "0 late, 30 again" in page
    post.pass_minutes(15)
    post.look()
    notices = post.world.query("SELECT 1 FROM ops.notices WHERE key LIKE 'finding:%%'")
    assert len(notices) == 2

    post.happen()
    post.pass_minutes(23 * 60)
    post.happen()
    post.look()
    assert {state for state, _ in unusual(post)} == {"over"}


@pytest.mark.parametrize(
    ("wrong", "is_told"),
    [
        (lambda post: post.switch(stripe_payload="thin"), True),
        (lambda post: post.endpoint("POST", disabled="true"), False),
    ],
    ids=["thin events come", "the endpoint is off"],
)
def test_rise_is_told_unless_a_cause_explains_it(post, wrong, is_told):
    """Where the cause is mended, it goes away."""
    come_every(post, 1, weeks=8, until_hours_ago=1)
    ago = post.world.clock.now() - timedelta(hours=2)
    post.world.store.rejections.add({("stripe", "no signature matches"): 99}, now=ago)
    wrong(post)

    [(_, cause)] = post.causes()

    assert (cause, len(unusual(post))) == (
        SilenceCause.OTHER_PAYLOAD if is_told else SilenceCause.ENDPOINT_DISABLED,
        is_told,
    )
