"""People are asked about all open dead letters at once; what they decide is done in their name, and once."""

import pytest

from include.errors import ErrorClass
from include.jobs.dead_letter_review import steps as job
from include.store.dead_letters import DeadLetterState, Failure
from include.store.reviews import ReviewState
from tests.factories import NOW
from tests.jobs.review_world import DAY, DOWN, MINUTE, REFUSED, RUN, SYNC, Board, asked_airflow


@pytest.fixture
def board(world):
    """Give a board without letters."""
    return Board(world)


def test_nothing_open_is_nothing_to_ask(board):
    """No question, no run."""
    assert board.ask() is None
    assert not board.is_due()


def test_question_shows_the_groups_the_largest_first(board):
    """One form for all: how many, of which job, why, an example; what failed is nobody's markup."""
    first = board.bury(1)
    board.bury(2)
    board.bury(3, REFUSED, ErrorClass.PERMANENT)

    question = board.ask()

    assert question.subject == "Decide about 3 dead letters in 2 groups"
    rows = [line for line in question.body.splitlines() if line.startswith("| ")]
    assert f"| 2 | {SYNC} |" in rows[1]
    assert (
        f"| dead letter {first} [run](https://airflow.example/dags/{SYNC}/runs/run_1) |" in rows[1]
    )
    assert r"permanent: Mailchimp refuses \<b\>all\</b\> \| of it" in rows[2]
    assert [(field.title, field.default) for field in question.fields] == [
        (f"2 of {SYNC}, dead letter {first}", "later"),
        (f"1 of {SYNC}, dead letter 3", "later"),
        ("Why", ""),
    ]
    assert question.fields[0].choices == ("replay", "compensate", "abandon", "later")


def test_each_group_gets_its_decision_in_the_name_of_who_decided(board):
    """Replayed and abandoned letters, with actor and reason in the audit log."""
    first, second = board.bury(1), board.bury(2)
    third = board.bury(3, REFUSED, ErrorClass.PERMANENT)
    board.ask()

    board.answer({1: "replay", 2: "abandon", "why": "it is back"})
    carried = board.carry_out()

    assert (carried.done, carried.problem) == ({board.name(1): 2, board.name(2): 1}, None)
    assert board.states(first, second, third) == [
        DeadLetterState.REPLAYING,
        DeadLetterState.REPLAYING,
        DeadLetterState.ABANDONED,
    ]
    waiting = board.world.query("SELECT count(*) AS n FROM ops.inbox WHERE state = 'waiting'")
    assert waiting == [{"n": 2}]
    audit = board.world.query("SELECT actor, action, metadata ->> 'why' AS why FROM ops.audit_log")
    people = [line for line in audit if line["actor"].startswith("user:")]
    assert {(line["actor"], line["why"]) for line in people} == {("user:operator", "it is back")}
    assert len(people) == 3
    assert {line["action"] for line in people} == {"dead_letter:replay", "dead_letter:abandon"}


def test_cleared_task_repeats_nothing(board):
    """What is done is not done again; the record of it stays."""
    board.bury(1)
    board.ask()
    board.answer({1: "replay", "why": "again"})
    board.carry_out()
    audit = board.world.audit()

    again = board.carry_out()

    assert again.done == {board.name(1): 0}
    assert board.world.audit() == audit
    assert board.store.reviews.get(RUN).results == {board.name(1): {"act": "replay", "letters": 1}}


def test_what_failed_after_the_question_waits_for_the_next_one(board):
    """Nobody has decided about a letter that she was not shown."""
    shown = board.bury(1)
    board.ask()
    board.clock.advance(MINUTE)
    later = board.bury(2)

    board.answer({1: "abandon", "why": "an old test"})
    board.carry_out()

    assert board.states(shown, later) == [DeadLetterState.ABANDONED, DeadLetterState.OPEN]
    assert board.is_due()


