"""What has come of a run, in the form in which it is compared: all tables, all vendors, no name that chance gave."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

VENDORS = (
    "stripe",
    "clerk",
    "mailchimp",
    "luma",
    "slack",
    "mail",
    "pagerduty",
    "twilio",
)
HISTORY = {
    "ops.job_runs": "how a run went",
    "ops.reconciliations": "what a run has looked at",
    "ops.cron_ticks": "when a run began",
    "ops.dead_letter_attempts": "tries that failed",
    "ops.dead_letters": "what has failed once; none may be left open",
    "ops.dead_letter_rows": "which rows those were",
    "ops.reviews": "what one run asked and was answered",
    "ops.run_members": "what one run found and did; the audit log has the changes",
    "ops.alert_samples": "what the rules saw, minute by minute",
    "ops.notices": "what people were told of failures",
    "ops.notice_runs": "of which failures",
    "ops.breakers": "when a vendor was down last",
    "ops.webhook_checks": "up to when a vendor was asked last",
    "ops.silences": "which webhooks had not come by then",
    "ops.audit_log": "compared change by change",
    "public.alembic_version": "not ours to change",
}
"""Tables that tell how things came about: they may differ where more had to be done for the same."""
WAYS = {
    "id",
    "attempts",
    "tries",
    "dag_run_id",
    "taken_by",
    "reason",
    "problem",
    "synced_at",
    "event_id",
}
"""The same of columns."""
CHANGES = (
    "SELECT action, before, after FROM ops.audit_log WHERE before IS DISTINCT FROM after"
    " AND target NOT LIKE 'dead_letter:%%' AND target NOT LIKE 'breaker:%%'"
)
OPEN_LETTERS = (
    "SELECT count(*) AS count FROM ops.dead_letters"
    " WHERE state IN ('retrying', 'open', 'replaying', 'compensating')"
)
TABLES = (
    "SELECT table_schema || '.' || table_name AS name FROM information_schema.tables"
    " WHERE table_schema IN ('ops', 'public') AND table_type = 'BASE TABLE'"
)
UUIDS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MOMENTS = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:[\d.]+)?(Z|[+-]\d\d:?\d\d)?"
    r"|\w{3}, \d\d? \w{3} \d{4} \d\d:\d\d:\d\d( [+-]\d{4})?"  # of a mail
    r"|\b\d{8}T\d{6}Z\b"
    r"|\b\d\d:\d\d(:\d\d)?\b"
)
NAMES = re.compile(
    r"\b(cus|sub|si|evt|msg|user|idn|cs|in|pi|py|pm|ch|re|req|price|prod)_\w+"  # of the vendors with prefixes
    r"|\b(?=[a-z]*[-_]?[A-Zg]{0,2}[a-fA-F]*\d)([a-z]{1,9}[-_])?[A-Zg]{0,2}[0-9a-fA-F]{8,}(\.\d+)?\b"
    r"|\b([0-9A-F]{8}|[0-9a-f]{10})\b"  # one in some thousands has no digit
    r"|\bv1,[\w+/]+=*"  # signatures
)


def outcome(world: Any) -> Counter[str]:
    """Return the state of the world, as lines."""
    tables = [row["name"] for row in world.query(TABLES) if row["name"] not in HISTORY]
    parts = {
        **{table: rows(world, f"SELECT * FROM {table}") for table in tables},  # noqa: S608 - of the catalog
        **{vendor: world.sandbox.ask("GET", f"state/{vendor}") for vendor in VENDORS},
        "changes": rows(world, CHANGES),
        "open letters": world.query(OPEN_LETTERS),
        "welcomes": world.welcomes(),
    }
    return Counter(line for name, part in parts.items() for line in lines(name, part))


def rows(world: Any, statement: str) -> list[str]:
    """Return what a query finds, each row as a line."""
    found = world.query(statement)
    kept = [{name: one for name, one in row.items() if name not in WAYS} for row in found]
    return [orjson.dumps(plain(row), option=orjson.OPT_SORT_KEYS).decode() for row in kept]


def lines(place: str, value: Any) -> Iterator[str]:
    """Return what a value holds, a line for each leaf: lists are taken without their order."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from lines(f"{place}.{plain(name)}", one)
    elif isinstance(value, list):
        for one in value:
            yield from lines(place, one)
    else:
        yield f"{place}: {plain(value)}"


def plain(value: Any) -> Any:
    """Return a value without what chance and the clock have put into it."""
    if isinstance(value, dict):
        return {plain(name): plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, str):
        return scrubbed(value)
    if isinstance(value, datetime | UUID | bytes):
        return f"<{type(value).__name__}>"
    is_moment = isinstance(value, int | float) and value > 1e9
    return "<moment>" if is_moment else value


def scrubbed(text: str) -> str:
    """Return a text without ids and moments."""
    text = UUIDS.sub("<uuid>", MOMENTS.sub("<moment>", text))
    return NAMES.sub("<name>", text)


def differences(
    before: Counter[str],
    after: Counter[str],
    *,
    without: tuple[str, ...] = (),
    late: tuple[str, ...] = (),
) -> list[str]:
    """Return what is not the same: lines that are gone, and lines that are new.

    What starts with one of `without` is not compared; of what is `late`, lines may be gone, but none be new.
    """
    gone, new = before - after, after - before
    told = [f"- {line}" for line in gone.elements() if not line.startswith(late)]
    told += [f"+ {line}" for line in new.elements()]
    return [line for line in sorted(told) if not line[2:].startswith(without)]
