"""The job `mailchimp_sync`: member state from events → platform tables → Mailchimp → audit.

Four steps, each with its helpers in a module; each may be called again at any point, alone or with those after it. What
they hand to each other is in `ops.run_members`: the members of the run, and what came of each.
"""
