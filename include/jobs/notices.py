"""Tell people about failed runs: what is noted, what is said, when it is over.

A failure is noted in the database first and sent then, by whoever gets to it: the callback of the run that
failed, the next callback, or `reconciliation`. A message is sent twice only where a process dies between
Slack's answer and the note of it, or where Slack's answer is lost.
"""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import structlog

from include.alerts.texts import Link
from include.errors import PermanentVendorError, Scope, VendorBusyError, VendorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from include.clients.slack import Slack
    from include.clock import Clock
    from include.store import Store
    from include.store.notices import Damage, Facts, FailedRun, Notice

QUIET = timedelta(minutes=15)  # in which the same failure is counted and not told again
LEASE = timedelta(minutes=1)  # for whoever sends; a message and its time-out take some seconds
AT_ONCE = 10  # Slack takes one message a second of a channel; a callback has 50 s for all it does
SHORT_PAUSE = 2.0  # seconds that are waited on the spot: Slack wants one between two messages
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(minutes=30)
REVIEW = "dead_letter_review"  # the job in which people decide, and its runbook
LATE = "late"  # why of a run that has not failed: its deadline has passed
SHOWN_REASONS = 3
MAX_SHOWN_LETTERS = 5
LONGEST_REASON = 300

ADDRESS = re.compile(r"[^\s@<>|]+@[^\s@<>|]+")
VARYING = re.compile(
    r"\b(?=\w*\d)[\w-]+\b"
)  # ids, counts, statuses: what differs between two alike

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """What Airflow says of a failed run: why, and the task that failed with its try."""

    why: str | None = None
    task: str | None = None
    try_number: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Where things are found: Airflow's UI, the folder of the runbooks (empty: in the repository), and `ops`."""

    airflow_url: str
    runbook_url: str = ""
    command: str = "./ops"

    def run(self, job: str, dag_run_id: str) -> str:
        """Return the address of a run."""
        return f"{self.airflow_url.rstrip('/')}/dags/{job}/runs/{quote(dag_run_id, safe='')}"

    def task_log(self, job: str, dag_run_id: str, task: str, try_number: int | None) -> str:
        """Return the address of a task's log."""
        tail = f"?try_number={try_number}" if try_number else ""
        return f"{self.run(job, dag_run_id)}/tasks/{task}{tail}"

    def question(self, job: str, dag_run_id: str, task: str) -> str:
        """Return the address where a waiting task is answered."""
        return f"{self.run(job, dag_run_id)}/tasks/{task}/required_actions?map_index=-1"

    @property
    def waiting(self) -> str:
        """Return the console's page of what needs a person."""
        return f"{self.airflow_url.rstrip('/')}/ops/waiting"

    def runbook(self, job: str) -> str:
        """Return a link to the page that says what to do, or where it is."""
        page = f"{job}.md"
        if not self.runbook_url:
            return f"runbook: `docs/runbooks/{page}`"
        return _link(f"{self.runbook_url.rstrip('/')}/{page}", "runbook")


@dataclass(frozen=True, kw_only=True, slots=True)
class Success:
    """A run of a job that ended well."""

    dag_run_id: str
    ended_at: datetime


# --- what is noted ---


def note_failure(run: FailedRun, cause: Cause, *, store: Store, clock: Clock) -> bool:
    """Note that a run has failed; return False where this failure is noted already."""
    damage, now = store.notices.damage(run.dag_run_id), clock.now()
    return store.notices.note(
        run,
        key=":".join(filter(None, (run.job, run.kind, fingerprint_of(cause, damage)))),
        facts=_facts(run, cause, damage),
        inbox_ids=damage.inbox_ids,
        quiet_since=now - QUIET,
        now=now,
    )


def note_question(  # noqa: PLR0913 - what a question is, by name
    job: str, dag_run_id: str, *, task: str, letters: int, store: Store, now: datetime
) -> None:
    """Have people told that a run waits for their answer: once per run."""
    facts = {"kind": "question", "dag_run_id": dag_run_id, "task": task, "letters": letters}
    store.notices.put(_question_key(job, dag_run_id), job=job, facts=facts, now=now)


