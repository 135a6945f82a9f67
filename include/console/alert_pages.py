"""The alert rules: where each stands; acknowledged, silenced, and that taken back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import BaseModel, Field

from include.clock import SystemClock
from include.console.access import Right, Visitor, needs
from include.console.pages import console_of, page
from include.operate.alerts import QUIET_HOURS, read_alerts, say_of
from include.operate.errors import ActRefusedError

router = APIRouter()
Sees = Annotated[Visitor, Depends(needs(Right.SEE))]
Operates = Annotated[Visitor, Depends(needs(Right.OPERATE))]
CLOCK = SystemClock()


class QuietForm(BaseModel):
    """What a button sends: the rule, what is said of it, for how long, and why."""

    rule: str = Field(max_length=80)
    act: str = Field(max_length=20)
    hours: str = Field(default="", max_length=4)
    why: str = Field(default="", max_length=600)


@router.get("/alerts")
def show(request: Request, visitor: Sees) -> Response:
    """Show the rules, what fires first."""
    with console_of(request) as (_, store):
        alerts = read_alerts(store, now=CLOCK.now())
    return page(request, "alerts.html", visitor, alerts=alerts, hours=QUIET_HOURS)


@router.post("/alerts/act")
def act(request: Request, visitor: Operates, form: Annotated[QuietForm, Form()]) -> Response:
    """Acknowledge an alert, silence it for a while, or take that back."""
    with console_of(request) as (_, store):
        is_wrong = False
        try:
            said = say_of(
                form.rule,
                form.act,
                hours=form.hours,
                who=visitor.name,
                why=form.why,
                store=store,
                now=CLOCK.now(),
            )
        except ActRefusedError as error:
            said, is_wrong = f"Nothing is changed: {error}.", True
        alerts = read_alerts(store, now=CLOCK.now())
    return page(
        request,
        "alerts.html",
        visitor,
        alerts=alerts,
        hours=QUIET_HOURS,
        said=said,
        is_wrong=is_wrong,
    )
