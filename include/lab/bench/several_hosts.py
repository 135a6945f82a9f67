"""Bursts on several hosts by the number of Celery workers; the tests of production start that form without Docker."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from rich.table import Table

from include.lab.bench.errors import BenchError
from include.lab.shell import inherited_environment
from include.lab.stack.layout import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SIZES = (1000,)
HOST_CORES = 0.3
"""What a worker's host has. All hosts are played on one machine, whose cores one worker that may have them all
already fills with what the others' processes do for it: then a second worker adds nothing, which on hosts of their
own it would. A host without a limit is what docs/decisions/0047 shows beside this."""
COLUMNS = {
    "seconds": "seconds",
    "workers_cores": "workers' cores",
    "others_cores": "others' cores",
    "mailchimp_seconds": "Mailchimp's calls",
}
"""What of a burst is shown: `mailchimp_seconds` are what its calls take over all the connections that it grants."""


def run(
    workers: Sequence[int], sizes: Sequence[int], *, mailchimp_seconds: float, repetitions: int
) -> list[dict[str, float]]:
    """Return the figures of each number of workers and size; raise BenchError where the form cannot be measured."""
    order = {
        "workers": workers,
        "sizes": sizes,
        "mailchimp_seconds": mailchimp_seconds,
        "repetitions": repetitions,
    }
    done = subprocess.run(
        [sys.executable, "-P", "-m", "tests.production.workers"],
        input=json.dumps(order),
        stdout=subprocess.PIPE,
        env={**inherited_environment(), "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError("several hosts could not be measured")
    found: list[dict[str, float]] = json.loads(done.stdout)
    return found


def table(found: Iterable[dict[str, float]], *, mailchimp_ms: int) -> Table:
    """Return the table."""
    shown = Table("Celery workers", "webhooks at once", *COLUMNS.values())
    for column in shown.columns:
        column.justify = "right"
    for one in found:
        shown.add_row(
            str(one["workers"]),
            f"{one['size']:,}",
            *(f"{one[name]:.1f}" for name in COLUMNS),
        )
    shown.caption, shown.caption_justify = (
        f"Mailchimp takes {mailchimp_ms} ms for a call; each worker's host has {HOST_CORES:g} cores",
        "left",
    )
    return shown