def note_new_letters(*, store: Store, now: datetime) -> None:
    """Have people told of the dead letters that are new, alike ones together, whether a review goes on or not."""
    with store.transaction():
        new = store.dead_letters.take_unannounced(now=now)
        for job, fingerprint in sorted({(one.job, one.fingerprint) for one in new}):
            alike = [one for one in new if (one.job, one.fingerprint) == (job, fingerprint)]
            newest = alike[-1]
            facts = {
                "kind": "dead_letters",
                "ids": [one.id for one in alike[-MAX_SHOWN_LETTERS:]],
                "what": f"{newest.error_class}: {_clean(newest.reason)}",
                "dag_run_id": newest.dag_run_id,
            }
            key = f"dead_letters:{job}:{fingerprint}"
            store.notices.renew(key, job=job, facts=facts, count=len(alike), now=now)


def move_question(job: str, old_run_id: str, dag_run_id: str, *, store: Store) -> None:
    """Have it said in the thread of a question how it ended that another run puts again: nobody is told twice."""
    old, new = _question_key(job, old_run_id), _question_key(job, dag_run_id)
    store.notices.move(old, new, facts={"dag_run_id": dag_run_id})


def close_question(job: str, dag_run_id: str, *, how: str, store: Store, now: datetime) -> None:
    """Have it said in the thread of the question how that ended."""
    notice = store.notices.get(_question_key(job, dag_run_id))
    if notice is not None:
        store.notices.recover(notice, recovery={"how": how}, now=now)


def _question_key(job: str, dag_run_id: str) -> str:
    return f"{job}:question:{dag_run_id}"


def fingerprint_of(cause: Cause, damage: Damage) -> str:
    """Return what two failures of a job share that a person would call the same."""
    if cause.why == LATE:
        return LATE
    alike = sorted({VARYING.sub("#", reason) for reason in damage.reasons})
    parts = alike or [cause.why or "", cause.task or ""]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _facts(run: FailedRun, cause: Cause, damage: Damage) -> Facts:
    return {
        "dag_run_id": run.dag_run_id,
        "run_kind": run.kind,
        "what": _what(cause, damage),
        "why": cause.why,
        "task": cause.task,
        "try_number": cause.try_number,
        "members": damage.members,
        "rows": len(damage.inbox_ids),
    }


def _what(cause: Cause, damage: Damage) -> str:
    """Say in plain words what failed: our own reasons where there are any, else what Airflow knows."""
    if cause.why == LATE:
        return "the run is not over in time; it goes on, or waits to start"
    if damage.reasons:
        shown = [_clean(reason) for reason in damage.reasons[:SHOWN_REASONS]]
        more = len(damage.reasons) - len(shown)
        return "; ".join([*shown, *([f"and {more} more reasons"] if more else [])])
    if cause.why == "timed_out":
        return "the run took longer than it may"
    if cause.why == "all_tasks_deadlocked":
        return "its tasks wait for each other"
    return f"the task `{cause.task}` failed; its log says why" if cause.task else "the run failed"


def _clean(reason: str) -> str:
    """Keep addresses out, whatever a reason holds, and its length within bounds."""
    return ADDRESS.sub("(an address)", reason)[:LONGEST_REASON]


