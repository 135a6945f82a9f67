"""The console as a browser asks it, over a real Postgres; who asks is said by a header in Airflow's place."""

import re
import warnings
from html import unescape

import pytest
from pydantic import SecretStr

from include.console.access import NotLoggedInError, Right, Visitor
from include.console.app import create_app
from include.errors import ActRefusedError
from include.operate.deployment import Deployment

with warnings.catch_warnings():  # it wants another httpx, which FastAPI does not need
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

ROLES = {
    "viewer": {Right.SEE},
    "community": {Right.SEE, Right.ADDRESSES, Right.DECIDE},
    "operator": set(Right),
    "stranger": set(),
}
OURS = {"X-Ops-Act": "1", "Origin": "http://testserver"}


class Console(TestClient):
    """A browser with somebody in front of it."""

    def __init__(self, app, who):
        """Let `who` have logged in; None: nobody has."""
        super().__init__(app, headers={"who": who} if who else {}, follow_redirects=False)

    def text(self, path):
        """Return what a page says, without its tags."""
        return plain(self.get(path).raise_for_status().text)

    def submit(self, path, **fields):
        """Send a form as a page of ours does, and return the answer."""
        return self.post(path, data=fields, headers=OURS)

    def act(self, member_id, act, why="she has called", **fields):
        """Press a button of a member's page, and return what the page says then."""
        answer = self.submit(f"/members/{member_id}/act", act=act, why=why, **fields)
        return plain(answer.raise_for_status().text)


def plain(page):
    """Return a page's text in one line."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


async def login(request):
    """Take who asks from a header."""
    who = request.headers.get("who")
    if who is None:
        raise NotLoggedInError("/auth/login/?next=here")
    return Visitor(name=who, rights=frozenset(ROLES[who]))


@pytest.fixture
def console(database, starts):
    """Give a function that returns somebody's browser."""
    deployment = Deployment(
        database_url=SecretStr(database), airflow_url="http://airflow.example.org"
    )
    app = create_app(deployment=lambda: deployment, login=login, start=starts)
    return lambda who="community": Console(app, who)


@pytest.fixture
def starts():
    """Give what stands where Airflow starts runs: it keeps what was asked for."""
    return Starts()


class Starts:
    """Starts nothing, or refuses."""

    def __init__(self):
        """Refuse nothing so far."""
        self.asked = []
        self.refusal = None

    def __call__(self, job, conf, *, who):
        """Keep what is asked for, and name the run."""
        if self.refusal is not None:
            raise ActRefusedError(self.refusal)
        self.asked.append((job, conf, who))
        return f"manual__{len(self.asked)}"


@pytest.fixture
def unanswered(world):
    """Let a member join whose welcome's answer is lost, and return her id."""
    world.sandbox.fault("mailchimp", path="/customer-journeys/*", kind="lost_answer")
    world.run(*world.join())
    return world.member().id
