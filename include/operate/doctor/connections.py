"""Airflow's connections: is each defined that jobs need, with a key of its vendor's form, at its vendor's address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from include.alerts.rules import load, others
from include.dagkit.collaborators import account_of
from include.operate.doctor.findings import DoctorCheck, failed, not_configured, ok, warning
from include.operate.doctor.forms import (
    CLERK_KEY,
    MAILCHIMP_KEY,
    PAGERDUTY_KEY,
    SLACK_BOT,
    SLACK_USER,
    STRIPE_KEY,
    TWILIO_ACCOUNT,
    is_in_the_clear,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from include.operate.doctor.check_context import CheckContext
    from include.operate.doctor.findings import CheckResult
    from include.vendors.alert_channels import ChannelAccount

GROUP: Final = "Airflow's connections"


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """A connection: what its key looks like, and where its vendor is (a pattern of the host; empty: anywhere)."""

    key: str = r".+"
    host: str = ""
    login: str = ""
    extras: tuple[str, ...] = ()
    channel: str = ""  # only alert rules need it that name this channel
    without: str = ""  # what is not done where it is not used; empty: it cannot be done without


NEEDS: Final = {
    "ops_postgres": Need(key=r".*"),  # Postgres may know us without a password
    "airflow_postgres": Need(key=r".*"),
    "airflow": Need(login=r"\S+"),
    "stripe": Need(key=STRIPE_KEY, host=r"api\.stripe\.com"),
    "clerk": Need(key=CLERK_KEY, host=r"api\.clerk\.(com|dev)"),
    "mailchimp": Need(
        key=MAILCHIMP_KEY, host=r"[a-z]+[0-9]+\.api\.mailchimp\.com", extras=("list_id",)
    ),
    "luma": Need(host=r"public-api\.lu(ma\.com|\.ma)", without="nobody is let in to events"),
    "slack": Need(
        key=SLACK_BOT,
        host=r"(www\.)?slack\.com",
        extras=("ops_channel", "staff_channel"),
        channel="slack",
        without="nobody is told there, and members' marks and rooms are left alone",
    ),
    "slack_admin": Need(key=SLACK_USER, host=r"(www\.)?slack\.com"),
    "smtp": Need(key=r".*", extras=("from",), channel="email"),
    "pagerduty": Need(
        key=PAGERDUTY_KEY, host=r"events\.(eu\.)?pagerduty\.com", channel="pagerduty"
    ),
    "twilio": Need(
        login=TWILIO_ACCOUNT, host=r"api(\.\w+)*\.twilio\.com", extras=("from",), channel="sms"
    ),
}
"""What `airflow_settings.yaml` has, as far as jobs use it."""

WELCOME_EXTRAS: Final = {
    "journey": {"journey_id": r"[0-9]+", "journey_step_id": r"[0-9]+"},
    "automation": {"workflow_id": r"\w+", "workflow_email_id": r"\w+"},
}
ADVICE: Final = "set AIRFLOW_CONN_{} (.env.example has an example), or add it in Airflow's UI"


def checks(context: CheckContext) -> list[DoctorCheck]:
    """Return one check per connection, and one that compares live with test."""
    each = [
        DoctorCheck(
            group=GROUP,
            name=connection,
            look=lambda connection=connection: _look(connection, context),  # type: ignore[misc]
            advice=ADVICE.format(connection.upper()),
        )
        for connection in NEEDS
    ]
    advice = "use keys of the same kind everywhere, and set OPS_CLERK_MODE to that of Clerk's"
    mode = DoctorCheck(
        group=GROUP, name="live or test", look=lambda: _live_or_test(context), advice=advice
    )
    return [*each, mode]


def _look(connection: str, context: CheckContext) -> Iterable[CheckResult]:
    need, advice = NEEDS[connection], ADVICE.format(connection.upper())
    try:
        account = account_of(connection)
    except LookupError:
        yield _missing(connection, need, advice)
        return
    if wrong := _wrong_in(account, need) or _wrong_in_welcome(connection, account, context):
        yield failed(connection, wrong, advice)
    elif need.host and not _is_at_vendor(account, need) and not context.has_stand_ins:
        shown = urlsplit(_address_of(account)).hostname or "no address"
        yield warning(
            connection,
            f"leads to {shown}, which is not the vendor's own address",
            "right for a trial with the sandbox; for production set the vendor's address",
        )
    else:
        yield ok(
            connection, "is defined" + (" (a stand-in)" if _is_stand_in(account, need) else "")
        )


def _missing(connection: str, need: Need, advice: str) -> CheckResult:
    if connection == "slack_admin" and not _has_profile_field():
        return not_configured(
            connection, "only the profile field needs it, which is not set either"
        )
    if need.channel and any(target.channel == need.channel for target in others(load())):
        reason = (
            "is not defined, though alert rules tell people by it: the next channel is used instead"
        )
        return warning(connection, reason, advice)
    if need.without or need.channel:
        return not_configured(
            connection, f"is not used: {need.without or 'no alert rule needs it'}"
        )
    return failed(connection, "is not defined: jobs that need it fail", advice)


def _has_profile_field() -> bool:
    try:
        return bool(account_of("slack").extra.get("profile_field"))
    except LookupError:
        return False


def _wrong_in(account: ChannelAccount, need: Need) -> str:
    """Say what cannot be right, without saying what is there."""
    if not re.fullmatch(need.key, account.password):
        return (
            "its password has not the form of this vendor's key"
            if account.password
            else "has no key"
        )
    if need.login and not re.fullmatch(need.login, account.login):
        return "its login has not the right form" if account.login else "has no login"
    if missing := [name for name in need.extras if not account.extra.get(name)]:
        return f"its extras lack {', '.join(missing)}"
    if need.host and is_in_the_clear(_address_of(account)):
        return "its address is not encrypted: keys would be sent in the clear"
    centre = re.fullmatch(MAILCHIMP_KEY, account.password)
    host = urlsplit(account.host).hostname or ""
    if need.key == MAILCHIMP_KEY and _is_at_vendor(account, need) and centre:
        wanted = centre["centre"]
        if not host.startswith(f"{wanted}."):
            return f"its key is of the data centre {wanted}, its address of another one"
    return ""


def _wrong_in_welcome(connection: str, account: ChannelAccount, context: CheckContext) -> str:
    """Say what Mailchimp's connection lacks to welcome new members as the setting says."""
    needed = WELCOME_EXTRAS.get(context.jobs.welcome, {}) if connection == "mailchimp" else {}
    wrong = [
        name
        for name, form in needed.items()
        if not re.fullmatch(form, str(account.extra.get(name, "")))
    ]
    return f"its extras lack {', '.join(wrong)} or they have not the right form" if wrong else ""


