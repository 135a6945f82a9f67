"""The rules' own trials, which CI runs, and the form they have."""

import pytest

from include.alerts.cases import FOLDER, moment_from, run, series_from
from include.alerts.rules import RulesError, load

FILES = sorted(FOLDER.glob("*.yaml"))


def test_every_rule_is_tried():
    """A rule without a trial is one that nobody has seen fire."""
    assert [path.stem for path in FILES] == sorted(rule.name for rule in load())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_rules_fire_as_their_trials_say(path):
    """Just under: never. Just over: once, and resolved once."""
    outcomes = run(path, load())

    assert [(one.case, one.wrong) for one in outcomes if one.wrong] == []
    assert any("under" in one.case for one in outcomes)
    assert any("over" in one.case for one in outcomes)


def write(tmp_path, text):
    """Write a file of cases."""
    path = tmp_path / "cases.yaml"
    path.write_text("rule: dlq_items_accumulating\ncases:\n" + text)
    return path


@pytest.mark.parametrize(
    ("series", "expect", "wrong"),
    [
        ("21x3", "[{fired: 0m}]", None),
        ("20 21x3 20", "[{fired: 1m, resolved: 4m}]", None),
        ("20 21x3 20", "[{fired: 1m}]", "fires from minute 1 to 4, expected from minute 1 on"),
        ("20x5", "[{fired: 1m}]", "fires never, expected from minute 1 on"),
        ("21", "[]", "fires from minute 0 on, expected never"),
    ],
)
def test_difference_is_told(tmp_path, series, expect, wrong):
    """What fires is compared in both directions."""
    path = write(tmp_path, f"  - {{name: x, series: {{dlq_count: {series}}}, expect: {expect}}}\n")

    [outcome] = run(path, load())

    assert outcome.wrong == wrong


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  - {name: x, series: {dlq: 1}}\n", "unknown name dlq; did you mean dlq_count?"),
        ("  - {name: x, series: {dlq_count: many}}\n", "'many' is no value"),
        ("  - {name: x, series: {dlq_count: 1}, expect: [{fired: soon}]}\n", "'soon' is no time"),
        ("  - {name: x, sries: {dlq_count: 1}}\n", "sries"),
        ("  - {name: x\n", "not YAML"),
        ("  []\n", "at least 1"),
    ],
)
def test_mistakes_are_refused(tmp_path, text, words):
    """A trial that tries nothing must not pass."""
    with pytest.raises(RulesError) as refused:
        run(write(tmp_path, text), load())

    assert words in str(refused.value)


def test_trial_of_no_rule_is_refused(tmp_path):
    """With the nearest name there is."""
    path = tmp_path / "cases.yaml"
    path.write_text("rule: job_queue_backups\ncases: [{name: x, series: {queued_jobs: 1}}]\n")

    with pytest.raises(RulesError, match="did you mean job_queue_backup"):
        run(path, load())


def test_series_are_written_short():
    """A value a minute, repeated by x; what is unknown is a line."""
    assert series_from("0 21x3 _ -1.5") == (0, 21, 21, 21, None, -1.5)
    assert series_from(7) == (7,)
    assert moment_from("0m").total_seconds() == 0
