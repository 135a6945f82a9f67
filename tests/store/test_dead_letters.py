"""Dead letters: one per case, with every try; who may change what; what alike ones are."""

from datetime import timedelta
from uuid import UUID

import pytest

from include.errors import CommandError, ErrorClass
from include.operate.dead_letters.filter_options import DeadLetterFilter, filter_from
from include.store.dead_letters import DeadLetterAction, DeadLetterState, Failure, Filter, Severity
from include.store.inbox import InboxState
from tests.store.arrivals import NOW, receive

ADA, EVE = UUID(int=1), UUID(int=2)
DOWN = "Mailchimp is out of service"


def failure(member=ADA, **changes):
    """Make a failed try of a member's sync."""
    values = {
        "job": "mailchimp_sync",
        "subject": f"member:{member}",
        "error_class": ErrorClass.TRANSIENT,
        "reason": DOWN,
        "vendor": "mailchimp",
        "member_id": member,
        "dag_run_id": "run_1",
    }
    return Failure(**{**values, **changes})


def later(**time):
    return NOW + timedelta(**time)


def test_a_case_is_one_letter_with_every_try(store):
    """Whatever fails there again adds an attempt, not a letter."""
    rows = receive(store, "evt_1", "evt_2")
    first = store.dead_letters.open_case(failure(inbox_ids=(rows[0],)), now=NOW)
    again = failure(inbox_ids=(rows[1],), dag_run_id="run_2", reason="Mailchimp answers 500")

    letter = store.dead_letters.open_case(again, now=later(minutes=1))

    assert (letter.id, letter.attempts, letter.state) == (first.id, 2, DeadLetterState.OPEN)
    assert (letter.first_seen_at, letter.last_seen_at) == (NOW, later(minutes=1))
    assert (letter.reason, letter.dag_run_id) == ("Mailchimp answers 500", "run_2")
    assert store.dead_letters.inbox_ids(letter.id) == rows
    assert [a.dag_run_id for a in store.dead_letters.attempts(letter.id)] == ["run_1", "run_2"]


def test_a_try_is_written_down_once(store):
    """The callback and the reconciler may both report the same failed run."""
    for _ in range(2):
        letter = store.dead_letters.open_case(failure(try_number=1), now=NOW)

    assert letter.attempts == 1


def test_what_waits_for_a_person_goes_on_waiting(store):
    """A new event of the member that is still being retried does not take her letter away."""
    store.dead_letters.open_case(failure(), now=NOW)

    letter = store.dead_letters.note(failure(), state=DeadLetterState.RETRYING, now=NOW)

    assert (letter.state, letter.attempts) == (DeadLetterState.OPEN, 2)


def test_closed_case_comes_back_as_the_same_letter(store):
    """It began to fail anew, but it is the same case."""
    first = store.dead_letters.open_case(failure(), now=NOW)
    change(store, [first.id], DeadLetterState.REPLAYED)

    letter = store.dead_letters.open_case(failure(dag_run_id="run_2"), now=later(days=1))

    assert (letter.id, letter.state, letter.closed_at) == (first.id, DeadLetterState.OPEN, None)
    assert (letter.first_seen_at, letter.since) == (NOW, later(days=1))


def change(store, ids, state, before=(DeadLetterState.OPEN,), **changes):
    values = {"actor": "user:ada", "why": "why not", "now": NOW}
    return store.dead_letters.change(ids, before=before, state=state, **{**values, **changes})


def test_a_letter_is_changed_once(store):
    """The second click finds it elsewhere; an act does not take a letter twice that has come back."""
    letter = store.dead_letters.open_case(failure(), now=NOW)

    first = change(store, [letter.id], DeadLetterState.REPLAYING, act_id=7)
    second = change(store, [letter.id], DeadLetterState.REPLAYING, act_id=8)
    store.dead_letters.open_case(failure(dag_run_id="run_2"), now=NOW)
    third = change(store, [letter.id], DeadLetterState.REPLAYING, act_id=7)

    assert [moved.state_before for moved in first] == [DeadLetterState.OPEN]
    assert (second, third) == ([], [])


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, 3),
        ({"job": "mailchimp_sync"}, 2),
        ({"member_id": EVE}, 1),
        ({"error_class": ErrorClass.PERMANENT}, 1),
        ({"fingerprint": failure().fingerprint}, 1),
        ({"since": NOW + timedelta(minutes=1)}, 2),
        ({"until": NOW + timedelta(minutes=1)}, 1),
        ({"ids": ()}, 0),
        ({"states": (DeadLetterState.ABANDONED,)}, 0),
    ],
)
def test_filter_means_what_it_says(store, wanted, found):
    """By job, class, fingerprint, member and time; only open ones, unless states are named."""
    store.dead_letters.open_case(failure(), now=NOW)
    eve = failure(EVE, error_class=ErrorClass.PERMANENT, reason="Mailchimp refuses a merge field")
    store.dead_letters.open_case(eve, now=later(minutes=1))
    other = {"job": "member_deactivation", "subject": "run:x", "member_id": None, "reason": "other"}
    store.dead_letters.open_case(failure(**other), now=later(minutes=2))

    letters = store.dead_letters.select(Filter(**wanted))

    assert len(letters) == found
    assert sum(group.count for group in store.dead_letters.groups(Filter(**wanted))) == found


