"""What needs a person: by name, one by one, and many at once after their count."""

import pytest

from include.errors import ErrorClass
from include.store.dead_letters import Failure, LetterState
from include.store.findings import Finding, FindingKind
from tests.jobs.console.conftest import plain


@pytest.fixture
def letters(world):
    """Give three alike dead letters that are nobody's, and one of another kind."""
    reasons = [*(f"run {n} is gone" for n in range(3)), "quite another cause"]
    return [
        world.store.dead_letters.open_case(
            Failure(
                job="slack_status_sync",
                subject=f"run:{number}",
                error_class=ErrorClass.PERMANENT,
                reason=reason,
            ),
            now=world.clock.now(),
        )
        for number, reason in enumerate(reasons)
    ]


def test_who_needs_a_decision_is_said_by_name(console, world, unanswered):
    """Whom it is about, since when, why, and what is likely right; for who may not see names, that it is somebody."""
    page = console().text("/waiting")
    assert "1 to decide" in page
    assert "Ada Lovelace , since" in page
    assert "the answer to the call was lost. Likely right: send the welcome again." in page

    page = console("viewer").text("/waiting")
    assert "Lovelace" not in page
    assert f"Member {str(unanswered)[:8]}" in page
    assert "Try again" not in page
    assert "dead letters 1" in console("viewer").text("/card")


def test_many_are_decided_after_their_count(console, world, letters):
    """The first press counts; the second does it, if the count is still the same; then each is in the audit log."""
    form = {"job": letters[0].job, "fingerprint": letters[0].fingerprint, "act": "abandon"}
    form |= {"why": "Slack was renamed"}

    asked = plain(console().submit("/waiting/all", **form).text)
    assert "Let them be: 3 dead letters?" in asked
    assert "Let them be: 3 dead letters?" in plain(
        console().submit("/waiting/all", **form, sure="2").text
    )
    assert world.store.dead_letters.counts()[LetterState.OPEN] == 4
    said = plain(console().submit("/waiting/all", **form, sure="3").text)

    assert "Let be: 3 of 3." in said
    assert world.store.dead_letters.counts() == {LetterState.OPEN: 1, LetterState.ABANDONED: 3}
    rows = world.query(
        "SELECT actor, metadata FROM ops.audit_log WHERE action = 'dead_letter:abandon'"
    )
    assert {(row["actor"], row["metadata"]["why"]) for row in rows} == {
        ("user:community", "Slack was renamed")
    }


@pytest.mark.parametrize(
    "wrong", [{"act": "compensate"}, {"act": "nonsense"}, {"why": ""}, {"why": "for a@b.example"}]
)
def test_what_cannot_be_done_to_many_changes_nothing(console, world, letters, wrong):
    """An act that is not for many, or no reason that can be kept: it is said, and nothing is done."""
    form = {"job": letters[0].job, "fingerprint": letters[0].fingerprint, "act": "abandon"}

    page = plain(
        console().submit("/waiting/all", **{**form, "why": "x", "sure": "3", **wrong}).text
    )

    assert "Nothing is changed: " in page
    assert world.store.dead_letters.counts() == {LetterState.OPEN: 4}


def test_nobodys_dead_letter_is_decided_on_the_list(console, world, letters):
    """What is no member's has its buttons there; the filter shows it alone."""
    page = console().text(f"/waiting?ids={letters[3].id}")
    assert "1 to decide among these" in page
    assert "quite another cause" in page
    assert "Likely right: close: it is known." in page
    form = {"act": f"replay:{letters[3].id}", "why": "again"}
    said = plain(console().submit("/waiting/act", **form).text)
    assert "Nothing is changed: 1 not changed" in said
    assert "has no events, and its next run does the work" in said

    form = {"act": f"abandon:{letters[3].id}", "why": "known"}
    assert "Let be." in plain(console().submit("/waiting/act", **form).text)
    assert world.store.dead_letters.get(letters[3].id).state is LetterState.ABANDONED


def test_finding_is_closed_with_a_reason(console, world):
    """It is told until somebody says why it may stay so."""
    finding = Finding(
        kind=FindingKind.UNKNOWN_PRICE, subject="price:1", words="nobody knows price 1"
    )
    world.store.findings.keep(finding, now=world.clock.now())
    assert "unknown price: nobody knows price 1." in console().text("/waiting")

    said = console().submit("/waiting/act", act="close_finding:1", why="a gift card")

    assert "Closed: " in plain(said.text)
    assert "Nothing to decide" in console().text("/waiting")
