"""Who watches the watcher: the relay raises what Airflow cannot, because it runs without it.

`airflow_unreachable`: Airflow's API has not answered for a minute. `alert_rules_stopped`: the alert rules have
not been evaluated for five. Each is told once when it begins and once when it ends, whatever relays there are:
they agree through `ops.relay_alarms`. Each address is told by itself: one that takes nothing is tried again, less and
less often, and holds up no other. Without Postgres nothing is told
here; then the dead-man's signal of the alert rules stays away too, and whoever waits for it raises the alarm.
"""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from hashlib import sha256
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

import httpx
import psycopg
import structlog

from include.notify.sending import SendPolicy
from include.relay.airflow_health import TIMEOUT, AirflowHealth, read_airflow_health

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from include.clock import Clock
    from include.settings import Settings
    from include.store import Store
    from include.store.relay_alarms import Alarm

log = structlog.get_logger("relay.watch")

TURN_SECONDS: Final = 10.0
SOON_SECONDS: Final = 2.0  # while Airflow does not answer: that it is back is seen at once
ANOTHER_RELAY: Final = timedelta(seconds=35)  # three turns: what another one saw so lately holds
SILENCE_TIMEOUT: Final = {
    "airflow_unreachable": timedelta(minutes=1),
    "alert_rules_stopped": timedelta(minutes=5),
}
JUST_HEARD: Final = {
    "airflow_unreachable": timedelta(0),  # in this turn
    "alert_rules_stopped": timedelta(minutes=2),  # they run each minute
}
POLICY: Final = SendPolicy(
    first_pause=timedelta(seconds=TURN_SECONDS), longest_pause=timedelta(minutes=10)
)


class HealthMonitor:
    """Looks at Airflow and at the alert rules, turn by turn."""

    def __init__(self, settings: Settings, *, connect: Callable[[], Store], clock: Clock) -> None:
        """Count silence from now on."""
        self._settings = settings
        self._connect = connect
        self._clock = clock
        self._urls = {
            name_of(url.get_secret_value()): url.get_secret_value() for url in settings.watch_urls
        }
        self._failed: dict[str, int] = {}  # attempts in a row that an address did not take
        self._next_try_at: dict[str, datetime] = {}
        self._airflow_url = settings.airflow_url.rstrip("/")
        self._client = httpx.Client(timeout=TIMEOUT)  # one for all: each has the CA certificates
        self._began_at = clock.now()
        self._answered_at: datetime | None = None
        self.health = AirflowHealth(problem="Airflow has not been asked yet")
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the turn that is going on."""
        self._stopping.set()
        self._thread.join(timeout=5)
        if not self._thread.is_alive():
            self._client.close()

    def turn(self) -> None:
        """Look once, and tell what is new."""
        self.health = read_airflow_health(self._client, self._airflow_url)
        now = self._clock.now()
        if self.health.problem is None:
            self._answered_at = now
        try:
            with closing(self._connect()) as store:
                self._assess(store, now)
                self._tell(store, now)
        except psycopg.Error as error:
            log.warning("watch.no_database", problem=type(error).__name__)

    def _assess(self, store: Store, now: datetime) -> None:
        """Raise or end both alarms."""
        self._settle(
            store,
            "airflow_unreachable",
            heard_at=self._answered_at,
            words=self.health.problem or "Airflow does not answer",
            now=now,
        )
        self._settle(
            store,
            "alert_rules_stopped",
            heard_at=store.alerts.evaluated_at(),
            words="the alert rules are not evaluated: no rule can fire",
            now=now,
        )

    def _settle(
        self, store: Store, name: str, *, heard_at: datetime | None, words: str, now: datetime
    ) -> None:
        """Raise the alarm after a long silence, end it when something was just heard.

        A relay that was started a moment ago has listened to no silence: it leaves things as they are.
        """
        timeout = SILENCE_TIMEOUT[name]
        if heard_at and now - heard_at <= JUST_HEARD[name]:
            store.relay_alarms.end(name, now=now, unless_wrong_after=now - ANOTHER_RELAY)
        elif now - max(heard_at or self._began_at, self._began_at) >= timeout:
            store.relay_alarms.sound(name, words=words, now=now)

    def _tell(self, store: Store, now: datetime) -> None:
        with store.transaction():
            for alarm in store.relay_alarms.lock_untold():
                known = set(alarm.told_urls)
                untold = [name for name in self._urls if name not in known]
                told = known | {name for name in untold if self._takes(name, alarm, now)}
                is_all = told >= self._urls.keys()
                if is_all or told != known:
                    state = "firing" if alarm.ended_at is None else "resolved"
                    log.warning("watch.alarm", alarm=alarm.name, state=state, words=alarm.words)
                    store.relay_alarms.set_told(alarm.name, told, is_all=is_all, now=now)

    def _takes(self, name: str, alarm: Alarm, now: datetime) -> bool:
        """Post it to an address, unless that has just failed; say whether it took it."""
        if now < self._next_try_at.get(name, now):
            return False
        problem = self._problem_with(self._urls[name], {"text": text_of(alarm, self._settings)})
        if problem is None:
            self._failed.pop(name, None)
            return True
        log.warning("watch.not_told", alarm=alarm.name, problem=problem)
        self._failed[name] = self._failed.get(name, 0) + 1
        self._next_try_at[name] = now + POLICY.pause_after(self._failed[name])
        return False

    def _problem_with(self, url: str, document: dict[str, str]) -> str | None:
        """Post to an address; return why it did not take it."""
        try:
            answer = self._client.post(url, json=document)
        except httpx.HTTPError as error:
            return type(error).__name__
        return None if answer.is_success else f"answers {answer.status_code}"

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.turn()
            except Exception:  # the thread's outermost: it must not end
                log.exception("watch.bug")
            self._stopping.wait(TURN_SECONDS if self.health.problem is None else SOON_SECONDS)


def name_of(url: str) -> str:
    """Return what stands for an address that may hold a secret."""
    return sha256(url.encode()).hexdigest()[:16]


def text_of(alarm: Alarm, settings: Settings) -> str:
    """Return the message: what, since when, what to look at first, and where to read on."""
    since = f"{alarm.since:%Y-%m-%d %H:%M:%S} UTC"
    if alarm.ended_at is None:
        runbook = f"{settings.runbook_url.rstrip('/') or 'docs/runbooks'}/{alarm.name}.md"
        look = f"Look first: {settings.command} status"
        return f"{alarm.name}: {alarm.words}. Raised {since} by the relay. {look}. {runbook}"
    lasted = round((alarm.ended_at - alarm.since).total_seconds())
    return f"{alarm.name} resolved: it lasted {lasted} s, raised {since}."
