"""Runs of jobs as their tasks saw them: what metrics, health and alert rules count."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

TABLES = """
-- One row per run of a job, whatever was tried again or cleared in it.
CREATE TABLE ops.job_runs (
  job           text NOT NULL,
  dag_run_id    text NOT NULL,
  status        text NOT NULL CHECK (status IN ('running', 'success', 'failed', 'lost')),
  started_at    timestamptz NOT NULL,           -- of its first task; anew when a person clears it
  finished_at   timestamptz,                    -- of its last task, or when it was found to be lost
  rows          integer,                        -- what it worked on, where that can be counted
  tries         integer NOT NULL,               -- the highest try of any of its tasks
  error_class   text,
  reason        text,                           -- never an e-mail address or a secret
  ends_left     text[] NOT NULL,                -- tasks that have still to end well
  ended_well    boolean NOT NULL DEFAULT false, -- it was a success before it was cleared
  PRIMARY KEY (job, dag_run_id),
  CHECK ((status = 'running') = (finished_at IS NULL))
);
CREATE INDEX job_runs_finished_idx ON ops.job_runs (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX job_runs_running_idx ON ops.job_runs (started_at) WHERE status = 'running';
CREATE INDEX job_runs_error_idx ON ops.job_runs (job, finished_at) WHERE status IN ('failed', 'lost');

-- What ended lately: latency and error rate of rows.
CREATE INDEX inbox_finished_idx ON ops.inbox (finished_at)
  WHERE state IN ('processed', 'superseded', 'failed', 'dead');
"""


def upgrade() -> None:
    """Make them."""
    op.get_bind().exec_driver_sql(TABLES)


def downgrade() -> None:
    """Refuse: this table holds what must not be lost."""
    raise RuntimeError("these tables are not dropped; restore a backup instead")
