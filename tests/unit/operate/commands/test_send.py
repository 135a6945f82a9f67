"""Which copies `./ops send` sends."""

import json

import pytest

from include.errors import CommandError
from include.operate.commands.send import copies, read

RAW = b'{ "id": "evt_1",\n  "type": "x" }'


def test_first_copy_is_the_file_byte_for_byte():
    """Whitespace and order of keys are part of what is signed."""
    assert next(copies("stripe", RAW, 1, same_id=False)) == ("evt_1", RAW)


def test_copies_are_events_of_their_own():
    """Stripe's id is in the body, Clerk's in a header."""
    sent = list(copies("stripe", RAW, 3, same_id=False))

    ids = [event_id for event_id, _ in sent]
    assert len(set(ids)) == 3
    assert ids == [json.loads(body)["id"] for _, body in sent]


def test_clerks_body_stays_the_same():
    """Its id is not in the body."""
    sent = list(copies("clerk", RAW, 3, same_id=False))

    assert {body for _, body in sent} == {RAW}
    assert len({event_id for event_id, _ in sent}) == 3


@pytest.mark.parametrize("provider", ["stripe", "clerk"])
def test_same_id_is_a_second_delivery(provider):
    """What the vendor does when it had no answer."""
    assert len(set(copies(provider, RAW, 3, same_id=True))) == 1


@pytest.mark.parametrize("raw", [b"{}", b'{"id": ""}', b'{"id": 7}'])
def test_event_without_an_id_gets_none_in_its_body(raw):
    """It is sent as it is: what the relay says to it is what one wants to see."""
    [(_, body)] = copies("stripe", raw, 1, same_id=False)

    assert body == raw


def test_missing_file_is_said(tmp_path):
    """One line."""
    with pytest.raises(CommandError, match="No such file"):
        read(str(tmp_path / "gone.json"))
