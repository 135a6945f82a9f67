"""What the tests of dispatcher have in common."""

from include.store.inbox import InboxState
from tests.store.arrivals import NOW

JOB = "mailchimp_sync"


def finish(store, run_id, *, state=InboxState.PROCESSED):
    """End a run as the job's last task does."""
    with store.transaction():
        ids = [row.id for row in store.inbox.of_run(run_id)]
        store.inbox.finish(ids, state=state, now=NOW)
        store.dispatches.finish(run_id, now=NOW)


def run_ids(airflow):
    return [run_id for _, run_id in airflow.runs]


def inbox_ids(airflow):
    return [run["conf"]["inbox_ids"] for run in airflow.runs.values()]


def dispatched(airflow):
    return [row_id for ids in inbox_ids(airflow) for row_id in ids]
