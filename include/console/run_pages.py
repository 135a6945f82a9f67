"""The tab on each run of a job: the members in it, and what came of each."""

from fastapi import APIRouter, Request, Response

from include.console.access import Sees
from include.console.pages import console_of, page
from include.operate.runs import read_run

router = APIRouter()


@router.get("/runs/{job}/{dag_run_id:path}")
def show(
    request: Request, visitor: Sees, job: str, dag_run_id: str, *, awaited: bool = False
) -> Response:
    """Show one run; one that is awaited is looked at again until it is over."""
    with console_of(request) as (_, store):
        view = read_run(store, job, dag_run_id, sees_names=visitor.sees_names)
    return page(request, "run.html", visitor, view=view, awaited=awaited and not view.is_over)
