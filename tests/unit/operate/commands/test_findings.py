"""What `./ops findings` shows."""

import json
from datetime import UTC, datetime
from io import StringIO
from uuid import UUID

from rich.console import Console

from include.operate.commands.findings import table
from include.operate.terminal import document_of
from include.store.findings import FindingKind, FindingState, KeptFinding

ONE = KeptFinding(
    id=7,
    kind=FindingKind.PAYS_TWICE,
    subject=f"member:{UUID(int=1)}",
    state=FindingState.CLOSED,
    words="cus_1 and cus_2 both pay",
    causes=("",),
    member_id=UUID(int=1),
    times=1,
    opened_at=datetime(2026, 11, 2, 9, tzinfo=UTC),
    seen_at=datetime(2026, 11, 2, 9, tzinfo=UTC),
    ended_at=None,
    closed_by="user:grace",
    why="both are hers",
)


def test_finding_is_shown_with_who_closed_it():
    """And why it may be so."""
    shown = StringIO()
    Console(width=200, file=shown).print(table([ONE]))

    assert "pays twice" in shown.getvalue()
    assert "cus_1 and cus_2 both pay: closed by user:grace: both are hers" in shown.getvalue()


def test_finding_is_json():
    """With moments in UTC."""
    shown = json.loads(json.dumps(document_of(ONE)))

    assert (shown["kind"], shown["opened_at"]) == ("pays_twice", "2026-11-02T09:00:00+00:00")
