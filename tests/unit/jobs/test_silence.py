"""From what is seen at both ends to a cause: what counts as one, what does not, and when it is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from include.jobs.reconciliation.silence import SilenceCause, WebhookEvidence, over, silences_of
from include.jobs.reconciliation.usual import Absence
from include.store.rejections import Refused
from include.store.webhooks import Silence, hour_of
from include.vendors.endpoint_probe import EndpointAnswer
from include.vendors.stripe.endpoints import WebhookEndpoint

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
URL = "https://ops.example.org/webhooks/stripe"
ENDPOINT = WebhookEndpoint(url=URL, types=frozenset({"*"}), is_enabled=True)
RELAY, NOT_FOUND = EndpointAnswer(status=405), EndpointAnswer(status=404)
GOOD = WebhookEvidence(
    provider="stripe",
    at=NOW,
    since=NOW - QUARTER,
    endpoints=[ENDPOINT],
    wanted_payload="snapshot",
    answers={URL: RELAY},
    has_history=True,
)
OTHERS = WebhookEndpoint(url="https://example.com/other", types=frozenset({"*"}), is_enabled=True)


def refused(reason="no signature matches", count=1):
    """Return what a relay says that it refused."""
    return {reason: Refused(provider="stripe", reason=reason, count=count, since=NOW - QUARTER)}


def causes(**seen):
    """Return why webhooks do not come by a good look that is changed."""
    return [one.cause for one in silences_of(replace(GOOD, **seen))]


def test_nothing_keeps_webhooks_where_all_is_as_it_should_be():
    """Also where nothing has come: a quiet Sunday is no finding by itself."""
    assert causes() == []
    assert causes(endpoints=None, answers=None) == []


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        ({"refusal": "401"}, SilenceCause.KEY_REFUSED),
        ({"endpoints": [OTHERS]}, SilenceCause.ENDPOINT_DELETED),
        ({"endpoints": [replace(ENDPOINT, is_enabled=False)]}, SilenceCause.ENDPOINT_DISABLED),
        ({"endpoints": [replace(ENDPOINT, types=frozenset({"a"}))]}, SilenceCause.TYPES_MISSING),
        ({"endpoints": [replace(ENDPOINT, payload="thin")]}, SilenceCause.OTHER_PAYLOAD),
        ({"wanted_payload": "thin"}, SilenceCause.OTHER_PAYLOAD),
        ({"endpoints": [], "other_mode": 3}, SilenceCause.OTHER_MODE),
        ({"answers": {URL: NOT_FOUND}}, SilenceCause.NOT_FOUND),
        ({"answers": {URL: EndpointAnswer(status=308)}}, SilenceCause.REDIRECTED),
        ({"answers": {URL: EndpointAnswer(status=200)}}, SilenceCause.NOT_THE_RELAY),
        ({"missing": 1, "refused": refused()}, SilenceCause.WRONG_SECRET),
        ({"missing": 1, "refused": refused("no secret is set")}, SilenceCause.SECRET_MISSING),
        (
            {"missing": 1, "refused": refused("the timestamp is outside the tolerance")},
            SilenceCause.CLOCK_OFF,
        ),
        ({"missing": 1}, SilenceCause.NOT_SENT),
        ({"missing": 3, "delivered": 100}, SilenceCause.NOT_SENT),
    ],
)
def test_cause_is_told_by_what_is_seen(seen, cause):
    """One sight, one cause."""
    assert causes(**seen) == [cause]


@pytest.mark.parametrize(
    "seen",
    [
        {"refused": refused(count=10_000)},
        {"endpoints": [], "has_history": False},
        {"endpoints": [replace(ENDPOINT, payload="thin")], "wanted_payload": "any"},
        {"endpoints": [replace(ENDPOINT, payload="thin"), ENDPOINT]},
        {"endpoints": [replace(ENDPOINT, is_enabled=False), ENDPOINT]},
        {"endpoints": [ENDPOINT], "other_mode": 5},
        {"answers": {URL: EndpointAnswer(status=None)}},
        {"answers": {URL: EndpointAnswer(status=502)}},
        {"answers": {URL: NOT_FOUND, "https://other.example.org/webhooks/stripe": RELAY}},
        {"missing": 2, "delivered": 100},
        {"missing": 1, "refused": refused("malformed signature header"), "delivered": 1},
    ],
    ids=[
        "a forger's requests",
        "an installation that never had an endpoint",
        "either form is expected",
        "both forms are sent",
        "an old endpoint beside ours",
        "tests beside a live endpoint",
        "an address that cannot be reached from here",
        "an address that is ill for now",
        "one of two addresses",
        "two late ones among a hundred",
        "one late one, and a scanner",
    ],
)
def test_what_is_no_cause(seen):
    """People are woken by what they can mend."""
    assert causes(**seen) == []


def test_thin_types_are_counted_as_their_snapshots():
    """An endpoint of thin events names its types with `v1.`."""
    types = frozenset(f"v1.{kind}" for kind in ("invoice.paid",))
    [silence] = silences_of(
        replace(
            GOOD,
            wanted_payload="thin",
            endpoints=[replace(ENDPOINT, payload="thin", types=types)],
        )
    )

    assert silence.cause == SilenceCause.TYPES_MISSING
    assert "invoice.paid," not in silence.words


def test_beginning_is_the_oldest_sign():
    """What is missing, or when the endpoint was changed; else the look before, when it was well."""
    changed_at = NOW - timedelta(minutes=5)
    off = replace(ENDPOINT, is_enabled=False, updated_at=changed_at)
    older = NOW - timedelta(minutes=9)

    assert [one.since for one in silences_of(replace(GOOD, endpoints=[off]))] == [changed_at]
    told = silences_of(replace(GOOD, endpoints=[off], missing=2, missing_since=older))
    assert [(one.since, one.missing) for one in told] == [(older, 2)]
    assert silences_of(replace(GOOD, endpoints=[]))[0].since == GOOD.since


ABSENT = Absence(type=None, begin=hour_of(NOW) - 9, hours=9, usual=8.04)


@pytest.mark.parametrize(
    ("seen", "also"),
    [
        ({}, []),
        ({"is_asked": False}, []),
        ({"refusal": "401"}, [SilenceCause.KEY_REFUSED]),
        ({"wanted_payload": "thin"}, [SilenceCause.OTHER_PAYLOAD]),
    ],
)
def test_absence_is_told_where_nothing_explains_it(seen, also):
    """With how many are usual; it began where the last one came."""
    *others, quiet = silences_of(replace(GOOD, absences=[ABSENT], **seen))

    assert [one.cause for one in others] == also
    assert (quiet.cause, quiet.since) == (SilenceCause.UNUSUALLY_QUIET, NOW - timedelta(hours=9))
    assert "no webhook for 9 hours, in which 8.0 are usual" in quiet.words
    off = replace(GOOD, absences=[ABSENT], endpoints=[replace(ENDPOINT, is_enabled=False)], **seen)
    assert SilenceCause.UNUSUALLY_QUIET not in [
        one.cause for one in silences_of(replace(off, refusal=None))
    ]


def silence(cause):
    """Return what was found a quarter of an hour ago."""
    return Silence(
        provider="stripe",
        cause=cause,
        since=NOW - 2 * QUARTER,
        seen_at=NOW - QUARTER,
        words="",
        to_do="",
    )


@pytest.mark.parametrize("cause", list(SilenceCause))
def test_cause_that_is_seen_again_is_not_over(cause):
    """Whatever else is well."""
    again = silence(cause)

    assert over(replace(GOOD, last_delivered_at=NOW), [again], [again]) == []


@pytest.mark.parametrize("cause", list(SilenceCause))
def test_cause_is_over_when_a_webhook_comes_and_nothing_is_wrong(cause):
    """The look after the cure."""
    assert over(replace(GOOD, last_delivered_at=NOW), [silence(cause)], []) == [cause]


@pytest.mark.parametrize(
    ("cause", "is_over"),
    [
        (SilenceCause.WRONG_SECRET, False),
        (SilenceCause.SECRET_MISSING, False),
        (SilenceCause.CLOCK_OFF, False),
        (SilenceCause.NOT_SENT, False),
        (SilenceCause.UNUSUALLY_QUIET, False),
        (SilenceCause.ENDPOINT_DISABLED, True),
        (SilenceCause.NOT_FOUND, True),
        (SilenceCause.KEY_REFUSED, True),
    ],
)
def test_quiet_ends_only_what_can_be_asked(cause, is_over):
    """Where nothing happens nothing is refused either: a wrong secret is still wrong."""
    assert over(GOOD, [silence(cause)], []) == [cause] * is_over


@pytest.mark.parametrize(
    "cause", [one for one in SilenceCause if one is not SilenceCause.KEY_REFUSED]
)
def test_vendor_that_does_not_answer_ends_nothing(cause):
    """What could not be looked at stays as it was."""
    for unknown in (replace(GOOD, is_asked=False), replace(GOOD, refusal="401")):
        assert over(unknown, [silence(cause)], []) == []
