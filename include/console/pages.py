"""How a page is made: the deployment it is about, its template, what every template knows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.console.access import Visitor
from include.errors import ActRefusedError
from include.links import run_path
from include.operate.deployment import Deployment

DeploymentSource = Callable[[], Deployment]
MINUTE, HOUR, DAY = 60, 3600, 86400

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@contextmanager
def console_of(request: Request) -> Iterator[tuple[Deployment, Any]]:
    """Give the deployment and its tables; raises CommandError where they do not answer."""
    deployment: Deployment = request.app.state.deployment()
    with deployment.store() as store:
        yield deployment, store


def page(
    request: Request,
    template: str,
    visitor: Visitor | None,
    *,
    code: int = HTTPStatus.OK,
    **values: Any,
) -> HTMLResponse:
    """Render a page for somebody; None where nobody knows who it is for."""
    base = request.scope.get("root_path", "")
    known = {
        "base": base,
        "airflow": base.removesuffix("/ops"),
        "here": request.url.path.removeprefix(base),
        "visitor": visitor,
        "said": None,
        "is_wrong": False,
        "is_card": False,
        "asked": None,
        "tried": "",
        "why": "",
    }
    text = TEMPLATES.get_template(template).render({**known, **values})
    return HTMLResponse(text, status_code=code)


def missing(request: Request, visitor: Visitor, what: str) -> HTMLResponse:
    """Say that there is no such thing."""
    words = f"There is no such {what}."
    return page(request, "message.html", visitor, code=HTTPStatus.NOT_FOUND, words=words)


def refusal(error: ActRefusedError, *, tried: str = "", why: str = "") -> dict[str, Any]:
    """Return what a page says where an act is refused, with what was typed: nobody types it twice."""
    return {
        "said": f"Nothing is changed: {error}.",
        "is_wrong": True,
        "tried": tried,
        "why": why,
    }


def attempt(act: Callable[[], str], *, tried: str, why: str) -> dict[str, Any]:
    """Carry an act out and return what the page says of it."""
    try:
        return {"said": act()}
    except ActRefusedError as error:
        return refusal(error, tried=tried, why=why)


def when(at: datetime | None) -> str:
    """Return a moment as people read it."""
    return f"{at.astimezone(UTC):%-d %b %Y %H:%M} UTC" if at else ""


def lasting(seconds: float | None) -> str:
    """Return how long something lasts, in the largest unit that tells it."""
    if seconds is None:
        return ""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= MINUTE else f"{seconds:.1f} s"


TEMPLATES.filters |= {"when": when, "lasting": lasting}
TEMPLATES.globals["run_path"] = run_path
