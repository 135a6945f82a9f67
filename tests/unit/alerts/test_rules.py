"""The rules' file: the form it has, and how each mistake in it is refused."""

from datetime import timedelta

import pytest

from include.alerts.rules import FILE, RulesError, known_jobs, load, rules_from

JOBS = frozenset({"mailchimp_sync"})
ONE = """\
alerts:
  - name: dlq_items_accumulating
    condition: dlq_count > 20
    window: 30m
    severity: medium
    notify:
      - email: "engineering@wdai.org"
"""


def read(text=ONE, **changes):
    """Read a file, with some of its words changed."""
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    return rules_from(text, file="alerts.yaml", jobs=JOBS)


def test_silence_is_told_at_once():
    """Whatever its cause: the message says which."""
    [rule] = [rule for rule in load() if rule.name == "webhooks_silent"]

    assert (rule.condition, rule.severity) == ("silent_minutes > 0", "high")
    assert [str(target) for target in rule.notify]


def test_the_four_rules_stand_as_they_were_asked_for():
    """Names, conditions, windows, severities and targets, word for word."""
    found = {
        rule.name: (
            rule.condition,
            rule.window,
            rule.severity,
            [(target.channel, target.to) for target in rule.notify],
        )
        for rule in load()
        if rule.name != "webhooks_silent"
    }

    assert found == {
        "job_failure_rate_high": (
            "failure_rate > 0.1",
            timedelta(minutes=5),
            "warning",
            [("slack", "#eng-alerts"), ("email", "oncall@wdai.org")],
        ),
        "job_queue_backup": (
            "queued_jobs > 100",
            timedelta(minutes=10),
            "critical",
            [("pagerduty", "job-queue-critical")],
        ),
        "mailchimp_sync_failing": (
            'job_name = "mailchimp-sync" AND failure_count > 5',
            timedelta(minutes=15),
            "high",
            [("slack", "#eng-alerts"), ("sms", "+1234567890")],
        ),
        "dlq_items_accumulating": (
            "dlq_count > 20",
            timedelta(minutes=30),
            "medium",
            [("email", "engineering@wdai.org")],
        ),
    }


def test_optional_keys_have_quiet_defaults():
    """Without them: at once, of any number of runs, once."""
    [rule] = read()

    assert (rule.for_, rule.min_samples, rule.repeat, rule.runbook) == (timedelta(), 1, None, None)


def test_optional_keys_are_read():
    """`for`, `min_samples`, `repeat` and `runbook`, in the file's words."""
    more = "    for: 90s\n    min_samples: 20\n    repeat: 4h\n    runbook: https://example.org/r\n"

    [rule] = read(ONE + more)

    assert rule.for_ == timedelta(seconds=90)
    assert rule.repeat == timedelta(hours=4)
    assert (rule.min_samples, rule.runbook) == (20, "https://example.org/r")


def test_rule_without_a_job_looks_at_all_of_them_together():
    """`job_name` selects whose numbers are looked at."""
    jobs = frozenset({"a_job", "b_job", "c_job"})
    conditions = {
        "failure_count > 5": (None,),
        'job_name = "b-job" AND failure_count > 5': ("b_job",),
        'failure_count > 5 AND (job_name = "a_job" OR job_name = "c_job")': ("a_job", "c_job"),
        'NOT job_name = "b_job" AND failure_count > 5': ("a_job", "c_job"),
        'job_name = "a_job" AND failure_count > 5 OR dlq_count > 3': ("a_job", "b_job", "c_job"),
    }

    for condition, candidates in conditions.items():
        text = ONE.replace("dlq_count > 20", condition)
        [rule] = rules_from(text, file="alerts.yaml", jobs=jobs)
        assert rule.candidates() == candidates, condition


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        ("dlq_count", "dlq_cuont", "3:16: unknown name dlq_cuont; did you mean dlq_count?"),
        ("    window:", "   window:", "4:4: not YAML"),
        ("dlq_count > 20", "'dlq_count >> 20'", "3:28: '>' stands where a number"),
        ("dlq_count > 20", "|\n      dlq_count > 20\n      AND dlq > 3", "5:11: unknown name dlq"),
        ("window: 30m", "window: 30 min", "4:13: a time like"),
        ("window: 30m", "window: 8d", "4:13: a time of at most 7d"),
        ("window: 30m", "windows: 30m", "4:14: unknown key windows; did you mean window?"),
        ("    window: 30m\n", "", "2:5: window is missing"),
        ("medium", "middling", "5:15: severity: one of"),
        ("email:", "e-mail:", "7:9: unknown channel e-mail; did you mean email?"),
        ("engineering@", "engineering.", "7:9: email: an e-mail address is expected"),
        ("email:", "sms:", "7:9: sms: a phone number like"),
        ("email:", "slack:", "7:9: slack: a channel like"),
        (
            "    severity: medium\n",
            "    severity: low\n    severity: high\n",
            "6:5: severity is there",
        ),
        ("dlq_items_accumulating", "DLQ items", "2:11: name:"),
        ("alerts:", "alert:", "2:3: unknown key alert; did you mean alerts?"),
        ("dlq_count > 20", 'job_name = "mailchimp-sync"', "3:16: job_name alone is no condition"),
    ],
)
def test_mistake_is_refused_by_its_place(old, new, refusal):
    """File, line and column, what is wrong, and the nearest right word."""
    with pytest.raises(RulesError) as refused:
        read(change=(old, new))

    lines = str(refused.value).splitlines()
    assert [line for line in lines if line.startswith(f"alerts.yaml:{refusal}")], lines


def test_all_mistakes_are_told_at_once():
    """Nobody likes to find them one by one."""
    with pytest.raises(RulesError) as refused:
        read(window=("30m", "30x"), severity=("medium", "odd"), email=("engineering@", ""))

    assert [line.split(":")[1] for line in str(refused.value).splitlines()] == ["4", "5", "7"]


def test_two_alerts_of_one_name_are_refused():
    """States are kept by name: two would share one."""
    with pytest.raises(RulesError, match=r"8:11: the name dlq_items_accumulating is taken"):
        read(ONE + ONE.removeprefix("alerts:\n"))


@pytest.mark.parametrize("changed", ["engineering wdai.org", "engineering@wdai@org"])
def test_refusal_does_not_repeat_an_address(changed):
    """What stands in the file may be somebody's address: error texts end up in logs."""
    with pytest.raises(RulesError) as refused:
        read(change=("engineering@wdai.org", changed))

    assert "engineering" not in str(refused.value)


def test_targets_are_short_in_logs():
    """An address or a number is recognised by who knows it, and is of no use to others."""
    told = [str(target) for rule in load() for target in rule.notify]

    assert told == [
        "slack #eng-alerts",
        "email on…",
        "pagerduty job-queue-critical",
        "slack #eng-alerts",
        "sms …890",
        "email en…",
        "slack #eng-alerts",
    ]
    assert "wdai.org" not in repr(load())
    assert "1234567" not in repr(load())


def test_file_that_is_not_there_is_an_error(tmp_path):
    """Without rules nobody is told anything: that is not the same as no alerts."""
    with pytest.raises(RulesError, match=r"gone\.yaml: cannot be read"):
        load(tmp_path / "gone.yaml")


def test_jobs_are_the_dag_files():
    """A rule about a job that is no DAG could never fire."""
    assert "mailchimp_sync" in known_jobs()
    assert FILE.is_file()
