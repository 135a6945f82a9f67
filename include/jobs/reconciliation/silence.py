"""Why webhooks do not come. Pure: from what was seen at both ends to causes, each in words with what to do.

| cause | is seen by |
|---|---|
| `key_refused` | the vendor refuses our API key: nothing can be asked, so what is missing is not known |
| `endpoint_deleted`, `endpoint_disabled`, `types_missing`, `other_payload` | Stripe's list of endpoints |
| `other_mode` | events of the other mode come, and in ours nothing leads to a relay |
| `not_found`, `redirected`, `not_the_relay` | what the endpoint's address answers, asked from here |
| `secret_missing`, `wrong_secret`, `clock_off` | why a relay refused requests, while events are missing |
| `not_sent` | events are missing, and nothing here says why |
| `unusually_quiet` | none of that is so, and none comes in hours in which chance alone would bring some (`usual`) |

A forger can make refusals: alone they are a number (`refused_count`), and no cause.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from include.routing import STRIPE_PATH
from include.store.webhooks import Silence, moment_of
from include.vendors.manifests import EVENT_SECRETS, MANIFESTS
from include.vendors.stripe.endpoints import ours_of, types_unsent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from include.jobs.reconciliation.usual import Absence, Counts
    from include.store.rejections import Refused
    from include.vendors.endpoint_probe import EndpointAnswer
    from include.vendors.stripe.endpoints import WebhookEndpoint

NAMES: Final = {name: MANIFESTS[name].title for name in EVENT_SECRETS}
FEW: Final = 3  # so many that did not come are a cause, though others came
SKEW: Final = timedelta(seconds=30)


class SilenceCause(StrEnum):
    """Why webhooks do not come."""

    KEY_REFUSED = "key_refused"
    ENDPOINT_DELETED = "endpoint_deleted"
    ENDPOINT_DISABLED = "endpoint_disabled"
    TYPES_MISSING = "types_missing"
    OTHER_PAYLOAD = "other_payload"
    OTHER_MODE = "other_mode"
    NOT_FOUND = "not_found"
    REDIRECTED = "redirected"
    NOT_THE_RELAY = "not_the_relay"
    SECRET_MISSING = "secret_missing"  # noqa: S105 - a cause
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a cause
    CLOCK_OFF = "clock_off"
    NOT_SENT = "not_sent"
    UNUSUALLY_QUIET = "unusually_quiet"


LASTING: Final = frozenset(
    {
        SilenceCause.SECRET_MISSING,
        SilenceCause.WRONG_SECRET,
        SilenceCause.CLOCK_OFF,
        SilenceCause.NOT_SENT,
        SilenceCause.UNUSUALLY_QUIET,
    }
)
"""Those that quiet hides: they are over when a webhook has come since, and not because nothing happens."""

EXPLAINS_NOTHING: Final = frozenset(
    {SilenceCause.KEY_REFUSED, SilenceCause.OTHER_PAYLOAD, SilenceCause.UNUSUALLY_QUIET}
)
"""Those in spite of which webhooks come: where none comes against all chance, there is more to it."""

REASONS: Final = {
    "no secret is set": SilenceCause.SECRET_MISSING,
    "no signature matches": SilenceCause.WRONG_SECRET,
    "the timestamp is outside the tolerance": SilenceCause.CLOCK_OFF,
}
"""What a relay says when it refuses a request, and what is behind it while events are missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookEvidence:
    """What was seen of a vendor's webhooks since the last look."""

    provider: str
    at: datetime
    since: datetime
    is_asked: bool = True  # the vendor was asked; else only what is here is known
    refusal: str | None = None  # what it said to our key
    endpoints: Sequence[WebhookEndpoint] | None = None  # None: not to be known
    wanted_payload: str = "any"
    answers: Mapping[str, EndpointAnswer] | None = None  # what the addresses of endpoints answer
    refused: Mapping[str, Refused] | None = None  # by reason
    delivered: int = 0
    last_delivered_at: datetime | None = None
    other_mode: int = 0  # delivered, of the mode that is not our key's
    has_history: bool = False  # something was delivered once
    skew: timedelta | None = None  # our clock, ahead of the vendor's
    missing: int = 0
    missing_since: datetime | None = None
    counts: Counts | None = None  # by hour, of the last weeks
    absences: Sequence[Absence] = ()  # by them

    @property
    def name(self) -> str:
        """Return the vendor's name."""
        return NAMES[self.provider]