def _address_of(account: ChannelAccount) -> str:
    """Return where it leads to; Slack's package knows its own address."""
    return account.host or str(account.extra.get("base_url", "https://slack.com/api/"))


def _is_at_vendor(account: ChannelAccount, need: Need) -> bool:
    return re.fullmatch(need.host, urlsplit(_address_of(account)).hostname or "") is not None


def _is_stand_in(account: ChannelAccount, need: Need) -> bool:
    return bool(need.host) and not _is_at_vendor(account, need)


def _live_or_test(context: CheckContext) -> Iterable[CheckResult]:
    """Compare what the keys say with each other, and with the setting: Clerk's events do not say it themselves."""
    modes = {"stripe": _mode_of("stripe", STRIPE_KEY), "clerk": _mode_of("clerk", CLERK_KEY)}
    name = "live or test"
    setting = context.relay.clerk_mode if context.relay else None
    if None in modes.values():
        return
    if setting not in (None, modes["clerk"]):
        yield failed(
            name,
            f"Clerk's key is {modes['clerk']}, OPS_CLERK_MODE says {setting}",
            "set OPS_CLERK_MODE to the kind of the Clerk instance whose webhooks come in",
        )
    elif modes["stripe"] != modes["clerk"]:
        yield warning(
            name,
            f"Stripe's key is {modes['stripe']}, Clerk's {modes['clerk']}",
            "use keys of the same kind, or members of one are looked for among those of the other",
        )
    else:
        yield ok(name, f"all is {modes['clerk']}")


def _mode_of(connection: str, key: str) -> str | None:
    try:
        match = re.fullmatch(key, account_of(connection).password)
    except LookupError:
        return None
    return match["mode"] if match else None
