"""The console's own application, which Airflow's API server mounts under `/ops`.

Pages are rendered here; htmx puts the `main` of an answer in the place of the one that is shown. Nothing is changed by
a GET. What changes something is a POST from our own origin with the header `X-Ops-Act`, whatever the cookie says: a
page of another origin cannot send that without asking first, and no origin is allowed.
"""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

from include.console import (
    alert_pages,
    event_pages,
    member_pages,
    run_pages,
    waiting_pages,
    work_pages,
)
from include.console.access import Login, NotLoggedInError, RefusedError
from include.console.pages import DeploymentSource, console_of, page
from include.errors import CommandError
from include.operate.decisions import audit_refusal
from include.operate.starts import Start

STATIC = Path(__file__).parent / "static"
ACT_HEADER = "X-Ops-Act"
SAFE = ("GET", "HEAD")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def create_app(*, deployment: DeploymentSource, login: Login, start: Start) -> FastAPI:
    """Return the application; the deployment is looked for when a page is asked for, not before."""
    app = FastAPI(title="Ops console", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.deployment = deployment
    app.state.login = login
    app.state.start = start
    for pages in (member_pages, waiting_pages, work_pages, run_pages, event_pages, alert_pages):
        app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=STATIC))
    app.middleware("http")(_guard)
    app.add_exception_handler(NotLoggedInError, _to_login)
    app.add_exception_handler(RefusedError, _refused)
    app.add_exception_handler(CommandError, _cannot)
    return app


async def _guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Turn away what another site may have sent, and say to the browser what a page may do."""
    if request.method not in SAFE and not _is_ours(request):
        return HTMLResponse("not sent by the console", status_code=HTTPStatus.FORBIDDEN)
    answer = await call_next(request)
    is_static = "/static/" in request.url.path
    for name, value in HEADERS.items():
        if not (is_static and name == "Cache-Control"):
            answer.headers[name] = value
    return answer


def _is_ours(request: Request) -> bool:
    origin = urlsplit(request.headers.get("Origin", "")).netloc
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    is_same = bool(origin) and origin == request.headers.get("Host") and site == "same-origin"
    return is_same and request.headers.get(ACT_HEADER) == "1"


def _to_login(request: Request, error: Exception) -> Response:
    """Send a person to Airflow's login, and back to where she wanted to go."""
    if request.headers.get("HX-Request"):
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"HX-Redirect": str(error)})
    if request.method in SAFE:
        return RedirectResponse(str(error), status_code=HTTPStatus.SEE_OTHER)
    return Response(status_code=HTTPStatus.UNAUTHORIZED)


def _refused(request: Request, error: Exception) -> Response:
    """Say that she may not, and keep that she tried."""
    assert isinstance(error, RefusedError)  # noqa: S101 - what the handler is for
    with console_of(request) as (_, store):
        what = request.url.path.removeprefix(request.scope.get("root_path", ""))
        audit_refusal(what, who=error.visitor.actor, right=error.right, store=store)
    words = f"You may not do this: it needs the permission “{error.right}”."
    return page(request, "message.html", error.visitor, code=HTTPStatus.FORBIDDEN, words=words)


def _cannot(request: Request, error: Exception) -> Response:
    return page(
        request, "message.html", None, code=HTTPStatus.SERVICE_UNAVAILABLE, words=str(error)
    )