FoundCause = tuple[
    SilenceCause, str, str, "datetime | None"
]  # cause, words, what to do, since when


def silences_of(look: WebhookEvidence) -> list[Silence]:
    """Return what keeps webhooks from coming; empty where nothing does."""
    found = list(_known(look))
    if look.missing:
        found += _refusals(look)
    is_quiet = not look.delivered or look.missing >= FEW
    if not found and look.missing and is_quiet:
        found.append(_not_sent(look))
    if look.absences and EXPLAINS_NOTHING.issuperset(cause for cause, *_ in found):
        found.append(_unusually_quiet(look))
    return [
        Silence(
            provider=look.provider,
            cause=cause,
            since=min(filter(None, (since, look.missing_since)), default=look.since),
            words=words,
            to_do=to_do,
            missing=look.missing,
        )
        for cause, words, to_do, since in found
    ]


def over(look: WebhookEvidence, goes_on: Sequence[Silence], found: Sequence[Silence]) -> list[str]:
    """Return the causes that are no more; what could not be looked at stays as it was."""
    still = {one.cause for one in found}
    return [one.cause for one in goes_on if one.cause not in still and _is_over(one, look)]


def _is_over(silence: Silence, look: WebhookEvidence) -> bool:
    if SilenceCause(silence.cause) in LASTING:
        seen_at = silence.seen_at or silence.since
        return look.last_delivered_at is not None and look.last_delivered_at > seen_at
    if silence.cause == SilenceCause.KEY_REFUSED:
        return look.is_asked
    return look.is_asked and look.refusal is None


def _known(look: WebhookEvidence) -> Iterator[FoundCause]:
    """Yield what the vendor and the addresses say."""
    if look.refusal is not None:
        words = f"{look.name} refuses our API key ({look.refusal}): what is missing cannot be asked"
        to_do = f"put a key that is valid into the connection `{look.provider}`: `{{ops}} rotate`"
        yield SilenceCause.KEY_REFUSED, words, to_do, None
        return
    if look.endpoints is not None:
        yield from _of_endpoints(look, look.endpoints)
    yield from _of_answers(look.answers or {})


def _of_endpoints(
    look: WebhookEvidence, endpoints: Sequence[WebhookEndpoint]
) -> Iterator[FoundCause]:
    ours = ours_of(endpoints)
    enabled = [one for one in ours if one.is_enabled]
    changed_at = max((one.updated_at for one in ours if one.updated_at), default=None)
    if not enabled and look.other_mode:
        words = "Stripe sends events of the other mode to the relay, and none of our key's mode"
        to_do = "make an endpoint in the mode of the key (live, test) in Stripe's dashboard"
        yield SilenceCause.OTHER_MODE, words, to_do, None
    elif not ours and (look.has_history or look.missing):
        words = "Stripe has no endpoint any more that leads to a relay"
        to_do = f"make one in Stripe's dashboard that ends in {STRIPE_PATH}, and put its secret in"
        yield SilenceCause.ENDPOINT_DELETED, words, to_do, None
    elif ours and not enabled:
        words = "Stripe's endpoint is disabled"
        to_do = "enable it in Stripe's dashboard, and see there why it was"
        yield SilenceCause.ENDPOINT_DISABLED, words, to_do, changed_at
    if enabled:
        yield from _of_what_is_sent(look, enabled, changed_at)


