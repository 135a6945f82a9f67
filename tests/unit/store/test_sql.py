"""Records from rows, and values for statements from records."""

from dataclasses import dataclass
from enum import StrEnum

import pytest

from include.store.sql import record_from, values_of


class Size(StrEnum):
    """A closed set."""

    LARGE = "large"


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A record."""

    id: int
    size: Size | None
    tags: frozenset[str] = frozenset()
    note: str = "none"


ROW = {"id": 1, "size": None, "tags": frozenset(), "note": "none"}


def test_a_record_takes_its_fields_of_a_row():
    """Other columns are the statement's own business; what is named is made of its value."""
    row = {**ROW, "size": "large", "tags": ["a", "b"], "updated_at": "now"}

    box = record_from(Box, row, size=Size, tags=frozenset)

    assert box == Box(id=1, size=Size.LARGE, tags=frozenset({"a", "b"}))
    assert isinstance(box.size, Size)


def test_nothing_is_made_of_null():
    """A column without a value stays so, whatever its type."""
    assert record_from(Box, ROW, size=Size).size is None


@pytest.mark.parametrize("name", ["size", "note"])
def test_a_column_that_is_missing_is_an_error(name):
    """A default of the field does not hide that the statement has forgotten it."""
    with pytest.raises(KeyError, match=name):
        record_from(Box, {column: value for column, value in ROW.items() if column != name})


def test_values_are_the_fields_with_others_beside_them_or_in_their_place():
    """As they are: a statement's types are for whoever calls it to say."""
    box = Box(id=1, size=Size.LARGE, tags=frozenset({"a"}))

    assert values_of(box, tags=sorted(box.tags), now="now") == {
        "id": 1,
        "size": Size.LARGE,
        "tags": ["a"],
        "note": "none",
        "now": "now",
    }
