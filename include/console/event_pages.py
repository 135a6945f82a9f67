"""One event as it was stored: what became of it, and, by role, what the vendor sent."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from include.console.access import Right, Visitor, needs
from include.console.pages import console_of, page
from include.operate.events import read_event

router = APIRouter()
Sees = Annotated[Visitor, Depends(needs(Right.SEE))]


@router.get("/events/{number}")
def show(request: Request, visitor: Sees, number: int) -> Response:
    """Show one event."""
    with console_of(request) as (_, store):
        view = read_event(store, number, with_body=Right.BODIES in visitor.rights)
    if view is None:
        words = "There is no such event."
        return page(request, "message.html", visitor, code=HTTPStatus.NOT_FOUND, words=words)
    return page(request, "event.html", visitor, view=view)
