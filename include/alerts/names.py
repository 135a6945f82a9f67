"""What a condition may speak of: a closed list, so that a slip of the pen is refused and not never true.

Each name is a number over the rule's `window`, or one of the present. `docs/metrics.md` defines each, `docs/alerts.md`
says how the rules use them.
"""

from __future__ import annotations

from typing import Final

JOB: Final = "job_name"
"""The one name that is compared with a text: it selects whose numbers are looked at."""

NUMBERS: Final[dict[str, str]] = {
    "failure_rate": "failed or lost runs per ended run, 0 to 1; unknown below `min_samples` ended runs",
    "success_rate": "successful runs per ended run, 0 to 1; unknown below `min_samples` ended runs",
    "failure_count": "runs that failed or were lost",
    "success_count": "runs that succeeded",
    "lost_count": "runs that ended without a word",
    "total_runs": "runs that ended, well or not",
    "average_seconds": "mean duration of ended runs; unknown below `min_samples` ended runs",
    "p95_seconds": "95th percentile of the duration of ended runs; unknown below `min_samples` ended runs",
    "latency_p50_seconds": "median from received to processed; unknown where nothing was processed",
    "latency_p95_seconds": "95th percentile from received to processed; unknown where nothing was processed",
    "late_count": "inbox rows processed later than two minutes after they were received",
    "error_rate": "failed or dead rows per ended inbox row, 0 to 1; unknown where none ended",
    "running_jobs": "runs that are under way, now",
    "queued_jobs": "inbox rows that no run has begun with, now",
    "dlq_count": "dead letters that are open, now",
    "oldest_waiting_seconds": "how long the oldest row has been due and has not ended, now; 0 where none is",
    "refused_count": "requests for webhooks that relays refused, whatever the reason",
    "missed_events": "events that a vendor had, that came by no webhook, and that reconciliation read in",
    "silent_minutes": "for how long webhooks have not come as they should, now; 0 where they do",
    "last_error_age_seconds": "how long ago the last run failed; unknown where none ever did",
}

SAMPLED: Final = frozenset({"failure_rate", "success_rate", "average_seconds", "p95_seconds"})
"""Numbers that say nothing of few runs: unknown below a rule's `min_samples`."""

OF_THE_PRESENT: Final = frozenset(
    {"queued_jobs", "dlq_count", "oldest_waiting_seconds", "silent_minutes"}
)
"""Numbers that cannot be asked of the past: of a minute that was missed they are unknown."""

OF_WEBHOOKS: Final = frozenset({"refused_count", "missed_events", "silent_minutes"})
"""Numbers about webhooks and no job: a message of such a rule says why they do not come."""
