"""Settings and secrets: are they there, and of the form that their maker gives them."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from include.check_results import DoctorCheck, failed, not_configured, ok, warning
from include.operate.doctor.forms import is_in_the_clear
from include.vendors.manifests import EVENT_SECRETS, MANIFESTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic import SecretStr

    from include.check_results import CheckContext, CheckResult
    from include.settings import Settings
    from include.vendors.manifest import WebhookSecret

GROUP: Final = "settings and secrets"
SHORTEST_PASSWORD: Final = 16  # as `prepare_production` wants them
SHORTEST_JWT_SECRET: Final = 32
ROTATED: Final = 2  # secrets of one vendor while one is rotated


def checks(
    context: CheckContext, *, wrong: Mapping[str, str], airflow: Mapping[str, str]
) -> list[DoctorCheck]:
    """Return the checks; `wrong` is what could not be read, by whose settings, `airflow` Airflow's own keys."""
    relay = context.relay
    looks = {
        "settings": lambda: _settings(wrong),
        "webhook secrets": lambda: _webhook_secrets(relay),
        "relay's password": lambda: _password(relay),
        "Airflow's keys": lambda: _airflow_keys(airflow),
        "addresses": lambda: _addresses(context, airflow),
    }
    advice = ".env.example says what each setting is and how it is made"
    return [
        DoctorCheck(group=GROUP, name=name, look=look, advice=advice)
        for name, look in looks.items()
    ]


def _settings(wrong: Mapping[str, str]) -> Iterable[CheckResult]:
    for whose in ("jobs", "relay"):
        name = f"settings of the {whose}"
        if whose in wrong:
            yield failed(name, wrong[whose], "set it in .env or in the environment")
        else:
            yield ok(name, "can be used")


def _webhook_secrets(relay: Settings | None) -> Iterable[CheckResult]:
    if relay is None:
        return
    for vendor, secret in EVENT_SECRETS.items():
        secrets = getattr(relay, secret.variable.removeprefix("OPS_").lower())
        yield _secrets(MANIFESTS[vendor].title, secrets, secret)


def _secrets(vendor: str, secrets: Sequence[SecretStr], secret: WebhookSecret) -> CheckResult:
    name, setting = f"{vendor}'s webhook secret", secret.variable
    where = f"copy it from {vendor}'s dashboard, where the webhook endpoint is, to {setting}"
    malformed = sum(not secret.is_one(one.get_secret_value()) for one in secrets)
    if not secrets:
        return failed(name, "none is set, so that every webhook is refused", where)
    if malformed:
        return failed(name, f"{malformed} of {len(secrets)} has not the form of one", where)
    if len(secrets) > ROTATED:
        return warning(
            name, f"{len(secrets)} are taken", f"take those out of {setting} that are old"
        )
    return ok(name, "is being rotated: two are taken" if len(secrets) == ROTATED else "is set")


def _password(relay: Settings | None) -> Iterable[CheckResult]:
    if relay is None:
        return
    name = "password of the relay at Airflow"
    length = len(relay.airflow_password.get_secret_value())
    if length < SHORTEST_PASSWORD:
        found = f"has {length} characters" if length else "is not set"
        yield failed(
            name, found, f"set OPS_AIRFLOW_PASSWORD, {SHORTEST_PASSWORD} characters or more"
        )
    else:
        yield ok(name, "is set")


def _airflow_keys(airflow: Mapping[str, str]) -> Iterable[CheckResult]:
    yield _fernet_key(airflow.get("fernet_key", ""))
    name, length = "Airflow's JWT secret", len(airflow.get("jwt_secret", ""))
    if length < SHORTEST_JWT_SECRET:
        advice = (
            "set AIRFLOW_JWT_SECRET (AIRFLOW__API_AUTH__JWT_SECRET), the same for all processes"
        )
        yield failed(name, f"has {length} characters: who guesses it may do anything", advice)
    else:
        yield ok(name, "is set")


def _fernet_key(keys: str) -> CheckResult:
    name = "Airflow's Fernet key"
    advice = "set AIRFLOW_FERNET_KEY (AIRFLOW__CORE__FERNET_KEY); .env.example says how one is made"
    if not keys:
        return warning(name, "none is set: connections are kept in the clear", advice)
    try:
        for key in keys.split(","):
            Fernet(key)
    except (binascii.Error, ValueError):
        return failed(name, "is not the base64 of 32 bytes", advice)
    return ok(name, "is set")


def _addresses(context: CheckContext, airflow: Mapping[str, str]) -> Iterable[CheckResult]:
    """Say whether what is called to tell somebody has the form of an address: a call would tell her."""
    signal = context.jobs.alert_signal_url
    yield _address(
        "dead man's switch",
        [signal.get_secret_value()] if signal else [],
        setting="OPS_ALERT_SIGNAL_URL",
        without="nobody notices when the alert rules are evaluated no more",
    )
    yield _address(
        "addresses of the relay's own alerts",
        [url.get_secret_value() for url in (context.relay.watch_urls if context.relay else ())],
        setting="OPS_WATCH_URLS",
        without="what the relay has to say is in its log, /health/jobs and /metrics only",
    )
    yield _address(
        "Sentry",
        [airflow["sentry_dsn"]] if airflow.get("sentry_on", "").lower() == "true" else [],
        setting="AIRFLOW__SENTRY__SENTRY_DSN",
        without="it is turned off",
    )


def _address(name: str, urls: Sequence[str], *, setting: str, without: str) -> CheckResult:
    if not urls:
        return not_configured(name, without)
    if not all(_is_url(url) for url in urls):
        return failed(name, "is no http address", f"set {setting} to an https address")
    if any(is_in_the_clear(url) for url in urls):
        return warning(name, "is called without encryption", f"set {setting} to an https address")
    return ok(name, "has the right form; it was not called, for a call would tell somebody")


def _is_url(text: str) -> bool:
    try:
        url = urlsplit(text)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.hostname)