@pytest.mark.parametrize(
    ("values", "options"),
    [
        ({1: "replay", "why": "x"}, (job.NOT_NOW,)),
        ({1: "later", "why": "x"}, (job.CARRY_OUT,)),
        ({}, (job.CARRY_OUT,)),
        ({1: "delete", "why": 5}, (job.CARRY_OUT,)),
        ({"group_1": "abandon", "why": "x"}, (job.CARRY_OUT,)),
        ({1: "abandon", "why": ""}, (job.NOT_NOW,)),
        ({1: ["abandon"]}, (job.CARRY_OUT,)),
    ],
)
def test_whatever_is_no_decision_leaves_the_letters_open(board, values, options):
    """An answer comes over the REST API: nothing in it is taken for granted."""
    letter = board.bury(1)
    board.ask()

    board.answer(values, options=options)

    assert board.carry_out().done == {}
    assert board.states(letter) == [DeadLetterState.OPEN]


def test_put_off_group_is_asked_about_again_the_next_day(board):
    """Who has said "later" is left alone for a day, unless something else turns up."""
    board.bury(1)
    board.ask()
    board.answer({})
    board.carry_out()

    assert not board.is_due()
    board.bury(2, REFUSED, ErrorClass.PERMANENT)
    assert board.is_due()
    board.store.connection.execute("UPDATE ops.dead_letters SET state = 'resolved' WHERE id = 2")
    board.clock.advance(DAY + MINUTE)
    assert board.is_due()


def test_question_put_again_cannot_hit_another_letter(board):
    """The first form is answered anew after its task was cleared: what it named is decided, and nothing else."""
    first, second = board.bury(1), board.bury(2, REFUSED, ErrorClass.PERMANENT)
    board.ask()
    old_form = [field.name for field in board.question.fields[:-1]]
    board.answer({1: "abandon", "why": "done by hand"})
    board.carry_out()
    decided = [
        letter for letter in (first, second) if board.states(letter) == [DeadLetterState.ABANDONED]
    ]
    assert len(decided) == 1

    run = board.ask_again()
    assert [board.name(1)] == old_form[1:]
    stale = {old_form[0]: "replay", "why": "she has it"}

    assert "another" in board.answer(stale, run=run)
    assert board.carry_out(run).done == {}
    assert sorted(board.states(first, second)) == [DeadLetterState.ABANDONED, DeadLetterState.OPEN]


def test_run_that_has_asked_asks_no_more(board):
    """Airflow would show its first form: another run asks, and people are not told twice."""
    board.bury(1)
    board.ask()
    assert job.has_asked(RUN, store=board.store)

    run = board.ask_again()

    assert board.store.reviews.get(RUN).state is ReviewState.LEFT
    assert board.store.reviews.get(run).state is ReviewState.ASKED
    [notice] = board.store.notices.waiting()
    assert notice.facts["dag_run_id"] == run
    assert board.carry_out().done == {}


def test_answer_that_was_taken_stands(board):
    """Cleared before it was carried out, the run does not ask her again: it carries it out."""
    board.bury(1)
    board.ask()
    assert not job.stands(RUN, store=board.store)
    board.answer({1: "replay"})

    assert job.stands(RUN, store=board.store)
    board.carry_out()
    assert not job.stands(RUN, store=board.store)


def test_nothing_open_has_no_run_ask_again(board):
    """Somebody has decided at the terminal meanwhile."""
    board.bury(1)
    board.ask()
    board.store.connection.execute("UPDATE ops.dead_letters SET state = 'resolved'")

    with asked_airflow() as (airflow, api):
        options = {"store": board.store, "airflow": api, "clock": board.clock}
        assert job.ask_in_another_run(RUN, **options) is None
    assert airflow.runs == {}