def _of_what_is_sent(
    look: WebhookEvidence, enabled: Sequence[WebhookEndpoint], changed_at: datetime | None
) -> Iterator[FoundCause]:
    if unsent := types_unsent(enabled):
        words = f"Stripe does not send {', '.join(sorted(unsent))}"
        to_do = "add these events to the endpoint in Stripe's dashboard"
        yield SilenceCause.TYPES_MISSING, words, to_do, changed_at
    payloads = {one.payload for one in enabled}
    if look.wanted_payload not in {"any", *payloads}:
        words = f"Stripe sends {' and '.join(sorted(payloads))} events where {look.wanted_payload} events are expected"
        to_do = "nothing is lost: both are followed; set OPS_STRIPE_PAYLOAD, or the endpoint back"
        yield SilenceCause.OTHER_PAYLOAD, words, to_do, changed_at


def _of_answers(answers: Mapping[str, EndpointAnswer]) -> Iterator[FoundCause]:
    """Yield what is wrong with the addresses, unless one of them leads to a relay."""
    if any(answer.is_relay for answer in answers.values()):
        return
    for url, answer in answers.items():
        if answer.status == NOT_FOUND:
            words = f"{url} answers 404: the proxy does not let webhooks through to the relay"
            to_do = "let the proxy hand /webhooks/ on to the relay, which answers 405 to a GET"
            yield SilenceCause.NOT_FOUND, words, to_do, None
        elif answer.is_redirect:
            words = f"{url} redirects ({answer.status}): vendors do not follow redirects"
            to_do = (
                f"give the vendors the address it leads to{answer.place and f' ({answer.place})'}"
            )
            yield SilenceCause.REDIRECTED, words, to_do, None
        elif answer.status is not None:
            words = f"{url} answers {answer.status}: that is not the relay"
            to_do = "see what answers at this address; a relay answers 405 to a GET"
            yield SilenceCause.NOT_THE_RELAY, words, to_do, None


NOT_FOUND: Final = 404


def _refusals(look: WebhookEvidence) -> Iterator[FoundCause]:
    """Yield why relays refused what was signed: only while events are missing."""
    for reason, cause in REASONS.items():
        refused = (look.refused or {}).get(reason)
        if refused is None:
            continue
        of_all = f"{refused.count} of {refused.count + look.delivered}"
        words, to_do = _told(cause, look, f"{of_all} webhooks of {look.name}'s were refused")
        yield cause, words, to_do, refused.since


def _told(cause: SilenceCause, look: WebhookEvidence, refused: str) -> tuple[str, str]:
    secret = EVENT_SECRETS[look.provider].variable
    if cause is SilenceCause.CLOCK_OFF:
        skew = abs(look.skew.total_seconds()) if look.skew else 0
        by = f" (it is {skew:.0f} s off {look.name}'s here)" if skew > SKEW.total_seconds() else ""
        words = f"{refused}: their time is outside the tolerance, so that a clock is wrong{by}"
        return words, "set the clock of the relay's machine, by NTP"
    some = "one of the relays" if look.delivered else "the relay"
    if cause is SilenceCause.SECRET_MISSING:
        return f"{refused}: {some} has no secret", f"set {secret} for every relay, and restart it"
    words = f"{refused}: {some} has another secret than {look.name} signs with"
    to_do = f"compare {secret} of every relay with the endpoint's secret at {look.name}"
    return words, to_do


def _not_sent(look: WebhookEvidence) -> FoundCause:
    words = f"{look.name} has changes of which no webhook came, and nothing was refused here"
    to_do = f"see at {look.name}'s dashboard whether its endpoint is on, and what its attempts say"
    return SilenceCause.NOT_SENT, words, to_do, None


def _unusually_quiet(look: WebhookEvidence) -> FoundCause:
    absent = ", ".join(
        f"no {one.type or 'webhook'} for {one.hours} hours, in which {one.usual:.1f} are usual"
        for one in look.absences
    )
    words = f"{look.name} sends less than chance explains: {absent}"
    to_do = "see whether people can sign up and pay, and whether `{ops} probe webhooks URL` arrives"
    return SilenceCause.UNUSUALLY_QUIET, words, to_do, moment_of(look.absences[0].begin)
