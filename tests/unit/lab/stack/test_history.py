"""What supervisor's log tells."""

from include.lab.stack.history import Follower, happenings, last_exits, read, restarts

LOG = """\
2026-11-23 23:16:35,230 INFO supervisord started with pid 19552
2026-11-23 23:16:36,470 INFO spawned: 'relay' with pid 19563
2026-11-23 23:16:38,663 INFO success: relay entered RUNNING state, process has stayed up
2026-11-23 23:17:01,001 WARN exited: relay (terminated by SIGKILL; not expected)
2026-11-23 23:17:02,001 INFO spawned: 'relay' with pid 19600
2026-11-23 23:17:02,500 INFO spawned: 'api-server' with pid 19601
2026-11-23 23:18:02,500 WARN exited: api-server (exit status 1; not expected)
2026-11-23 23:18:03,500 INFO gave up: api-server entered FATAL state, too many start retries too quickly
2026-11-23 23:19:00,000 INFO stopped: relay (terminated by SIGTERM)
nonsense
"""


def test_starts_and_ends_are_read():
    """The rest of the log is passed over."""
    found = [(one.name, one.verb) for one in happenings(LOG.splitlines())]

    assert found == [
        ("relay", "spawned"),
        ("relay", "exited"),
        ("relay", "spawned"),
        ("api-server", "spawned"),
        ("api-server", "exited"),
        ("api-server", "gave up"),
    ]


def test_restarts_are_counted():
    """The first start is none."""
    counted = restarts(happenings(LOG.splitlines()))

    assert counted["relay"] == 1
    assert counted["api-server"] == 0


def test_last_exit_says_how_and_when():
    """What a person asks first."""
    assert last_exits(happenings(LOG.splitlines()))["relay"] == (
        "terminated by SIGKILL at 2026-11-23 23:17:01"
    )


def test_happenings_are_said_in_words():
    """A crash, a start, the end of all tries."""
    said = [str(one) for one in happenings(LOG.splitlines())]

    assert said[0] == "relay started with process id 19563"
    assert said[1] == "relay ended by itself (terminated by SIGKILL) and is started again"
    assert said[-1] == "api-server does not stay up and is left down; see its log"


def test_no_log_is_no_history(tmp_path):
    """Before the first start."""
    assert read(tmp_path / "supervisord.log") == []


def test_follower_tells_each_happening_once(tmp_path):
    """Also one that was written in two pieces, and after the log was rotated."""
    log = tmp_path / "supervisord.log"
    lines = LOG.splitlines(keepends=True)
    log.write_text("".join(lines[:2]))
    follower = Follower(log)

    def news(text):
        with log.open("a") as file:
            file.write(text)
        return [one.verb for one in follower.news()]

    assert news("") == []
    assert news(lines[3][:30]) == []
    assert news(lines[3][30:]) == ["exited"]
    assert news("") == []
    log.write_text("")
    assert news(lines[4]) == ["spawned"]


def test_follower_survives_a_log_that_is_gone(tmp_path):
    """`down` from elsewhere, and the state folder deleted."""
    assert Follower(tmp_path / "gone").news() == []
