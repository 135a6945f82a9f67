"""What waits for a person: one by one, or many by a filter with a count first; and the card on Airflow's home page."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from pydantic import BaseModel, Field

from include.clock import SystemClock
from include.console.access import Right, Visitor, needs
from include.console.member_pages import ActForm, decision_from
from include.console.pages import console_of, page
from include.operate.decisions import act_on_many, count_letters, filter_of, perform
from include.operate.errors import ActRefusedError
from include.operate.waiting import BULK, count_waiting, read_waiting

router = APIRouter()
Sees = Annotated[Visitor, Depends(needs(Right.SEE))]
Decides = Annotated[Visitor, Depends(needs(Right.DECIDE))]
CLOCK = SystemClock()


class Wanted(BaseModel):
    """Which dead letters a page is about."""

    job: str | None = Field(default=None, max_length=80)
    fingerprint: str | None = Field(default=None, max_length=80)
    ids: int | None = None


class ManyForm(BaseModel):
    """An act on all that a filter finds; `sure` is the count that was shown."""

    job: str = Field(max_length=80)
    fingerprint: str = Field(max_length=80)
    act: str = Field(max_length=40)
    why: str = Field(default="", max_length=600)
    sure: str = Field(default="", max_length=20)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What has to be said yes to, with how many it is about."""

    label: str
    effect: str
    count: int
    fields: dict[str, str]


@router.get("/waiting")
def show(request: Request, visitor: Sees, wanted: Annotated[Wanted, Query()]) -> Response:
    """Show what waits for a person."""
    with console_of(request) as (_, store):
        return _shown(request, visitor, wanted, store)


@router.get("/card")
def card(request: Request, visitor: Sees) -> Response:
    """Show how much waits, small enough for Airflow's home page."""
    with console_of(request) as (_, store):
        return page(request, "card.html", visitor, counts=count_waiting(store), is_card=True)


@router.post("/waiting/act")
def act(request: Request, visitor: Decides, form: Annotated[ActForm, Form()]) -> Response:
    """Decide about one thing that is no member's."""
    with console_of(request) as (_, store):
        try:
            decision = decision_from(form.act)
            said = perform(decision, who=visitor.name, why=form.why, store=store, clock=CLOCK)
        except ActRefusedError as error:
            said = f"Nothing is changed: {error}."
            return _shown(request, visitor, Wanted(), store, said=said, is_wrong=True)
        return _shown(request, visitor, Wanted(), store, said=said)


@router.post("/waiting/all")
def act_on_all(request: Request, visitor: Decides, form: Annotated[ManyForm, Form()]) -> Response:
    """Say how many an act would be about; do it once somebody has said yes to that very number."""
    wanted = Wanted(job=form.job, fingerprint=form.fingerprint)
    with console_of(request) as (_, store):
        try:
            chosen = filter_of(job=form.job, fingerprint=form.fingerprint)
            count = count_letters(form.act, chosen, store=store, clock=CLOCK)
            if count and form.sure != str(count):
                label, effect = BULK[form.act]
                fields = form.model_dump(exclude={"sure"})
                asked = Asked(label=label, effect=effect, count=count, fields=fields)
                return _shown(request, visitor, wanted, store, asked=asked)
            said = act_on_many(
                form.act, chosen, who=visitor.name, why=form.why, store=store, clock=CLOCK
            )
        except ActRefusedError as error:
            said = f"Nothing is changed: {error}."
            return _shown(request, visitor, Wanted(), store, said=said, is_wrong=True)
        return _shown(request, visitor, Wanted(), store, said=said)


def _shown(  # noqa: PLR0913 - what there is to say, by name
    request: Request,
    visitor: Visitor,
    wanted: Wanted,
    store: Any,
    *,
    said: str | None = None,
    is_wrong: bool = False,
    asked: Asked | None = None,
) -> Response:
    chosen = filter_of(job=wanted.job, fingerprint=wanted.fingerprint, number=wanted.ids)
    waiting = read_waiting(store, chosen, sees_names=Right.ADDRESSES in visitor.rights)
    return page(
        request,
        "waiting.html",
        visitor,
        waiting=waiting,
        bulk=BULK,
        is_filtered=wanted != Wanted(),
        said=said,
        is_wrong=is_wrong,
        asked=asked,
    )
