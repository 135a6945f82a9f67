"""The job `dead_letter_review`: people are asked about all open dead letters at once, group by group.

A group is the letters of one job that failed alike. What is decided is carried out for the letters that were shown;
what failed since then waits for the next review.

Every question has a run of its own. Airflow shows a form as it was first made, even where its task is cleared, while
our groups are counted anew: so a run that has asked once asks no more, and has another run ask. An answer that
cannot be taken as it is changes nothing, and the question is put again, in words, with what was chosen.
"""

from include.jobs.dead_letter_review.decide import WHY
from include.jobs.dead_letter_review.report import Field, Question
from include.jobs.dead_letter_review.steps import (
    ASKED_ANEW,
    CARRY_OUT,
    JOB,
    NOT_NOW,
    NOTHING_OPEN,
    UNANSWERED,
    UNSAID,
    ask,
    ask_in_another_run,
    carry_out,
    has_asked,
    is_due,
    note_answer,
    note_silence,
    stands,
    start_if_due,
)

__all__ = [
    "ASKED_ANEW",
    "CARRY_OUT",
    "JOB",
    "NOTHING_OPEN",
    "NOT_NOW",
    "UNANSWERED",
    "UNSAID",
    "WHY",
    "Field",
    "Question",
    "ask",
    "ask_in_another_run",
    "carry_out",
    "has_asked",
    "is_due",
    "note_answer",
    "note_silence",
    "stands",
    "start_if_due",
]