@pytest.mark.parametrize(
    ("choice", "why", "words"),
    [
        ("abandon", "  ", "needs a reason"),
        ("abandon", None, "needs a reason"),
        ("replay", "ada@example.org has asked", "must not hold an e-mail address"),
        ("replay", "her key is sk_live_51Habcdefghijklmnop", "must not hold a secret"),
        ("replay", "x" * 501, "more than 500 characters"),
    ],
)
def test_answer_that_cannot_be_taken_is_asked_for_again_in_words(board, choice, why, words):
    """Nothing is done, nothing is red; what was chosen stands in the next form, and why it comes again."""
    letter, other = board.bury(1), board.bury(2, REFUSED, ErrorClass.PERMANENT)
    board.ask()

    refusal = board.answer({1: choice, "why": why})
    carried = board.carry_out()
    run = board.ask_again()

    assert words in refusal
    assert (carried.done, carried.problem) == ({}, None)
    assert board.states(letter, other) == [DeadLetterState.OPEN, DeadLetterState.OPEN]
    assert words in board.question.body
    assert {field.default for field in board.question.fields[:2]} == {choice, "later"}
    assert (why or "-").strip() not in str(
        board.store.reviews.get(RUN)
    ) or words == "needs a reason"
    assert board.answer({1: choice, "why": "she has it"}, run=run) is None
    assert sum(board.carry_out(run).done.values()) == 1


def test_review_that_airflow_does_not_take_now_is_due(board):
    """`reconciliation` has it asked soon; the answer is not lost to a red task."""
    board.bury(1)
    board.ask()
    board.answer({1: "abandon"})

    with asked_airflow() as (airflow, api):
        airflow.fail(503)
        options = {"store": board.store, "airflow": api, "clock": board.clock}
        assert job.ask_in_another_run(RUN, **options) is None
    assert board.is_due()


def eventless(board, number=1):
    """Let a run fail that has no events, and return its letter."""
    failure = Failure(
        job="mailchimp_sync",
        subject=f"run:{number}",
        error_class=ErrorClass.TRANSIENT,
        reason=DOWN,
    )
    return board.store.dead_letters.open_case(failure, now=NOW).id


@pytest.mark.parametrize("choice", ["replay", "compensate"])
def test_what_cannot_be_done_is_refused_with_what_can(board, choice):
    """Nothing is done, and the question is put again with the reason; what can be done is taken."""
    letter = eventless(board)
    board.ask()

    refusal = board.answer({1: choice})
    assert "has no events" in refusal
    assert "`abandon` closes it" in refusal
    assert board.carry_out().done == {}
    assert board.states(letter) == [DeadLetterState.OPEN]
    run = board.ask_again()
    assert refusal in board.question.body

    assert board.answer({1: "abandon", "why": "the next run has done it"}, run=run) is None
    board.carry_out(run)
    assert board.states(letter) == [DeadLetterState.ABANDONED]


def test_of_a_mixed_group_what_can_be_done_is_done(board):
    """A letter with events is tried again; of the one without it is said what can be done."""
    with_event, without = board.bury(1, reason=DOWN), eventless(board)
    board.ask()

    assert board.answer({1: "replay"}) is None

    assert "1 dead letter left: such a dead letter has no events" in board.carry_out().problem
    assert board.states(with_event, without) == [DeadLetterState.REPLAYING, DeadLetterState.OPEN]


def test_no_address_gets_into_the_audit_log(board):
    """Airflow may know people by their address."""
    board.bury(1)
    board.ask()

    board.answer({1: "replay"}, user={"id": "7", "name": "ops@example.org"})

    review = board.store.reviews.get(RUN)
    assert (review.actor, review.why) == ("user:airflow-7", job.UNSAID)


def test_seven_days_of_silence_leave_them_open_and_people_are_asked_again(board):
    """Nobody has decided anything; the next review is a new question."""
    letter = board.bury(1)
    board.ask()
    board.clock.advance(7 * DAY)

    job.note_silence(RUN, store=board.store, clock=board.clock)

    assert board.store.reviews.get(RUN).state is ReviewState.UNANSWERED
    assert board.carry_out().done == {}
    assert board.states(letter) == [DeadLetterState.OPEN]
    assert board.is_due()


def test_review_is_started_once_and_people_are_told(board):
    """One waiting run over all groups: a second one is not started beside it."""
    board.bury(1)
    with asked_airflow() as (airflow, api):
        options = {"store": board.store, "airflow": api, "clock": board.clock}

        run = job.start_if_due(**options)
        again = job.start_if_due(**options)

    assert [dag for dag, _ in airflow.runs] == [job.JOB]
    assert (run, again) == (f"review.{NOW:%Y%m%dT%H%M%S%f}", None)
    [notice] = board.store.notices.waiting()
    assert notice.facts["letters"] == 1
