"""One minute's watch: evaluate, deliver, and say that the watcher is alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from include.alerts.rules import load, others
from include.errors import VendorUnavailableError
from include.jobs.alert_rules.evaluate import evaluate
from include.jobs.alert_rules.numbers import StoredNumbers
from include.jobs.alert_rules.report import examples_from
from include.notify.alerts import deliver
from include.vendors import dead_man

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from include.alerts.channels import AlertChannel
    from include.clock import Clock
    from include.links import Links
    from include.notify.alerts import AlertDelivery
    from include.store import Store

log = structlog.get_logger(__name__)


def watch(  # noqa: PLR0913 - the watcher's world
    *,
    store: Store,
    channels: Mapping[str, AlertChannel],
    links: Links,
    signal_url: SecretStr | None,
    timeout_seconds: float,
    clock: Clock,
) -> AlertDelivery:
    """Do what is to be done each minute.

    The dead-man's signal says that somebody would hear of an alert: it stays away when one reached nobody.
    """
    now = clock.now()
    rules = load()
    evaluate(
        rules,
        store=store,
        numbers=StoredNumbers(store, now=now),
        examples=examples_from(store, airflow_url=links.airflow_url.rstrip("/")),
        links=links,
        now=now,
    )
    delivery = deliver(store=store, channels=channels, instead=others(rules), clock=clock)
    if signal_url is not None and not delivery.unheard:
        _signal(signal_url, timeout_seconds)
    return delivery


def _signal(url: SecretStr, timeout_seconds: float) -> None:
    """Say that the watcher is alive; that this fails is what the outside check notices by itself."""
    try:
        dead_man.signal(url.get_secret_value(), timeout_seconds=timeout_seconds)
    except VendorUnavailableError as error:
        log.warning("alert_rules.no_signal", reason=str(error))
