"""What the steps of this job call things."""

ACTOR = "system:deactivation"
DEACTIVATED = "member:deactivated"
