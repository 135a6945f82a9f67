"""Airflow's connections: is each defined that jobs need, with a key of its vendor's form, at its vendor's address."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from airflow.sdk.exceptions import AirflowNotFoundException

from include.alerts.rules import load, others
from include.check_results import DoctorCheck, failed, not_configured, ok, warning
from include.dagkit.collaborators import account_of
from include.operate.doctor.forms import is_in_the_clear
from include.vendors.clerk.manifest import KEY as CLERK_KEY
from include.vendors.manifest import Need
from include.vendors.manifests import MANIFESTS
from include.vendors.stripe.manifest import KEY as STRIPE_KEY

if TYPE_CHECKING:
    from collections.abc import Iterable

    from include.check_results import CheckContext, CheckResult
    from include.vendors.manifest import VendorAccount

GROUP: Final = "Airflow's connections"


NEEDS: Final = {
    "ops_postgres": Need(key=r".*"),  # Postgres may know us without a password
    "airflow_postgres": Need(key=r".*"),
    "airflow": Need(login=r"\S+"),
} | {name: need for vendor in MANIFESTS.values() for name, need in vendor.needs.items()}
"""What `airflow_settings.yaml` has, as far as jobs use it."""

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
    except AirflowNotFoundException:
        yield _missing(connection, need, advice)
        return
    if wrong := _wrong_in(account, need) or need.wrong(account, context.jobs):
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
    if need.only_for and not _is_set(*need.only_for):
        reason = (
            f"only `{need.only_for[1]}` of `{need.only_for[0]}` needs it, which is not set either"
        )
        return not_configured(connection, reason)
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


def _is_set(connection: str, extra: str) -> bool:
    try:
        return bool(account_of(connection).extra.get(extra))
    except AirflowNotFoundException:
        return False


def _wrong_in(account: VendorAccount, need: Need) -> str:
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
    return ""


def _address_of(account: VendorAccount) -> str:
    """Return where it leads to; Slack's package knows its own address."""
    return account.host or str(account.extra.get("base_url", "https://slack.com/api/"))


def _is_at_vendor(account: VendorAccount, need: Need) -> bool:
    return re.fullmatch(need.host, urlsplit(_address_of(account)).hostname or "") is not None


def _is_stand_in(account: VendorAccount, need: Need) -> bool:
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
    except AirflowNotFoundException:
        return None
    return match["mode"] if match else None
