"""What is wrong beside how the jobs do: processes, parts, runs that are not started, messages that are not sent."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from include.relay.health_issue import OPS, HealthIssue, counted, wait

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from include.operate.health import PartHealth
    from include.operate.report import ProcessStatus
    from include.relay.airflow_health import AirflowHealth
    from include.store.dispatches import Dispatch
    from include.store.notices import Notice

PARTS_TO_DO = {
    "database": "start it, or mend the way to it; until then vendors send their webhooks again",
    "sandbox": "see its log; it is started again by itself",
}
MAX_NAMED = 3
RELAY_TO_DO = "see its log and its database; vendors send again what was not answered"


def summary(issues: Sequence[HealthIssue]) -> str:
    """Return in words in how many ways it is not well; nothing where it is well."""
    ways = f", in {len(issues)} ways" if len(issues) > 1 else ""
    return f"Not well{ways}" if issues else ""


def of_processes(processes: Iterable[ProcessStatus]) -> Iterator[HealthIssue]:
    """Yield the processes that do not run."""
    for one in processes:
        if one.state == "RUNNING":
            continue
        is_lost = one.state in ("FATAL", "STOPPED")
        to_do = (
            f"see the log of {one.name}, then start anew"
            if is_lost
            else "nothing: it is started again"
        )
        yield HealthIssue(
            what=f"the process {one.name} is {one.state.lower()}", why=one.last_exit, to_do=to_do
        )


def of_parts(parts: Iterable[PartHealth], health: AirflowHealth | None) -> Iterator[HealthIssue]:
    """Yield the parts that are not well; those of Airflow where the tables, assessed with them, say nothing."""
    if health and health.problem:
        yield HealthIssue(what=health.problem, to_do="see that the API server runs")
    for one in parts:
        if one.ok:
            continue
        if one.part in PARTS_TO_DO:
            yield HealthIssue(what=f"the {one.part} {one.words}", to_do=PARTS_TO_DO[one.part])
        elif one.part.startswith("relay"):
            yield HealthIssue(what=f"the {one.part} {one.words}", to_do=RELAY_TO_DO)


def of_runs(in_flight: Iterable[Dispatch]) -> Iterator[HealthIssue]:
    """Yield why runs are not started or do not go on: a cause once, with all rows that wait for it."""
    alike: dict[tuple[str, str], list[Dispatch]] = defaultdict(list)
    for one in in_flight:
        if one.problem:
            alike[one.job, one.problem].append(one)
    for (job, problem), runs in alike.items():
        yield HealthIssue(
            what=f"runs of {job} do not go on",
            since=min(one.claimed_at for one in runs),
            why=problem,
            waiting=wait(sum(one.rows for one in runs), "row"),
            to_do="mend that; the relay tries it again by itself",
        )


def of_ends(counts: Mapping[str, int], problems: Mapping[int, str]) -> Iterator[HealthIssue]:
    """Yield what keeps memberships from ending when they should."""
    to_do = f"see `{OPS} deactivations list`"
    if overdue := counts.get("overdue", 0):
        yield HealthIssue(
            what=f"{counted(overdue, 'membership')} should have ended",
            waiting="their members keep what they have",
            to_do=to_do,
        )
    for problem in dict.fromkeys(problems.values()):
        numbers = [str(number) for number, one in problems.items() if one == problem]
        waiting = f"among them {', '.join(numbers[:MAX_NAMED])}"
        yield HealthIssue(
            what="planned ends cannot go on", why=problem, waiting=waiting, to_do=to_do
        )


def of_messages(untold: Iterable[Notice]) -> Iterator[HealthIssue]:
    """Yield why people have not got messages: a cause once."""
    alike: dict[str, int] = defaultdict(int)
    for one in untold:
        if one.problem:
            alike[one.problem] += 1
    for problem, number in alike.items():
        what = f"{counted(number, 'message')} to people not sent yet"
        yield HealthIssue(
            what=what, why=problem, to_do="mend that; they are tried again by themselves"
        )
