"""Addresses and names are made right where they come in."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.events.values import MAX_NAME, address_forms, address_from, name_from
from include.vendors.mailchimp.client import subscriber_hash

ADA = "ada@example.org"


@pytest.mark.parametrize(
    "text",
    [ADA, " ada@example.org\n", "ADA@Example.ORG", "\ufeffada@example.org\u200b", "\xa0" + ADA],
)
def test_one_address_however_it_is_typed(text):
    """With spaces, seen and unseen, and in capitals."""
    assert address_from(text) == ADA


@pytest.mark.parametrize(
    "text",
    [
        "b@bücher.example",
        "B@BÜCHER.example",
        unicodedata.normalize("NFD", "b@bücher.example"),
        "b@XN--BCHER-KVA.example",
    ],
)
def test_international_domain_has_one_form(text):
    """Composed or not, in letters or as DNS has it: one person."""
    assert address_from(text) == "b@xn--bcher-kva.example"


@pytest.mark.parametrize("text", [None, "", "  ", "\ufeff"])
def test_nothing_is_no_address(text):
    """An empty text is not somebody's address."""
    assert address_from(text) is None


@pytest.mark.parametrize(
    "text", ["no address", "a@b@ü..example", "ü@example.org", "@", "a@-ü-.example"]
)
def test_what_is_no_usual_address_is_kept(text):
    """Whether it can be written to, its vendor says."""
    assert address_from(text) == text


def test_both_forms_of_an_address():
    """What was written down before may have either."""
    forms = {"b@bücher.example", "b@xn--bcher-kva.example"}

    assert address_forms("b@bücher.example") == address_forms("b@xn--bcher-kva.example") == forms
    assert address_forms(ADA) == {ADA}


@given(st.text(max_size=80) | st.emails())
def test_address_that_is_right_stays(text):
    """Made right twice is made right once, so that nothing is changed each night."""
    once = address_from(text)

    assert address_from(once) == once
    assert once is None or (once in address_forms(once) and subscriber_hash(once))


@given(st.text(max_size=600))
def test_name_fits_every_vendor(text):
    """On one line, not longer than a merge field, and the same when it comes again."""
    name = name_from(text)

    assert len(name) <= MAX_NAME
    assert name == name_from(name)
    assert not name or name.split() == name.split(" ")


def test_name_is_cut():
    """300 characters are no reason to fail."""
    assert name_from("A" * 300) == "A" * MAX_NAME
    assert name_from("  Ada\n Maria ") == "Ada Maria"
