"""Which stories `./ops demo` plays, and in which order."""

import pytest

from include.errors import CommandError
from include.lab.commands.demo import chosen, remaining
from include.lab.demo.stories import ON_DEMAND, SECONDS, STORIES


def test_all_that_are_quick_are_played():
    """In the order in which they are written."""
    assert chosen([], None) == list(STORIES)


def test_one_is_played_by_its_name():
    """Those that take minutes, too."""
    name = ON_DEMAND[0].__name__

    assert chosen([name], None) == [ON_DEMAND[0]]


def test_unknown_name_is_refused():
    """With the names there are."""
    with pytest.raises(CommandError, match="no story is called nope; there are stripe_first, "):
        chosen(["nope"], None)


def test_seed_gives_an_order_that_can_be_had_again():
    """All of them, each once, not in their usual order."""
    shuffled = chosen([], 7)

    assert shuffled == chosen([], 7) != list(STORIES)
    assert set(shuffled) == set(STORIES)


def test_line_says_how_much_is_left():
    """A story without a figure takes a moment."""
    assert SECONDS.keys() <= {one.__name__ for one in STORIES}
    assert remaining(chosen(["alert_rules", "dead_letter"], None)).endswith(
        "2 more, about 1.8 minutes"
    )
    assert remaining([]) == ""
