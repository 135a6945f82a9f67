"""The job `database_cleanup`: what the retention rules say is removed.

`include/retention.yaml` has the days, `queries/retention.sql` the rows.

Small batches, each a transaction of its own, so that nobody waits behind a long one; what is left when the time is
over is for the next night. A dry run counts with the same conditions and removes nothing.
"""

from include.jobs.database_cleanup.decide import RetentionRules, load_rules
from include.jobs.database_cleanup.report import words_of
from include.jobs.database_cleanup.steps import clean_airflow, clean_logs, clean_ops

__all__ = [
    "RetentionRules",
    "clean_airflow",
    "clean_logs",
    "clean_ops",
    "load_rules",
    "words_of",
]
