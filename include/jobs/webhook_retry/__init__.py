"""The job `webhook_retry`: what failed in a batch is tried again alone, with the same code, and then it is dead.

A run has the events of one member that failed together, or one event. A try does all steps of the events' own
job. Its failure is written down with its times, and raised: Airflow comes again after 2, 4, 8 and 16 s, the
first try is due 1 s after the batch. Where a person has decided so, the half-done effect is undone instead.
"""
