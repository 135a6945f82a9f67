import pytest

from include.lab.bench import contender
from include.lab.bench.contender import WebhookProgress, wait_for
from include.lab.bench.errors import BenchError


def test_waiting_ends_when_all_are_done(scripted):
    """Not sooner: the third look is the first that shows both."""
    one, both = WebhookProgress(done=1, failed=0), WebhookProgress(done=2, failed=0)
    waited_for = scripted(one, one, both)

    wait_for(waited_for, 0, 2, pause_seconds=0)

    assert waited_for.looks == 3


def test_what_is_done_is_told_on_the_way(scripted):
    """A burst of minutes shows how far it is."""
    told = []
    shown = [WebhookProgress(done=done, failed=0) for done in (0, 1, 2)]

    wait_for(scripted(*shown), 0, 2, pause_seconds=0, tell=told.append)

    assert told == [0, 1]


def test_one_that_failed_ends_the_waiting(scripted):
    """A figure of webhooks that were not processed would be none."""
    failed = WebhookProgress(done=1, failed=1, reason="failed: the vendor is down")

    with pytest.raises(BenchError, match="1 of 2 failed: failed: the vendor is down"):
        wait_for(scripted(failed), 0, 2, pause_seconds=0)


def test_waiting_has_an_end(scripted, monkeypatch):
    """What hangs is said, with how far it came."""
    monkeypatch.setattr(contender, "LONGEST_SECONDS", 0)

    with pytest.raises(BenchError, match="1 of 2 were done after 0 s"):
        wait_for(scripted(WebhookProgress(done=1, failed=0)), 0, 2, pause_seconds=0)
