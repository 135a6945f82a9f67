"""The vendors: do they know our keys, and have what the jobs need. Only calls that read.

Where a vendor has no call that changes nothing, the key's form is all that is looked at, and it is said.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from include.errors import PermanentVendorError, VendorNotFoundError
from include.membership.desired_contact import STANDING_TAGS, fields_named_by
from include.membership.policy import shipped
from include.operate.doctor import slack
from include.operate.doctor.findings import DoctorCheck, failed, not_configured, ok, warning
from include.routing import STARTING_TYPES, STRIPE_PATH, plain_type
from include.vendors.stripe.client import READ_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from include.operate.doctor.check_context import CheckContext
    from include.operate.doctor.findings import CheckResult
    from include.vendors.mailchimp.client import MergeField
    from include.vendors.stripe.client import WebhookEndpoint

GROUP: Final = "vendors"
SKEW_TOLD: Final = timedelta(seconds=30)
USUAL_TOLERANCE: Final = timedelta(minutes=5)
TEXT_FIELDS: Final = frozenset({"text", "dropdown", "radio"})


def checks(context: CheckContext) -> list[DoctorCheck]:
    """Return one check per vendor: where it does not answer, that is one line."""
    looks = {
        "Stripe": lambda: _stripe(context),
        "Clerk": lambda: _clerk(context),
        "Mailchimp": lambda: _mailchimp(context),
        "Luma": lambda: _luma(context),
        "Slack": lambda: slack.look(context),
        "Slack's administrator": lambda: slack.look_at_admin(context),
        "mail": lambda: _channel(context, "mail", "email", "the mail server takes our log-in"),
        "Twilio": lambda: _channel(context, "Twilio", "sms", "knows the account and its token"),
        "PagerDuty": lambda: _pagerduty(context),
    }
    return [
        DoctorCheck(group=GROUP, name=name, look=look, advice=_advice(name))
        for name, look in looks.items()
    ]


def _advice(name: str) -> str:
    return f"if {name} is not down (its status page says so): compare address and key in its connection"


# --- whose webhooks come in ---


def _stripe(context: CheckContext) -> Iterable[CheckResult]:
    with context.collaborators() as rt:
        theirs = None
        for kind in READ_KINDS:
            name = f"Stripe: {kind}"
            try:
                theirs = rt.stripe.check(kind)
            except PermanentVendorError as error:
                yield failed(name, str(error), f"use a key that may read {kind}")
            else:
                yield ok(name, "can be read")
        yield _clock("Stripe", theirs, context)
        try:
            endpoints = rt.stripe.list_webhook_endpoints()
        except PermanentVendorError:
            yield warning(
                "Stripe: webhooks",
                "this key may not see where events are sent",
                f"see in Stripe's dashboard that all of these go to the relay: {_types()}",
            )
        else:
            yield _webhooks(endpoints)


def _webhooks(endpoints: list[WebhookEndpoint]) -> CheckResult:
    """Say whether Stripe sends every type of event that starts something."""
    name = "Stripe: webhooks"
    ours = [one for one in endpoints if one.url.rstrip("/").endswith(STRIPE_PATH)]
    advice = f"add an endpoint in Stripe's dashboard that ends in {STRIPE_PATH}"
    if not ours:
        return failed(name, "no endpoint of Stripe's leads to a relay", advice)
    sent = {plain_type("stripe", kind) for one in ours if one.is_enabled for kind in one.types}
    missing = set() if "*" in sent else STARTING_TYPES["stripe"] - sent
    if not any(one.is_enabled for one in ours):
        return failed(name, "the endpoint is disabled", "enable it in Stripe's dashboard")
    if missing:
        return failed(
            name,
            f"Stripe does not send {', '.join(sorted(missing))}",
            "add these events to the endpoint in Stripe's dashboard",
        )
    return ok(name, "Stripe sends all that we need")


def _types() -> str:
    return ", ".join(sorted(STARTING_TYPES["stripe"]))


def _clerk(context: CheckContext) -> Iterable[CheckResult]:
    with context.collaborators() as rt:
        theirs = rt.clerk.check()
    yield ok("Clerk: users", "can be read")
    yield _clock("Clerk", theirs, context)


def _clock(vendor: str, theirs: datetime | None, context: CheckContext) -> CheckResult:
    """Compare our clock with a vendor's: a signature is refused that is too old, or from the future."""
    name = f"{vendor}: clock"
    if theirs is None:
        return warning(
            name, "the answers do not say what time it is there", "see to our clock: NTP"
        )
    tolerance = (
        timedelta(seconds=context.relay.signature_tolerance_seconds)
        if context.relay
        else USUAL_TOLERANCE
    )
    skew = abs(context.clock.now() - theirs)
    words = f"ours and theirs are {skew.total_seconds():.0f} s apart"
    if skew >= tolerance:
        reason = f"{words}: webhooks signed now are refused"
        return failed(name, reason, "set this machine's clock, by NTP")
    if skew > SKEW_TOLD:
        return warning(
            name, f"{words}; {tolerance.total_seconds():.0f} s are borne", "set it by NTP"
        )
    return ok(name, words)


