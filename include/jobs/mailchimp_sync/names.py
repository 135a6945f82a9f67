"""What the steps of this job call things."""

JOB = "mailchimp_sync"
ACTOR = f"system:{JOB}"
WELCOME = "welcome"  # the effect's name in the journal
