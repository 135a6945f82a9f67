"""The job `dead_letter_review`: people are asked about all open dead letters at once, group by group.

A group is the dead letters of one job that failed alike. What is decided is carried out for those that were shown;
what failed since then waits for the next review.

Every question has a run of its own. Airflow shows a form as it was first made, even where its task is cleared, while
our groups are counted anew: so a run that has asked once asks no more, and has another run ask. An answer that
cannot be taken as it is changes nothing, and the question is put again, in words, with what was chosen.
"""
