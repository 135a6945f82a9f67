"""The job `database_cleanup`: what the retention rules say is removed.

`include/retention.yaml` has the days, `queries/retention.sql` the rows.

Small batches, each a transaction of its own, so that nobody waits behind a long one; what is left when the time is
over is for the next night. A dry run counts with the same conditions and removes nothing.
"""
