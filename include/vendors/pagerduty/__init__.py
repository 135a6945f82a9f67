"""PagerDuty: how it is called."""
