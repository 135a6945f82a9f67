"""Events as they were stored: by state; one with what became of it, and, by role, what the vendor sent."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response

from include.clock import SystemClock
from include.console.access import Operates, Right, Sees, Visitor
from include.console.pages import attempt, console_of, missing, page
from include.operate.events import PAGE, read_event, read_events, send_again

router = APIRouter()
StateQuery = Annotated[str | None, Query(max_length=20)]
CLOCK = SystemClock()


@router.get("/events")
def show_all(
    request: Request,
    visitor: Sees,
    state: StateQuery = None,
    before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
) -> Response:
    """Show the newest events, of one state or all."""
    with console_of(request) as (_, store):
        counts, events = read_events(store, state, before=before)
    values: dict[str, Any] = {"counts": counts, "events": events[:PAGE], "more": len(events) > PAGE}
    return page(request, "events.html", visitor, state=state, **values)


@router.get("/events/{number}")
def show(request: Request, visitor: Sees, number: int) -> Response:
    """Show one event."""
    with console_of(request) as (_, store):
        return _shown(request, visitor, number, store)


@router.post("/events/{number}/again")
def again(
    request: Request, visitor: Operates, number: int, why: Annotated[str, Form()] = ""
) -> Response:
    """Have its job work on it once more."""
    with console_of(request) as (_, store):
        by = {"who": visitor.name, "why": why}
        act = partial(send_again, number, **by, store=store, now=CLOCK.now())
        return _shown(request, visitor, number, store, **attempt(act, tried="again", why=why))


def _shown(request: Request, visitor: Visitor, number: int, store: Any, **values: Any) -> Response:
    rights = {"with_body": Right.BODIES in visitor.rights, "sees_names": visitor.sees_names}
    view = read_event(store, number, **rights)
    if view is None:
        return missing(request, visitor, "event")
    return page(request, "event.html", visitor, view=view, **values)