# --- whom jobs call ---


def _mailchimp(context: CheckContext) -> Iterable[CheckResult]:
    with context.collaborators() as rt:
        try:
            fields = rt.mailchimp.list_merge_fields()
        except VendorNotFoundError:
            advice = "set `list_id` in the extras of the connection to the audience's id"
            yield failed("Mailchimp: audience", "there is none of this id", advice)
        else:
            yield ok("Mailchimp: audience", "is there")
            yield _merge_fields(fields)
            yield _tags(rt.mailchimp.list_tags())
        yield _welcome(context, found=rt.mailchimp.check_welcome)


def _merge_fields(fields: list[MergeField]) -> CheckResult:
    name, named = "Mailchimp: merge fields", fields_named_by(shipped())
    kinds = {field.tag: field.type for field in fields}
    missing = [tag for tag in named if tag not in kinds]
    if missing:
        advice = "add them to the audience as fields of type text"
        return failed(name, f"the audience lacks {', '.join(missing)}", advice)
    if other := [tag for tag in named if kinds[tag] not in TEXT_FIELDS]:
        return failed(name, f"no text: {', '.join(other)}", "make them fields of type text")
    if needed := [one.tag for one in fields if one.is_required and one.tag not in named]:
        advice = "make them optional: members come without them, and the audience's own forms ask for them"
        return warning(name, f"the audience requires {', '.join(needed)}", advice)
    return ok(name, f"{', '.join(named)} are there")


def _tags(known: dict[str, int]) -> CheckResult:
    missing = sorted(set(STANDING_TAGS.values()) - set(known))
    later = f"; {', '.join(missing)} come with the first member" if missing else ""
    return ok("Mailchimp: tags", f"can be read{later}")


def _welcome(context: CheckContext, *, found: Callable[[], bool]) -> CheckResult:
    name, kind = "Mailchimp: welcome", context.jobs.welcome
    if kind == "off":
        return not_configured(name, "new members are not welcomed (OPS_WELCOME)")
    try:
        was_asked = found()
    except VendorNotFoundError:
        advice = "set `workflow_id` and `workflow_email_id` in the extras of the connection"
        return failed(name, f"Mailchimp does not know the {kind}", advice)
    if was_asked:
        return ok(name, f"the {kind} is there")
    return ok(name, f"the {kind}'s ids have the right form; no call shows it without starting it")


def _luma(context: CheckContext) -> Iterable[CheckResult]:
    with context.collaborators() as rt:
        events = rt.luma.list_events(after=context.clock.now())
        yield ok("Luma: events", "can be read")
        if not events.entries:
            yield ok("Luma: guests", "no event comes, so none could be read")
            return
        rt.luma.list_pending_guests(events.entries[0])
        yield ok("Luma: guests", "can be read")


# --- whom alerts are told by ---


def _channel(context: CheckContext, name: str, channel: str, well: str) -> Iterable[CheckResult]:
    """Have a channel of alerts ask whether it is known; nothing is sent."""
    with context.collaborators() as rt:
        if channel not in rt.alert_channels.defined():
            yield not_configured(name, "its connection is not defined")
            return
        rt.alert_channels[channel].check()
    yield ok(name, well)


def _pagerduty(context: CheckContext) -> Iterable[CheckResult]:
    with context.collaborators() as rt:
        if "pagerduty" not in rt.alert_channels.defined():
            yield not_configured("PagerDuty", "its connection is not defined")
            return
    yield ok(
        "PagerDuty",
        "only its key's form was looked at: `alerts check` makes a call, which wakes nobody",
    )
