"""Which calls a fault hits, and how often."""

import pytest

from include.lab.sandbox.faults import FaultBook
from include.lab.sandbox.wire import Call


def call(method="GET", path="/lists/a/members/b"):
    return Call(method, path, "", {}, b"")


@pytest.fixture
def book():
    return FaultBook()


def hits(book, count, **which):
    """Ask so many times and return which of the calls were hit."""
    return [book.firing("mailchimp", call(**which)) is not None for _ in range(count)]


def test_times_limit_a_fault(book):
    """The next n fitting calls are hit, the rest are not."""
    fault = book.order(vendor="mailchimp", kind="reset", times=2)

    assert hits(book, 4) == [True, True, False, False]
    assert fault.fired == 2


def test_other_calls_do_not_use_up_a_fault(book):
    """A call of another vendor, method or path leaves the count alone."""
    fault = book.order(
        vendor="mailchimp", kind="reset", method="PUT", path="/lists/*/members/*", times=1
    )

    assert book.firing("stripe", call("PUT")) is None
    assert hits(book, 1, method="GET") == hits(book, 1, method="PUT", path="/lists") == [False]
    assert hits(book, 2, method="PUT") == [True, False]
    assert fault.fired == 1


def test_fault_by_query_leaves_other_questions_alone(book):
    """The same path, asked for something else, is not hit."""
    book.order(vendor="clerk", kind="stall", path="/users", query="created_at")

    for query, is_hit in {"order_by=-updated_at": False, "order_by=%2Bcreated_at": True}.items():
        asked = Call("GET", "/users", query, {}, b"")
        assert (book.firing("clerk", asked) is not None) is is_hit


def test_share_is_by_seed(book):
    """A share hits about that part of the calls, the same ones for the same seed."""
    book.order(vendor="mailchimp", kind="reset", share=0.25, seed=11)
    first = hits(book, 400)
    book.clear()
    book.order(vendor="mailchimp", kind="reset", share=0.25, seed=11)

    assert hits(book, 400) == first
    assert 60 < sum(first) < 140


def test_oldest_fault_that_fires_wins(book):
    """Faults queue up: the second begins where the first has run out."""
    first = book.order(vendor="mailchimp", kind="reset", times=1)
    second = book.order(vendor="mailchimp", kind="stall", times=1)

    assert book.firing("mailchimp", call()) is first
    assert book.firing("mailchimp", call()) is second
    assert book.firing("mailchimp", call()) is None


def test_removed_fault_is_gone(book):
    """Only a fault that is there can be removed."""
    fault = book.order(vendor="mailchimp", kind="reset")

    assert book.remove(fault.id)
    assert not book.remove(fault.id)
    assert hits(book, 1) == [False]


@pytest.mark.parametrize(
    ("body", "sent", "content_type"),
    [
        ({"a": 1}, b'{"a":1}', "application/json"),
        ("oops", b"oops", "text/html; charset=utf-8"),
        (None, b"", None),
    ],
)
def test_answer_is_json_text_or_nothing(book, body, sent, content_type):
    """The body decides the content type, unless one is given."""
    answer = book.order(vendor="mailchimp", kind="status", status=503, body=body).answer()

    assert (answer.status, answer.body, answer.content_type) == (503, sent, content_type)


def test_fault_about_one_member_hits_whichever_call_mentions_her(book):
    """By a call of her own, and by one about many: in path or body, in any case of letters."""
    book.order(vendor="mailchimp", kind="reset", mentions=("8a7f", "Ada@example.org"))
    of_many = Call("POST", "/lists/a", "", {}, b'{"members":[{"email_address":"ada@EXAMPLE.org"}]}')
    of_others = Call(
        "POST", "/lists/a", "", {}, b'{"members":[{"email_address":"eve@example.org"}]}'
    )

    assert hits(book, 1, path="/lists/a/members/8A7F") == [True]
    assert book.firing("mailchimp", of_many) is not None
    assert book.firing("mailchimp", of_others) is None
    assert hits(book, 1, path="/lists/a/members/b") == [False]
