"""The alert rules: where each stands; acknowledged, silenced, inhibited, and that taken back."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Form, Request, Response
from pydantic import BaseModel, Field

from include.clock import SystemClock
from include.console.access import Operates, Sees, Visitor
from include.console.pages import attempt, console_of, missing, page
from include.operate.alerts import QUIET_HOURS, read_alerts, say_of, vendors_down
from include.operate.backtest import WINDOWS, read_rule
from include.person import person_from

router = APIRouter()
CLOCK = SystemClock()


class QuietForm(BaseModel):
    """What a button sends: the rule, what is said of it, for how long or while which vendor is down, and why."""

    rule: str = Field(max_length=80)
    act: str = Field(max_length=20)
    hours: str = Field(default="", max_length=4)
    vendor: str = Field(default="", max_length=20)
    why: str = Field(default="", max_length=600)


@router.get("/alerts")
def show(request: Request, visitor: Sees) -> Response:
    """Show the rules, what fires first."""
    with console_of(request) as (_, store):
        return _shown(request, visitor, store)


@router.get("/alerts/{rule}")
def show_rule(
    request: Request, visitor: Sees, rule: str, days: Literal["1", "7"] = "1"
) -> Response:
    """Show one rule: its numbers, what it would have fired and what it did."""
    with console_of(request) as (_, store):
        view = read_rule(rule, store, now=CLOCK.now(), days=int(days))
    if view is None:
        return missing(request, visitor, "rule")
    return page(request, "alert.html", visitor, view=view, windows=WINDOWS, window=days)


@router.post("/alerts/act")
def act(request: Request, visitor: Operates, form: Annotated[QuietForm, Form()]) -> Response:
    """Acknowledge an alert, silence it for a while or while a vendor is down, or take that back."""
    with console_of(request) as (_, store):

        def say() -> str:
            person = person_from(visitor.name, form.why)
            place = {"hours": form.hours, "vendor": form.vendor}
            now = CLOCK.now()
            return say_of(form.rule, form.act, **place, person=person, store=store, now=now)

        done = attempt(say, tried=form.rule, why=form.why)
        return _shown(request, visitor, store, **done)


def _shown(request: Request, visitor: Visitor, store: Any, **values: Any) -> Response:
    now = CLOCK.now()
    known = {"alerts": read_alerts(store, now=now), "down": vendors_down(store, now=now), **values}
    return page(request, "alerts.html", visitor, hours=QUIET_HOURS, **known)