# --- what is said ---


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What came of sending: how many messages, and why one could not be sent."""

    messages: int
    problem: str | None = None


def send_due(
    *,
    store: Store,
    slack: Slack,
    links: Links,
    clock: Clock,
    pause: Callable[[float], None] = time.sleep,
) -> Sent:
    """Send what is due. A Slack that is down raises nothing: the messages wait.

    What is refused about one message is that message's failure alone. Where Slack as a whole is away or busy, the
    others wait with it, and are the first to be tried then. One whose answer was lost is sent again: told twice is
    better than never. `pause` waits for the second that Slack wants between two messages.
    """
    now, messages, desk = clock.now(), 0, _Desk(slack, links, pause)
    note_new_letters(store=store, now=now)
    due = store.notices.take_due(
        now=now, quiet_since=now - QUIET, leased_until=now + LEASE, limit=AT_ONCE
    )
    problem: str | None = None
    for number, notice in enumerate(due, start=1):
        try:
            messages += _tell(notice, desk, store=store, now=now)
        except VendorError as error:
            problem = problem or str(error)
            _put_off(notice, error, store=store, now=now)
            if error.scope is Scope.VENDOR:
                store.notices.defer(due[number:], until=now + _pause_after(1, error))
                break
    return Sent(messages=messages, problem=problem)


def _put_off(notice: Notice, error: VendorError, *, store: Store, now: datetime) -> None:
    """Have a message tried again later; one that is refused for what it says is given up, and shown."""
    is_given_up = error.scope is Scope.MESSAGE
    log.warning("notice.waits", key=notice.key, problem=str(error), is_given_up=is_given_up)
    if is_given_up:
        store.notices.give_up(notice, problem=str(error), now=now)
    else:
        later = now + _pause_after(notice.attempts, error)
        store.notices.postpone(notice, problem=str(error), next_try_at=later)


class _Desk:
    """Puts messages into the channel."""

    def __init__(self, slack: Slack, links: Links, pause: Callable[[float], None]) -> None:
        self._slack = slack
        self._pause = pause
        self.links = links

    def post(
        self,
        text: str,
        *,
        buttons: Sequence[Link] = (),
        to_staff: bool = False,
        thread_ts: str | None = None,
    ) -> str:
        """Post a message; where Slack wants a short pause first, after that; where its thread is gone, without it."""
        channel = self._slack.staff_channel if to_staff else self._slack.ops_channel
        try:
            return self._post(channel, text, buttons, thread_ts)
        except PermanentVendorError as error:
            if error.scope is not Scope.THREAD or thread_ts is None:
                raise
        # The call that was refused counts: Slack may want its pause here, too.
        return self._post(channel, text, buttons, None)

    def _post(self, channel: str, text: str, buttons: Sequence[Link], thread_ts: str | None) -> str:
        try:
            return self._slack.post_message(channel, text, buttons=buttons, thread_ts=thread_ts)
        except VendorBusyError as error:
            if error.retry_after_seconds is None or error.retry_after_seconds > SHORT_PAUSE:
                raise
            self._pause(error.retry_after_seconds)
        return self._slack.post_message(channel, text, buttons=buttons, thread_ts=thread_ts)


def _tell(notice: Notice, desk: _Desk, *, store: Store, now: datetime) -> int:
    """Send a failure, its recovery in the thread, or both; return how many messages that were."""
    messages, thread_ts = 0, notice.thread_ts
    kind = notice.facts.get("kind", "failure")
    is_finding = kind == "finding"
    if _failure_is_due(notice, now):
        thread_ts = desk.post(
            TEXTS[kind](notice, desk.links),
            buttons=buttons_of(notice, desk.links),
            to_staff=is_finding,
        )
        store.notices.told(notice, thread_ts=thread_ts, now=now)
        messages += 1
    if not notice.recovery_told and thread_ts is not None:
        desk.post(recovery_text(notice, desk.links), to_staff=is_finding, thread_ts=thread_ts)
        store.notices.recovery_told(notice, now=now)
        messages += 1
    return messages


def _failure_is_due(notice: Notice, now: datetime) -> bool:
    if notice.posted_at is None:
        return True
    is_news = notice.state == "open" and notice.told < notice.count
    return is_news and notice.posted_at <= now - QUIET


def _pause_after(attempts: int, problem: VendorError) -> timedelta:
    """Return how long to wait: what Slack asks for, else twice as long as before."""
    asked = problem.retry_after_seconds if isinstance(problem, VendorBusyError) else None
    if asked is not None:
        return timedelta(seconds=asked)
    return min(FIRST_PAUSE * (1 << min(max(attempts - 1, 0), 10)), LONGEST_PAUSE)


def buttons_of(notice: Notice, links: Links) -> tuple[Link, ...]:
    """Return what can be opened from a message: what its text links to."""
    facts, job = notice.facts, notice.job
    match facts.get("kind", "failure"):
        case "failure":
            return (Link(text="Open the run", url=links.run(job, facts["dag_run_id"])),)
        case "question":
            page = links.question(job, facts["dag_run_id"], facts["task"])
            return (Link(text="Decide", url=page),)
        case _:
            return (Link(text="Open", url=links.waiting),)


def failure_text(notice: Notice, links: Links) -> str:
    """Return the message about a failure, in Slack's mrkdwn."""
    facts, job = notice.facts, notice.job
    run = facts["dag_run_id"]
    is_late = facts.get("why") == LATE
    verb = "is late" if is_late else "failed"
    lines = [f":red_circle: *{job}* {verb}: {_escape(facts['what'])}"]
    affected = _affected(facts)
    if affected:
        lines.append(f"Affected: {affected}.")
    if notice.count > 1:
        lines.append(f"{notice.count} times since {notice.opened_at:%Y-%m-%d %H:%M} UTC.")
    places = [_link(links.run(job, run), "run")]
    if facts["task"]:
        log_url = links.task_log(job, run, facts["task"], facts["try_number"])
        places.append(_link(log_url, f"log of {facts['task']}"))
    places.append(links.runbook(job))
    places.append(f"dead letters: `{links.command} dead-letters list --run {_escape(run)}`")
    return "\n".join([*lines, " | ".join(places)])


