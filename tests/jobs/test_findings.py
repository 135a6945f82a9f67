"""Findings: what a person has to know is told once, ends by itself or by her, and holds nobody up."""

from datetime import timedelta
from uuid import UUID

import pytest

from include.clock import FixedClock
from include.errors import ActRefusedError
from include.links import Links
from include.notify.findings import close_finding, note_findings
from include.notify.outbox import send_due
from include.person import person_from
from include.store.findings import Finding, FindingKind, FindingState
from include.vendors.slack.client import Slack
from tests.contract.conftest import slack_client_of
from tests.factories import NOW

ADA, BEA = UUID(int=1), UUID(int=2)
GRACE = person_from("grace", "both are hers, and she knows")
LINKS = Links(airflow_url="https://airflow.example")


def pays_twice(member_id=ADA, **changes):
    """Make a finding about somebody."""
    usual = {
        "kind": FindingKind.PAYS_TWICE,
        "subject": f"member:{member_id}",
        "words": "cus_1 and cus_2 both pay",
        "member_id": member_id,
    }
    return Finding(**{**usual, **changes})


class Watch:
    """Somebody who looks for findings, and the staff's channel."""

    def __init__(self, world):
        self.store, self.sandbox, self.clock = world.store, world.sandbox, FixedClock(NOW)
        self.query = world.query
        self.slack = Slack(
            slack_client_of(world.sandbox), ops_channel="C0OPSALERTS", staff_channel="C0STAFF0001"
        )
        self.sandbox.ask("PATCH", "settings", json={"slack_limits": False})

    def look(self, *found):
        """Look for whether Ada pays twice, find this, and send what is due."""
        with self.store.transaction():
            note_findings(
                found,
                checked={pays_twice().key},
                job="mailchimp_sync",
                store=self.store,
                now=self.clock.now(),
            )
        self.clock.advance(timedelta(minutes=1))
        self.send()

    def send(self):
        """Send what is due."""
        return send_due(store=self.store, slack=self.slack, links=LINKS, clock=self.clock)

    def close(self, number=1):
        """Close a finding in a person's name."""
        close_finding(number, person=GRACE, store=self.store, now=self.clock.now())
        self.send()

    def open(self):
        """Return the subjects of the open findings."""
        return [one.subject for one in self.store.findings.read()]

    def told(self):
        """Return the messages to the staff, without markup, each with whether it is a reply."""
        messages = self.sandbox.ask("GET", "state/slack")["messages"]
        assert {message["channel"] for message in messages} <= {"C0STAFF0001"}
        return [
            (message["text"].split("\n")[0], message.get("thread_ts") is not None)
            for message in messages
        ]


NEWS = (":mag: *Pays twice*: cus_1 and cus_2 both pay", False)
IS_OVER = (":white_check_mark: pays twice: it is not so any more", True)


@pytest.fixture
def watch(world):
    return Watch(world)


def test_finding_is_told_once(watch):
    """Found every night, it is one row and one message."""
    for _ in range(3):
        watch.look(pays_twice())

    assert watch.told() == [NEWS]
    assert watch.store.findings.counts() == {FindingKind.PAYS_TWICE: 1}


def test_finding_ends_by_itself(watch):
    """What was looked for and is not so any more is over, and said to be."""
    watch.look(pays_twice())
    watch.look()
    watch.look()

    assert watch.open() == []
    assert watch.told() == [NEWS, IS_OVER]


def test_finding_that_was_not_looked_for_stays(watch):
    """Who looks at one member says nothing about another."""
    watch.look(pays_twice(), pays_twice(BEA))
    watch.look(pays_twice())

    assert set(watch.open()) == {f"member:{ADA}", f"member:{BEA}"}


def test_finding_that_comes_back_is_news(watch):
    """It was over: this is another time."""
    watch.look(pays_twice())
    watch.look()
    watch.look(pays_twice())

    assert watch.told() == [NEWS, IS_OVER, NEWS]


def test_closed_finding_stays_closed(watch):
    """A person has said why it may be so: to find it again is no news."""
    watch.look(pays_twice())
    watch.close()
    watch.look(pays_twice())

    assert watch.open() == []
    closing = (":white_check_mark: pays twice: closed by grace: both are hers, and she knows", True)
    assert watch.told() == [NEWS, closing]


def test_closed_finding_comes_back_when_it_was_over(watch):
    """What she has said was about that time."""
    watch.look(pays_twice())
    watch.close()
    watch.look()
    watch.look(pays_twice())

    assert watch.open() == [f"member:{ADA}"]
    assert [text for text, _ in watch.told()].count(NEWS[0]) == 2


def test_each_cause_is_told_once(watch):
    """A deleted account that is billed again is news with each charge, but not with its second delivery."""
    for charge in ("ch_1", "ch_2", "ch_1", "ch_2"):
        watch.look(pays_twice(cause=charge))

    assert watch.told() == [NEWS, NEWS]
    assert len(watch.open()) == 1


def test_new_cause_opens_what_a_person_has_closed(watch):
    """She could not know of it."""
    watch.look(pays_twice(cause="ch_1"))
    watch.close()
    watch.look(pays_twice(cause="ch_2"))

    assert watch.open() == [f"member:{ADA}"]


def test_closing_is_audited_with_who_and_why(watch):
    """Like every decision of a person's."""
    watch.look(pays_twice())
    watch.close()

    rows = watch.query("SELECT actor, action, metadata FROM ops.audit_log ORDER BY id")
    assert [(row["actor"], row["action"]) for row in rows] == [
        ("system:mailchimp_sync", "finding:open"),
        ("user:grace", "finding:close"),
    ]
    assert rows[1]["metadata"]["why"] == GRACE.why


def test_what_is_not_open_is_not_closed(watch):
    """A person is told what it is instead."""
    watch.look(pays_twice())
    watch.close()

    with pytest.raises(ActRefusedError, match="finding 1 is closed"):
        watch.close()
    with pytest.raises(ActRefusedError, match="there is no finding 7"):
        watch.close(7)


def test_address_in_words_is_not_told(watch):
    """Slack gets no address, whatever a reason holds."""
    watch.look(pays_twice(words="ada@example.org pays twice"))

    assert "(an address) pays twice" in watch.told()[0][0]


def test_merged_members_findings_go_with_them(watch):
    """What was known of one is known of who she is now; of two alike one is over."""
    watch.look(pays_twice(), pays_twice(BEA), pays_twice(BEA, kind=FindingKind.DISPUTE))
    watch.store.findings.move({BEA: ADA})

    assert set(watch.open()) == {f"member:{ADA}"}
    assert watch.store.findings.counts() == {FindingKind.PAYS_TWICE: 1, FindingKind.DISPUTE: 1}
    states = {one.state for one in watch.store.findings.read(tuple(FindingState))}
    assert states == {FindingState.OPEN, FindingState.OVER}
