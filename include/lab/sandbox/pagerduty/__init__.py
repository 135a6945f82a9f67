"""PagerDuty's Events API v2, as far as it is used."""