def counted(number: int, noun: str) -> str:
    """Return a number and what it counts: "1 dead letter", "2 dead letters"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def question_text(notice: Notice, links: Links) -> str:
    """Return the message that a run waits for people."""
    facts = notice.facts
    letters = counted(facts["letters"], "dead letter")
    answer = _link(links.question(notice.job, facts["dag_run_id"], facts["task"]), "Decide")
    return (
        f":raising_hand: A decision is wanted about {letters}. {answer}"
        f" | look at them: `{links.command} dead-letters list`"
    )


def letters_text(notice: Notice, links: Links) -> str:
    """Return the message that dead letters are new."""
    facts, ids = notice.facts, " ".join(map(str, notice.facts["ids"]))
    lines = [
        f":envelope: {counted(notice.count, 'new dead letter')} of *{notice.job}*: {_escape(facts['what'])}"
    ]
    run = facts["dag_run_id"]
    places = [_link(links.run(notice.job, run), "run")] if run else []
    places.append(_link(links.waiting, "console"))
    places.append(f"`{links.command} dead-letters list {ids}`")
    places.append(links.runbook(REVIEW))
    return "\n".join([*lines, " | ".join(places)])


def finding_text(notice: Notice, links: Links) -> str:
    """Return the message about what a person has to know."""
    facts = notice.facts
    what = str(facts["finding"]).replace("_", " ").capitalize()
    lines = [f":mag: *{what}*: {_escape(_clean(facts['words']))}"]
    console = _link(links.waiting, "close it in the console")
    lines.append(
        f'If it may stay so: {console}, or `{links.command} findings close {facts["id"]} --reason "…"`'
    )
    return "\n".join(lines)


TEXTS = {
    "failure": failure_text,
    "question": question_text,
    "finding": finding_text,
    "dead_letters": letters_text,
}


def recovery_text(notice: Notice, links: Links) -> str:
    """Return the message that it is over."""
    recovery = notice.recovery or {}
    if "how" in recovery:
        return f":white_check_mark: {_escape(_clean(recovery['how']))}"
    run = recovery.get("dag_run_id")
    if run:
        how = f"{_link(links.run(notice.job, run), 'a later run')} ended well"
    else:
        how = "all that it had left undone is done or decided"
    times = "once" if notice.count == 1 else f"{notice.count} times"
    return f":large_green_circle: *{notice.job}* works again: {how}. It had failed {times}."


def _affected(facts: Mapping[str, Any]) -> str:
    counts = [(facts["members"], "member"), (facts["rows"], "row")]
    return ", ".join(counted(number, what) for number, what in counts if number)


def _link(url: str, text: str) -> str:
    return f"<{url}|{_escape(text)}>"


def _escape(text: str) -> str:
    """Escape the three characters that Slack reads as markup (docs.slack.dev, formatting)."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# --- when it is over ---


def close_recovered(
    successes: Mapping[tuple[str, str], Success], *, store: Store, clock: Clock
) -> int:
    """Close the failures that are over; return how many.

    One that left rows behind is over when these have ended well, another one with the next run of its own kind that
    does: a dry run, or one of a single event, says nothing of the schedule's. `successes` has the newest such run
    of each job and kind.
    """
    closed = 0
    for found in store.notices.read_open():
        notice = found.notice
        success = _success_of(notice, successes)
        if found.has_rows:
            recovery = None if found.open_rows else {"rows": "well"}
        elif success is not None and success.ended_at > notice.seen_at:
            recovery = {"dag_run_id": success.dag_run_id}
        else:
            recovery = None
        if recovery is not None:
            closed += store.notices.recover(notice, recovery=recovery, now=clock.now())
    return closed


def _success_of(notice: Notice, successes: Mapping[tuple[str, str], Success]) -> Success | None:
    """Return the newest success of the kind that failed; where that is not known, of any."""
    kind = notice.facts.get("run_kind") or ""
    of_job = [
        one
        for (job, other), one in successes.items()
        if job == notice.job and (not kind or kind == other)
    ]
    return max(of_job, key=lambda one: one.ended_at, default=None)
