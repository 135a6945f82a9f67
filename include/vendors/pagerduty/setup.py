"""PagerDuty, where alerts wake somebody by it: a service's key."""

from include.interview.env_file import EnvFile
from include.interview.keys import ask_key, is_used
from include.interview.prompts import heading, note
from include.vendors.pagerduty.manifest import KEY


def set_up(env: EnvFile) -> None:
    """Ask whether PagerDuty is used. No call tells whether it knows a key without waking somebody."""
    heading("PagerDuty")
    if not is_used("PagerDuty", "pagerduty", env, what="alerts that wake somebody"):
        return
    known = env.connection("pagerduty")
    key = ask_key(
        "Integration key of the Events API v2 (32 characters)",
        existing=known.get("password", ""),
        form=KEY,
        try_it=lambda _key: None,
        advice="Take it from the service at PagerDuty, Integrations, Events API V2.",
    )
    host = known.get("host") or "https://events.pagerduty.com/v2"
    env.set_connection("pagerduty", {**known, "conn_type": "http", "host": host, "password": key})
    note(
        "Only its form was looked at: a call would wake somebody (`./ops alerts check` makes one that wakes nobody)."
    )
