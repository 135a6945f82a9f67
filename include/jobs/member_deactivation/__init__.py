"""The job `member_deactivation`: a membership ends when its paid period does.

Four steps after the wait, each of which may be called again at any point, alone or with those after it. What
they hand to each other is in `ops.deactivations`: the rows that the run has taken, and how far each is. A run
takes all rows that are due, whosever it was made for. Mailchimp is brought in line by the very step of
`mailchimp_sync` that does it otherwise: it looks at nothing but the platform's tables.
"""
