"""The job `slack_status_sync`: members' marks and rooms at Slack follow their membership.

Slack's own state is the journal: what differs from what should be is computed anew by every run, so that a rerun, a run
that was cut off, or a change by hand needs no care. What is ours is who is who, and since when somebody has lapsed.
"""
