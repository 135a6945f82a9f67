"""How often and how fast tasks are tried again: a few sets, each with its reason."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from airflow.sdk import RetryDecision, RetryPolicy

VENDOR_RETRIES: Final[dict[str, Any]] = {
    # A vendor's hiccup is over in seconds: pauses of 3-6, 6-12 and 12-24 s (Airflow spreads them) are
    # over within a minute, so all four tries and their time-outs fit into a run's five minutes.
    "retries": 3,
    "retry_delay": timedelta(seconds=3),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(seconds=30),
}
BATCH_RETRIES: Final[dict[str, Any]] = {
    # As VENDOR_RETRIES, but what fails a batch for longer than 7-14 s goes to `webhook_retry`, which has half a
    # minute more for it alone, and the others of the batch are done with.
    "retries": 3,
    "retry_delay": timedelta(seconds=1),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(seconds=10),
}
STORE_RETRIES: Final[dict[str, Any]] = {
    # Only Postgres can fail: a restart of it takes some seconds.
    "retries": 3,
    "retry_delay": timedelta(seconds=2),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(seconds=30),
}
NO_RETRIES: Final[dict[str, Any]] = {
    # A job that comes again by itself, and does then what this run has left.
    "retries": 0,
    "retry_delay": timedelta(seconds=1),
    "retry_exponential_backoff": 0.0,
    "max_retry_delay": None,
}


class PowersOfTwo(RetryPolicy):
    """Pauses of exactly 2, 4, 8 … s after the tries since the task was last cleared: Airflow's own are spread."""

    def __init__(self, retries: int) -> None:
        """Take the task's number of retries."""
        self._retries = retries

    def evaluate(
        self,
        exception: BaseException,  # noqa: ARG002 - whatever failed
        try_number: int,
        max_tries: int,
        context: Any = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Return when the next try is due; not whether there is one, that is Airflow's."""
        number = max(1, try_number - (max_tries - self._retries))
        return RetryDecision.retry(delay=timedelta(seconds=2**number))


POWERS_OF_TWO: Final[dict[str, Any]] = {
    # What failed in a batch: five tries within 31 s, the first 1 s after the batch. Should the policy fail,
    # Airflow's own pauses are about as long.
    "retries": 4,
    "retry_delay": timedelta(seconds=2),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(seconds=30),
    "retry_policy": PowersOfTwo(4),
}
RETRY_SETS: Final = (VENDOR_RETRIES, BATCH_RETRIES, STORE_RETRIES, NO_RETRIES, POWERS_OF_TWO)
