"""Who decides by hand, and why."""

import pytest

from include.errors import ActRefusedError
from include.person import MAX_REASON, person_from


def test_name_and_reason_become_one_line_each():
    """The audit log is read line by line."""
    person = person_from(" grace ", "she called:\n moves\tabroad\0")

    assert (person.actor, person.why) == ("user:grace", "she called: moves abroad")


@pytest.mark.parametrize(
    ("name", "why"), [("", "x"), ("grace", " \n"), (" ", "x"), ("grace", "\0")]
)
def test_nobody_decides_without_a_name_and_a_reason(name, why):
    with pytest.raises(ActRefusedError, match="is missing"):
        person_from(name, why)


@pytest.mark.parametrize(
    ("name", "why"),
    [("grace@example.org", "x"), ("grace", "see mail of ada+1@example.org."), ("grace", "<a@b.c>")],
)
def test_no_address_gets_into_the_audit_log(name, why):
    """It is kept for years, also when the member has asked to be forgotten."""
    with pytest.raises(ActRefusedError, match="e-mail address") as refused:
        person_from(name, why)

    assert "example" not in str(refused.value)


def test_at_sign_alone_is_no_address():
    assert person_from("grace", "met @grace at 5 @ noon").why == "met @grace at 5 @ noon"


def test_reason_is_a_sentence_and_not_a_book():
    with pytest.raises(ActRefusedError, match="more than 500"):
        person_from("grace", "x" * (MAX_REASON + 1))
