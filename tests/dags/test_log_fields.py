"""What our code logs gets through Airflow's task supervisor, field by field."""

import ast
import json
from pathlib import Path

import pytest
import structlog
import yaml
from airflow.sdk.execution_time.supervisor import process_log_messages_from_subprocess

from include.jobs.luma_auto_approval.report import ApprovalResult as LumaResult
from include.jobs.slack_status_sync.report import SlackSyncResult as SlackResult

ROOT = Path(__file__).parents[2]
LOGGERS = {"log", "logger"}
METHODS = {"debug", "info", "warning", "error", "exception", "critical", "bind", "bind_contextvars"}
OURS = [
    path
    for folder in ("dags", "plugins", "include")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if ROOT / "include/lab" not in path.parents
]

RETENTION = yaml.safe_load((ROOT / "include/retention.yaml").read_text())
SPREAD = {
    "include/jobs/database_cleanup/report.py": [
        *RETENTION["ops"],
        *RETENTION["airflow"]["tables"],
    ],
    "include/jobs/luma_auto_approval/steps.py": LumaResult(dry_run=True).document(),
    "include/jobs/slack_status_sync/steps.py": SlackResult(dry_run=True).document(),
}
"""Files with a log call that spreads a dict → the names in it."""


def fields_of(source: str) -> list[tuple[int, str | None]]:
    """Return line and name of each field that a log call names; None for one that only shows when it runs."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return [
        (call.lineno, keyword.arg)
        for call in calls
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in METHODS
        and (ast.unparse(call.func.value).split(".")[-1] in LOGGERS or "bind" in call.func.attr)
        for keyword in call.keywords
    ]


def gets_through(field: str) -> bool:
    """Send a line with such a field, as a task does, and tell whether the supervisor logs it as it was."""
    written: list[dict] = []

    def keep(_logger, _method, line):
        written.append(line)
        raise structlog.DropEvent

    logger = structlog.wrap_logger(
        structlog.PrintLogger(),
        processors=[keep],
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )
    sink = process_log_messages_from_subprocess((logger,))
    next(sink)
    line = {"event": "member.synced", "level": "info", "timestamp": "2026-01-01T00:00:00Z"}
    try:
        sink.send(json.dumps(line | {field: "a value"}).encode())
    except (TypeError, ValueError):
        return False
    return [(one["event"], one.get(field)) for one in written] == [("member.synced", "a value")]


@pytest.mark.parametrize(
    "field", ["target", "level", "msg", "self", "event", "timestamp", "exception", "method_name"]
)
def test_some_names_break_the_supervisor(field):
    """They are parameters of its sender, or mean something else to it: the try would fail, with an empty log."""
    assert not gets_through(field)


def test_every_field_of_every_log_call_gets_through():
    """A task whose log line breaks the supervisor fails although its work is done."""
    found = [(path, *place) for path in OURS for place in fields_of(path.read_text())]
    names = {name for _, _, name in found if name is not None}
    broken = {name for name in names if not gets_through(name)}

    assert len(names) > 50
    places = [
        f"{path.relative_to(ROOT)}:{line}: {name}" for path, line, name in found if name in broken
    ]
    assert places == []


def test_fields_that_only_show_when_a_call_runs_get_through():
    """Three jobs log their counts as they are, each under its own name."""
    spread = [
        str(path.relative_to(ROOT))
        for path in OURS
        for _, name in fields_of(path.read_text())
        if name is None
    ]

    assert spread == list(SPREAD)
    assert [name for names in SPREAD.values() for name in names if not gets_through(name)] == []
