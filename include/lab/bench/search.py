"""`search`: how long the console takes to find somebody or something among a million events, and to show it.

In a database of its own, and in this process: the pages are the console's, asked as a browser asks them.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx
import psycopg
from psycopg import sql
from pydantic import SecretStr

from include.console.access import Right, Visitor
from include.console.app import create_app
from include.errors import ActRefusedError
from include.lab.bench.errors import BenchError
from include.lab.bench.quantiles import percentile
from include.operate.deployment import Deployment
from include.store.migrate import create_platform_tables, migrate

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fastapi import Request

    from include.lab.stack.stack import Stack

EVENTS, MEMBERS, DEAD_LETTERS = 1_000_000, 20_000, 100
EVENTS_OF_A_RUN = 5
SEARCHES = 210  # thirty of each kind
DATABASE: Final = "ops_bench_search"
HERE: Final = Path(__file__).parent
MEMBER: Final = """
CREATE FUNCTION pg_temp.member(number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT lpad(number::text, 32, '0')::uuid $$
"""
HANDLES: Final = {
    "address": "member{}@example.org",
    "name": "lovelace{:05}",
    "customer": "cus_bench{}",
    "event": "evt_bench{}",
    "run": "bench.{}",
    "dead letter": "dead letter {}",
    "nobody": "nobody{}@example.net",
}
"""Kinds of what is searched for. A name is as long as the others: what begins so is found too."""
OF_MEMBERS: Final = ("address", "name", "customer")
MIX = f"{SEARCHES // len(HANDLES)} each of: {', '.join(HANDLES)}; {EVENTS:,} events of {MEMBERS:,} members"
OURS = {"Origin": "http://console", "X-Ops-Act": "1"}


@dataclass(frozen=True, kw_only=True)
class Search:
    """One search: seconds from Enter until it is known what was found, and until its page, or the list, is there."""

    kind: str
    found: float
    shown: float


def figures(searches: Sequence[Search]) -> dict[str, float]:
    """Return median and 95th percentile: of a member found, of what is found shown; and the slowest kind's."""
    members = [one.found for one in searches if one.kind in OF_MEMBERS]
    shown = [one.shown for one in searches]
    kinds = [[one.shown for one in searches if one.kind == kind] for kind in HANDLES]
    return {
        "member_p50": percentile(members, 50),
        "member_p95": percentile(members, 95),
        "p50": percentile(shown, 50),
        "p95": percentile(shown, 95),
        "p95_of_the_slowest_kind": max(percentile(some, 95) for some in kinds if some),
    }


@contextmanager
def database(stack: Stack, *, events: int = EVENTS) -> Iterator[str]:
    """Make the database, give its URL, and drop it."""
    if not stack.runs_postgres:
        raise BenchError("`search` needs the embedded Postgres: unset OPS_DATABASE_URL")
    url = urlsplit(stack.database_url)._replace(path=f"/{DATABASE}").geturl()
    with psycopg.connect(stack.postgres_url, autocommit=True) as server:
        _drop(server)
        server.execute(sql.SQL("CREATE DATABASE {} OWNER ops").format(sql.Identifier(DATABASE)))
        try:
            fill(url, events=events)
            yield url
        finally:
            _drop(server)


def fill(url: str, *, events: int, members: int = MEMBERS) -> None:
    """Make the tables and what is in them."""
    create_platform_tables(url)
    migrate(url)
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        connection.execute(MEMBER)
        statements = (HERE / "search.sql").read_text(encoding="utf-8")
        connection.execute(statements, {"events": events, "members": members})
        connection.execute("VACUUM ANALYZE")


def measure(
    url: str, *, seed: int, count: int = SEARCHES, events: int = EVENTS, members: int = MEMBERS
) -> list[Search]:
    """Search, one after the other; raise BenchError where something is not found that is there, or the reverse."""
    chance = random.Random(seed)  # noqa: S311 - the same for every bench
    kinds = [*HANDLES] * (count // len(HANDLES))
    chance.shuffle(kinds)
    most = {"event": events, "run": events // EVENTS_OF_A_RUN, "dead letter": DEAD_LETTERS}
    wanted = [
        (kind, HANDLES[kind].format(chance.randint(1, most.get(kind, members)))) for kind in kinds
    ]
    return asyncio.run(_measure(url, wanted))


async def _measure(url: str, wanted: Sequence[tuple[str, str]]) -> list[Search]:
    deployment = Deployment(database_url=SecretStr(url), airflow_url="http://console")
    app = create_app(deployment=lambda: deployment, login=_somebody, start=_nothing)
    searches = []
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://console") as browser:
        await _find(browser, "warm@example.org")
        for kind, text in wanted:
            began = time.perf_counter()
            path = await _find(browser, text)
            found = time.perf_counter()
            if path is not None:
                (await browser.get(path)).raise_for_status()
            shown = time.perf_counter()
            searches.append(Search(kind=kind, found=found - began, shown=shown - began))
            if (path is None) is not (kind == "nobody"):
                raise BenchError(f"{text} was {'not ' if path is None else ''}found")
    return searches


async def _somebody(_request: Request) -> Visitor:
    return Visitor(name="bench", rights=frozenset(Right))


def _nothing(job: str, conf: Mapping[str, Any], *, who: str) -> str:
    raise ActRefusedError(f"{who} starts no {job} here: {sorted(conf)}")


async def _find(browser: httpx.AsyncClient, text: str) -> str | None:
    """Search as the page does; return where it leads, None where nothing is known. Raises BenchError for several."""
    answer = await browser.post("/search", data={"text": text}, headers=OURS)
    answer.raise_for_status()
    path: str | None = answer.headers.get("HX-Redirect")
    if path is None and "Nothing is known" not in answer.text:
        raise BenchError(f"{text} names several")
    return path


def _drop(server: psycopg.Connection) -> None:
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
    server.execute(statement.format(sql.Identifier(DATABASE)))
