"""Planned ends, vendors, jobs: what is to come, who is down, how all goes."""

from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, Field

from include.clock import SystemClock
from include.console.access import Decides, Operates, Sees, Visitor
from include.console.member_pages import ActForm, decision_from
from include.console.pages import attempt, console_of, page
from include.operate.decisions import perform
from include.operate.ends import read_ends
from include.operate.metrics import WINDOWS, read_figures
from include.operate.vendors import PAUSE_HOURS, read_vendors, say_of, try_now, who_waits
from include.operate.webhook_metrics import read_webhooks
from include.person import person_from

router = APIRouter()
CLOCK = SystemClock()


class VendorForm(BaseModel):
    """What a button sends about a vendor: the act, for how long, and why."""

    act: str = Field(max_length=20)
    hours: str = Field(default="", max_length=4)
    why: str = Field(default="", max_length=600)


@router.get("/ends")
def show_ends(request: Request, visitor: Sees) -> Response:
    """Show the planned ends, by day."""
    with console_of(request) as (_, store):
        return _ends(request, visitor, store)


@router.post("/ends/act")
def act_on_end(request: Request, visitor: Decides, form: Annotated[ActForm, Form()]) -> Response:
    """Decide about one of them; what nothing takes back is asked for twice."""
    with console_of(request) as (_, store):
        if form.act.startswith("run_now:") and form.sure != form.act:
            return _ends(request, visitor, store, asked=form.act, why=form.why)

        def decide() -> str:
            by = {"who": visitor.name, "why": form.why}
            return perform(decision_from(form.act, at=form.at), **by, store=store, clock=CLOCK)

        return _ends(request, visitor, store, **attempt(decide, tried=form.act, why=form.why))


def _ends(
    request: Request,
    visitor: Visitor,
    store: Any,
    *,
    asked: str | None = None,
    **values: Any,
) -> Response:
    ends = read_ends(store, now=CLOCK.now(), sees_names=visitor.sees_names)
    options = [option for some in ends.days for one in some.ends for option in one.options]
    option = next((one for one in options if one.act == asked), None)
    return page(request, "ends.html", visitor, ends=ends, asked=option, **values)


@router.get("/vendors")
def show_vendors(request: Request, visitor: Sees) -> Response:
    """Show how it stands with the vendors."""
    with console_of(request) as (_, store):
        return _vendors(request, visitor, store)


@router.post("/vendors/{vendor}/try")
def try_vendor(request: Request, visitor: Operates, vendor: str) -> Response:
    """Have a vendor tried at once."""
    with console_of(request) as (_, store):
        act = partial(try_now, vendor, actor=visitor.actor, store=store, now=CLOCK.now())
        return _vendors(request, visitor, store, **attempt(act, tried=vendor, why=""))


@router.post("/vendors/{vendor}/say")
def say_of_vendor(
    request: Request, visitor: Operates, vendor: str, form: Annotated[VendorForm, Form()]
) -> Response:
    """Pause a vendor, or end that."""
    with console_of(request) as (_, store):

        def say() -> str:
            person, now = person_from(visitor.name, form.why), CLOCK.now()
            return say_of(vendor, form.act, hours=form.hours, person=person, store=store, now=now)

        return _vendors(request, visitor, store, **attempt(say, tried=vendor, why=form.why))


def _vendors(request: Request, visitor: Visitor, store: Any, **values: Any) -> Response:
    now = CLOCK.now()
    return page(
        request,
        "vendors.html",
        visitor,
        vendors=read_vendors(store, now=now),
        members=who_waits(store, now=now, sees_names=visitor.sees_names),
        webhooks=read_webhooks(store, now=now),
        hours=PAUSE_HOURS,
        **values,
    )


@router.get("/jobs")
def show_jobs(request: Request, visitor: Sees, hours: Literal["1", "24", "168"] = "24") -> Response:
    """Show how the jobs do."""
    with console_of(request) as (_, store):
        figures = read_figures(store, now=CLOCK.now(), hours=int(hours))
    return page(request, "jobs.html", visitor, figures=figures, windows=WINDOWS, window=hours)
