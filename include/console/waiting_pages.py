"""What waits for a person: one by one, or many by a filter with a count first; and the card on Airflow's home page.

What is decided about many is written down by one request and done by the next ones, a portion each: the page of the
decision asks for them, and whoever opens it again goes on where it stopped.
"""

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query, Request, Response
from pydantic import BaseModel, Field

from include.clock import SystemClock
from include.console.access import Decides, Sees, Visitor
from include.console.member_pages import ActForm, decision_from
from include.console.pages import attempt, console_of, missing, page, refusal
from include.errors import ActRefusedError
from include.operate import many
from include.operate.decisions import NotSureError, decide_findings, perform
from include.operate.waiting import count_waiting, read_waiting

router = APIRouter()
Number = Annotated[int, Path(ge=1, lt=2**63)]
CLOCK = SystemClock()


class Wanted(BaseModel):
    """Which dead letters a page is about."""

    job: str | None = Field(default=None, max_length=80)
    error_class: str | None = Field(default=None, max_length=20)
    fingerprint: str | None = Field(default=None, max_length=80)
    ids: int | None = None


class ManyForm(BaseModel):
    """An act on all that a filter finds; `sure` is the count that was shown, `pace` how many are due a minute."""

    job: str = Field(default="", max_length=80)
    error_class: str = Field(default="", max_length=20)
    fingerprint: str = Field(default="", max_length=80)
    act: str = Field(max_length=40)
    why: str = Field(default="", max_length=600)
    pace: str = Field(default="300", max_length=6)
    sure: str = Field(default="", max_length=20)


class FindingsForm(BaseModel):
    """An act on all findings of a kind; `sure` is the count that was shown."""

    kind: str = Field(max_length=40)
    why: str = Field(default="", max_length=600)
    sure: str = Field(default="", max_length=20)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What has to be said yes to, with how many it is about."""

    label: str
    effect: str
    count: int
    fields: dict[str, str]
    paces: dict[str, str]
    what: str = "dead letter"
    path: str = "waiting/all"


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

        def decide() -> str:
            by = {"who": visitor.name, "why": form.why}
            return perform(decision_from(form.act), **by, store=store, clock=CLOCK)

        done = attempt(decide, tried=form.act, why=form.why)
        return _shown(request, visitor, Wanted(), store, **done)


@router.post("/waiting/all")
def act_on_all(request: Request, visitor: Decides, form: Annotated[ManyForm, Form()]) -> Response:
    """Say how many an act would be about; write it down once somebody has said yes to that very number."""
    wanted = Wanted(job=form.job, error_class=form.error_class, fingerprint=form.fingerprint)
    with console_of(request) as (_, store):
        try:
            chosen = many.filter_of(**wanted.model_dump())
            count = many.count_letters(form.act, chosen, store=store, clock=CLOCK)
            if form.sure != str(count):
                label, effect = many.LABELS[form.act]
                fields = form.model_dump(exclude={"sure", "pace"})
                paces = many.PACES if form.act == "replay" else {}
                asked = Asked(label=label, effect=effect, count=count, fields=fields, paces=paces)
                return _shown(request, visitor, wanted, store, asked=asked)
            by = {"who": visitor.name, "why": form.why}
            number = many.begin(form.act, chosen, pace=form.pace, **by, store=store, clock=CLOCK)
        except ActRefusedError as error:
            tried = f"{form.job}/{form.error_class}/{form.fingerprint}"
            refused = refusal(error, tried=tried, why=form.why)
            return _shown(request, visitor, wanted, store, **refused)
    return _to_decision(request, number)


@router.post("/waiting/findings")
def act_on_findings(
    request: Request, visitor: Decides, form: Annotated[FindingsForm, Form()]
) -> Response:
    """Say how many findings of a kind there are; close them once somebody has said yes to that very number."""
    with console_of(request) as (_, store):
        by = {"who": visitor.name, "why": form.why}
        act = partial(decide_findings, form.kind, form.sure, **by, store=store, clock=CLOCK)
        try:
            done = attempt(act, tried=form.kind, why=form.why)
        except NotSureError as error:
            label = f"{form.kind.replace('_', ' ').capitalize()}: they may stay so"
            asked = Asked(
                label=label,
                effect="They are not told again unless something new brings them up.",
                count=error.count,
                what="finding",
                path="waiting/findings",
                fields=form.model_dump(exclude={"sure"}),
                paces={},
            )
            return _shown(request, visitor, Wanted(), store, asked=asked)
        return _shown(request, visitor, Wanted(), store, **done)


@router.get("/waiting/decisions/{number}")
def show_decision(request: Request, visitor: Sees, number: Number) -> Response:
    """Show how far a decision about many is."""
    with console_of(request) as (_, store):
        return _decision(request, visitor, number, store)


@router.post("/waiting/decisions/{number}/step")
def go_on(request: Request, visitor: Decides, number: Number) -> Response:
    """Do one portion of it."""
    with console_of(request) as (_, store):
        try:
            many.take_step(number, store=store, clock=CLOCK)
        except ActRefusedError as error:
            return _decision(request, visitor, number, store, **refusal(error))
        return _decision(request, visitor, number, store)


@router.post("/waiting/decisions/{number}/undo")
def take_back(
    request: Request, visitor: Decides, number: Number, why: Annotated[str, Form()] = ""
) -> Response:
    """Write down that it is to be taken back, as far as it can be."""
    with console_of(request) as (_, store):
        try:
            undoing = many.undo(number, who=visitor.name, why=why, store=store, clock=CLOCK)
        except ActRefusedError as error:
            return _decision(request, visitor, number, store, **refusal(error, why=why))
    return _to_decision(request, undoing)


def _to_decision(request: Request, number: int) -> Response:
    """Lead to a decision's own page: who loads that again, or comes back to it, sees it go on."""
    path = f"{request.scope.get('root_path', '')}/waiting/decisions/{number}"
    return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": path})


def _decision(
    request: Request, visitor: Visitor, number: int, store: Any, **values: Any
) -> Response:
    found = many.read_progress(number, store)
    if found is None:
        return missing(request, visitor, "decision")
    return page(request, "decision.html", visitor, one=found, **values)


def _shown(
    request: Request, visitor: Visitor, wanted: Wanted, store: Any, **values: Any
) -> Response:
    try:
        chosen = many.filter_of(**wanted.model_dump())
    except ActRefusedError as error:
        chosen = many.filter_of()
        values |= {"said": f"Nothing is chosen: {error}.", "is_wrong": True}
    waiting = read_waiting(store, chosen, sees_names=visitor.sees_names)
    return page(
        request,
        "waiting.html",
        visitor,
        waiting=waiting,
        wanted=wanted,
        bulk=many.LABELS,
        classes=many.CLASSES,
        jobs=many.waiting_jobs(store),
        unfinished=many.read_unfinished(store),
        is_filtered=wanted != Wanted(),
        **values,
    )
