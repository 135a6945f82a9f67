"""What the messages about failures, questions, findings and dead letters say, in Slack's mrkdwn. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.alerts.texts import Link
from include.errors import ADDRESS
from include.vendors.slack.texts import escaped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from include.links import Links
    from include.store.notices import Notice

DEAD_LETTER_PAGE = "dead_letter"  # the runbook about a dead letter; the review job has its own
LATE = "late"  # why of a run that has not failed: its deadline has passed
MAX_REASON = 300


def clean(reason: str) -> str:
    """Keep addresses out, whatever a reason holds, and its length within bounds."""
    return ADDRESS.sub("(an address)", reason)[:MAX_REASON]


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
    lines = [f":red_circle: *{job}* {verb}: {escaped(facts['what'])}"]
    affected = _affected(facts)
    if affected:
        lines.append(f"Affected: {affected}.")
    if notice.count > 1:
        lines.append(f"{notice.count} times since {notice.opened_at:%Y-%m-%d %H:%M} UTC.")
    places = [_link(links.run(job, run), "run")]
    if facts["task"]:
        log_url = links.task_log(job, run, facts["task"], facts["try_number"])
        places.append(_link(log_url, f"log of {facts['task']}"))
    places.append(_runbook(links, job))
    places.append(f"dead letters: `{links.command} dead-letters list --run {escaped(run)}`")
    return "\n".join([*lines, " | ".join(places)])


def counted(number: int, noun: str) -> str:
    """Return a number and what it counts: "1 dead letter", "2 dead letters"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def question_text(notice: Notice, links: Links) -> str:
    """Return the message that a run waits for people."""
    facts = notice.facts
    dead_letters = counted(facts["letters"], "dead letter")
    answer = _link(links.question(notice.job, facts["dag_run_id"], facts["task"]), "Decide")
    return (
        f":raising_hand: A decision is wanted about {dead_letters}. {answer}"
        f" | look at them: `{links.command} dead-letters list`"
    )


def dead_letters_text(notice: Notice, links: Links) -> str:
    """Return the message that dead letters are new."""
    facts, ids = notice.facts, " ".join(map(str, notice.facts["ids"]))
    lines = [
        f":envelope: {counted(notice.count, 'new dead letter')} of *{notice.job}*: {escaped(facts['what'])}"
    ]
    run = facts["dag_run_id"]
    places = [_link(links.run(notice.job, run), "run")] if run else []
    places.append(_link(links.waiting, "console"))
    places.append(f"`{links.command} dead-letters list {ids}`")
    places.append(_runbook(links, DEAD_LETTER_PAGE))
    return "\n".join([*lines, " | ".join(places)])


def finding_text(notice: Notice, links: Links) -> str:
    """Return the message about what a person has to know."""
    facts = notice.facts
    what = str(facts["finding"]).replace("_", " ").capitalize()
    lines = [f":mag: *{what}*: {escaped(clean(facts['words']))}"]
    console = _link(links.waiting, "close it in the console")
    lines.append(
        f'If it may stay so: {console}, or `{links.command} findings close {facts["id"]} --reason "…"`'
    )
    return "\n".join(lines)


TEXTS = {
    "failure": failure_text,
    "question": question_text,
    "finding": finding_text,
    "dead_letters": dead_letters_text,
}


def recovery_text(notice: Notice, links: Links) -> str:
    """Return the message that it is over."""
    recovery = notice.recovery or {}
    if "how" in recovery:
        return f":white_check_mark: {escaped(clean(recovery['how']))}"
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


def _runbook(links: Links, job: str) -> str:
    """Return a link to the page that says what to do, or where it is."""
    page = links.runbook(job)
    return _link(page, "runbook") if links.runbook_url else f"runbook: `{page}`"


def _link(url: str, text: str) -> str:
    return f"<{url}|{escaped(text)}>"
