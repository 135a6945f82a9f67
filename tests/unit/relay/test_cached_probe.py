"""One look for everybody who asks."""

import asyncio
import threading

import pytest

from include.relay.cached_probe import CachedProbe


class Slow:
    """Something to look at, which answers when it is let."""

    def __init__(self):
        self.asked = 0
        self.may_answer = threading.Event()

    def __call__(self):
        """Answer with the number of the look."""
        self.asked += 1
        number = self.asked
        assert self.may_answer.wait(10)
        return number


def test_those_who_ask_together_share_a_look():
    """A hundred probes cost what one costs."""
    slow = Slow()
    look = CachedProbe(slow, fresh_seconds=60)

    async def ask():
        asking = [asyncio.ensure_future(look(timeout_seconds=10)) for _ in range(100)]
        await asyncio.sleep(0)
        slow.may_answer.set()
        return await asyncio.gather(*asking)

    assert asyncio.run(ask()) == [1] * 100


def test_an_answer_is_kept_as_long_as_it_is_fresh():
    """Then the next one who asks has it looked at again."""
    slow = Slow()
    slow.may_answer.set()

    async def ask(look):
        return [await look(timeout_seconds=10) for _ in range(2)]

    assert asyncio.run(ask(CachedProbe(slow, fresh_seconds=60))) == [1, 1]
    assert asyncio.run(ask(CachedProbe(slow, fresh_seconds=0))) == [2, 3]


def test_who_is_not_answered_in_time_does_not_wait():
    """And does not end the look of the others."""
    slow = Slow()
    look = CachedProbe(slow, fresh_seconds=60)

    async def ask():
        with pytest.raises(TimeoutError):
            await look(timeout_seconds=0.01)
        slow.may_answer.set()
        return await look(timeout_seconds=10)

    assert asyncio.run(ask()) == 1


def test_what_went_wrong_is_told_to_all():
    """For as long as an answer would be kept."""

    def fail():
        raise OSError("gone")

    look = CachedProbe(fail, fresh_seconds=60)

    async def ask():
        return await asyncio.gather(
            *(look(timeout_seconds=10) for _ in range(2)), return_exceptions=True
        )

    assert [type(error) for error in asyncio.run(ask())] == [OSError, OSError]