def test_alike_letters_are_a_group(store):
    """Numbers in the reason make no difference; the largest group comes first, with its oldest letter."""
    alone = failure(EVE, error_class=ErrorClass.PERMANENT, reason="Mailchimp refuses the call: 400")
    store.dead_letters.open_case(alone, now=NOW)
    ids = [
        store.dead_letters.open_case(failure(UUID(int=n), reason=f"answers {n}"), now=NOW).id
        for n in (500, 502, 504)
    ]

    groups = store.dead_letters.groups(Filter())

    assert [group.count for group in groups] == [3, 1]
    assert (groups[0].example_id, groups[0].severity) == (ids[0], Severity.ERROR)
    assert groups[1].severity is Severity.WARNING


def test_open_letters_are_counted(store):
    """By state."""
    store.dead_letters.open_case(failure(), now=NOW)
    store.dead_letters.open_case(failure(EVE), now=later(minutes=1))

    assert store.dead_letters.counts() == {DeadLetterState.OPEN: 2}


def test_letter_closes_when_all_its_events_went_well(store):
    """Not with the first of them."""
    rows = receive(store, "evt_1", "evt_2")
    store.dead_letters.open_case(failure(inbox_ids=tuple(rows)), now=NOW)
    finish(store, rows[:1])
    assert store.dead_letters.resolve(rows, now=NOW) == []

    finish(store, rows[1:])
    [moved] = store.dead_letters.resolve(rows, now=NOW)

    assert (moved.state_before, moved.state) == (DeadLetterState.OPEN, DeadLetterState.RESOLVED)


def finish(store, rows, state=InboxState.PROCESSED):
    store.connection.execute(
        "UPDATE ops.inbox SET state = 'dispatched' WHERE id = ANY (%s)", [rows]
    )
    store.inbox.finish(rows, state=state, now=NOW)


def test_later_event_fixes_what_failed(store):
    """Another event of the member that went well after the failure has brought about the same."""
    dead, new = receive(store, "evt_1", "evt_2")
    finish(store, [dead], InboxState.DEAD)
    store.inbox.assign_members({dead: ADA, new: ADA})
    letter = store.dead_letters.open_case(failure(inbox_ids=(dead,)), now=later(seconds=-1))
    assert not store.dead_letters.get(letter.id).is_fixed

    finish(store, [new])

    assert store.dead_letters.get(letter.id).is_fixed
    assert [group.fixed for group in store.dead_letters.groups(Filter())] == [1]


def test_merged_members_letters_go_with_them(store):
    """Under her new id; where both have one, she has two."""
    ours = store.dead_letters.open_case(failure(ADA), now=NOW)
    store.dead_letters.move({ADA: EVE})
    assert store.dead_letters.get(ours.id).subject == f"member:{EVE}"

    other = store.dead_letters.open_case(failure(ADA), now=NOW)
    store.dead_letters.move({ADA: EVE})

    assert {store.dead_letters.get(n).member_id for n in (ours.id, other.id)} == {EVE}
    assert store.dead_letters.get(other.id).subject == f"member:{ADA}"


def test_decision_is_carried_out_from_where_it_stopped(store):
    """It knows all its letters and how far it has come."""
    made = store.dead_letters.decide(
        DeadLetterAction.REPLAY, [3, 1, 2], actor="user:ada", why="mended", per_minute=60, now=NOW
    )
    store.dead_letters.advance(made.id, position=2, done=1, now=NOW)
    [unfinished] = store.dead_letters.unfinished()
    assert (unfinished.dead_letter_ids, unfinished.position) == ([3, 1, 2], 2)

    store.dead_letters.advance(made.id, position=3, done=1, now=NOW)

    assert store.dead_letters.unfinished() == []
    assert store.dead_letters.lock_decision(made.id).done == 2


def person(store, name):
    """Make a user of the platform."""
    row = store.connection.execute(
        "INSERT INTO public.users (id, email) VALUES (gen_random_uuid(), %s) RETURNING id",
        [f"{name}@example.org"],
    ).fetchone()
    return row["id"]


def test_terminal_names_letters_as_people_do(store):
    """A member by her address, a job with either dash, a time as so long ago."""
    ada = person(store, "ada")
    wish = DeadLetterFilter(member="Ada@Example.org", job="mailchimp-sync", since="1h", ids=[])

    wanted = filter_from(wish, store=store, now=NOW)

    assert (wanted.member_id, wanted.job, wanted.ids) == (ada, "mailchimp_sync", None)
    assert wanted.since == later(hours=-1)


def test_terminal_refuses_a_member_nobody_knows(store):
    """Before anything is counted."""
    with pytest.raises(CommandError, match="nobody known under this name"):
        filter_from(DeadLetterFilter(member="eve@example.org"), store=store, now=NOW)


def test_run_leads_to_its_letters(store):
    """Slack's message names the run: the letters are those for which it failed."""
    first = store.dead_letters.open_case(failure(), now=NOW)
    store.dead_letters.open_case(failure(dag_run_id="run_2"), now=NOW)
    store.dead_letters.open_case(failure(EVE, dag_run_id="run_2"), now=NOW)

    found = store.dead_letters.select(Filter(dag_run_id="run_1"))

    assert [letter.id for letter in found] == [first.id]
