"""The story of the clean-up: counted first, then done, in our tables and in Airflow's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from include.lab.demo.stage import Stage

DAG = "database_cleanup"


def database_cleanup(stage: Stage) -> None:
    """Clean up as every night: what is too old is counted, then removed, in our tables and in Airflow's."""
    dry = stage.start("only counted", DAG, vendor="stripe", dry_run=True)
    done = stage.start("removed", DAG, vendor="stripe", dry_run=False)

    stage.expect("what a dry run writes down", stage.told_by(dry.runs[0]), [])
    told = {entry.metadata["part"]: entry.metadata for entry in stage.told_by(done.runs[0])}
    stage.expect("the halves that were done", sorted(told), ["airflow", "ops"])
    for part, metadata in told.items():
        stage.expect(f"whether rows are counted: {part}", len(metadata["removed"]) > 0, wanted=True)
        stage.expect(f"what was left for the next night: {part}", metadata["left"], [])
