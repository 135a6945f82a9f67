"""Search, and one member's page with what can be done about her."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, Field

from include.clock import SystemClock
from include.console.access import Decides, Sees, Visitor
from include.console.pages import attempt, console_of, missing, page, refusal
from include.errors import ActRefusedError
from include.operate.decisions import ChosenAction, perform
from include.operate.members import read_member
from include.operate.search import search
from include.operate.starts import JOBS, Start, start_for

router = APIRouter()
CLOCK = SystemClock()


class ActForm(BaseModel):
    """What a button sends: the act with its number, why, a new time, and that she is sure."""

    act: str = Field(max_length=40)
    why: str = Field(default="", max_length=600)
    at: str = Field(default="", max_length=40)
    sure: str = Field(default="", max_length=40)


class StartForm(BaseModel):
    """What a button that starts a job sends: which, whether it only looks, and why."""

    wanted: str = Field(max_length=80)
    why: str = Field(default="", max_length=600)


@router.get("/")
def start(request: Request, visitor: Sees) -> Response:
    """Show the field to search with."""
    return page(request, "search.html", visitor, text=None, hits=[])


@router.post("/search")
def find(
    request: Request, visitor: Sees, text: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Show what a text names; what names one thing leads to it."""
    with console_of(request) as (_, store):
        now = CLOCK.now()
        hits = search(store, text, actor=visitor.actor, now=now, sees_names=visitor.sees_names)
    if len(hits) == 1:
        to = f"{request.scope.get('root_path', '')}/{hits[0].path}"
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": to})
    return page(request, "search.html", visitor, text=text, hits=hits)


@router.get("/members/{member_id}")
def show(request: Request, visitor: Sees, member_id: UUID) -> Response:
    """Show one member."""
    with console_of(request) as (_, store):
        return _shown(request, visitor, member_id, store)


@router.post("/members/{member_id}/act")
def act(
    request: Request, visitor: Decides, member_id: UUID, form: Annotated[ActForm, Form()]
) -> Response:
    """Do one thing about her; what nothing takes back is asked for twice."""
    with console_of(request) as (_, store):
        view = read_member(store, member_id)
        option = next((one for one in view.options if one.act == form.act), None) if view else None
        if option and option.is_final and form.sure != form.act:
            return _shown(request, visitor, member_id, store, asked=option, why=form.why)

        def decide() -> str:
            decision = decision_from(form.act if option else "", member_id=member_id, at=form.at)
            return perform(decision, who=visitor.name, why=form.why, store=store, clock=CLOCK)

        done = attempt(decide, tried=form.act, why=form.why)
        return _shown(request, visitor, member_id, store, **done)


@router.post("/members/{member_id}/start")
def start_job(
    request: Request, visitor: Decides, member_id: UUID, form: Annotated[StartForm, Form()]
) -> Response:
    """Start a job for her alone, and lead to its run."""
    start: Start = request.app.state.start
    by = {"who": visitor.name, "why": form.why}
    with console_of(request) as (_, store):
        try:
            job, run = start_for(
                member_id, form.wanted, **by, start=start, store=store, clock=CLOCK
            )
        except ActRefusedError as error:
            refused = refusal(error, tried="start", why=form.why)
            return _shown(request, visitor, member_id, store, **refused)
    path = f"{request.scope.get('root_path', '')}/runs/{job}/{quote(run, safe='')}?awaited=1"
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": path})


def decision_from(act: str, *, member_id: UUID | None = None, at: str = "") -> ChosenAction:
    """Return the decision that a button stands for; raise ActRefusedError where it stands for none."""
    what, _, number = act.partition(":")
    if not number.isdecimal():
        raise ActRefusedError("this cannot be done any more: somebody was faster")
    try:
        moment = datetime.fromisoformat(at).replace(tzinfo=UTC) if at else None
    except ValueError:
        raise ActRefusedError(f"the time {at!r} cannot be read") from None
    return ChosenAction(act=what, number=int(number), member_id=member_id, at=moment)


def _shown(
    request: Request, visitor: Visitor, member_id: UUID, store: Any, **values: Any
) -> Response:
    view = read_member(store, member_id, sees_names=visitor.sees_names)
    if view is None:
        return missing(request, visitor, "member")
    return page(request, "member.html", visitor, member=view, jobs=JOBS, **values)
