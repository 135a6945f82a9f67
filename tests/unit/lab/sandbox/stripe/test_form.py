"""Stripe's bracketed form fields."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lab.sandbox.stripe import form
from include.lab.sandbox.wire import Refusal


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a=1&b=", {"a": "1", "b": ""}),
        ("items[0][price]=p&items[1][price]=q", {"items": [{"price": "p"}, {"price": "q"}]}),
        ("metadata[k]=v&metadata[l]=w", {"metadata": {"k": "v", "l": "w"}}),
        ("expand[]=a&expand[]=b", {"expand": ["a", "b"]}),
        ("created[gte]=5", {"created": {"gte": "5"}}),
        ("email=a%2Bb%40example.org", {"email": "a+b@example.org"}),
        ("", {}),
    ],
)
def test_brackets_become_a_tree(text, tree):
    """Names in brackets nest; numbers make lists; values stay text."""
    assert form.parse(text) == tree


@pytest.mark.parametrize("text", ["a=1&a[b]=2", "=", "[=1", "a[b]=1&a[b][c]=2"])
def test_contradictory_form_is_refused(text):
    """Names that are none, and values in each other's way, end in a refusal."""
    with pytest.raises(Refusal) as refused:
        form.parse(text)

    assert refused.value.answer.status == 400


@given(st.text(alphabet="ab[]=&%01", max_size=30))
def test_hostile_form_never_breaks(text):
    """Whatever comes in, the outcome is a tree or a refusal."""
    with suppress(Refusal):
        assert isinstance(form.parse(text), dict)


def test_numbers_and_truths_are_read():
    """Text becomes a number or a truth; anything else is refused."""
    values = {"n": "-7", "t": "true", "bad": "x", "empty": ""}

    assert form.whole_number(values, "n") == -7
    assert form.whole_number(values, "empty") is None
    assert form.truth(values, "t") is True
    assert form.truth(values, "missing") is None
    for read in (form.whole_number, form.truth):
        with pytest.raises(Refusal):
            read(values, "bad")


def test_metadata_is_merged_key_by_key():
    """An empty value takes a key away, an empty whole takes all away."""
    assert form.merged_metadata({"a": "1", "b": "2"}, {"a": "", "c": "3"}) == {"b": "2", "c": "3"}
    assert form.merged_metadata({"a": "1"}, "") == {}
    assert form.merged_metadata({"a": "1"}, None) == {"a": "1"}
