"""Another commit's figures beside ours: medians of what both have, each in its place."""

import subprocess

import pytest

from include.errors import CommandError
from include.lab.bench import beside
from include.lab.bench.report import BASELINE, lines


def result(p50, seconds, **more):
    """Return what one run of a bench says."""
    return {
        "machine": {"cores": 2, "python": "3.11"},
        "latency": {"p50": p50, "mix": "half", "repetitions": [{"samples": [p50]}], **more},
        "burst": {"200": {"seconds": seconds}},
    }


def test_figures_are_medians_of_what_all_have():
    """Texts and single samples are no figures; what one repetition lacks is left out."""
    found = beside.medians([result(1.0, 4.0), result(3.0, 2.0, p95=9.0), result(2.0, 9.0)])

    assert found == {
        "machine": {"cores": 2},
        "latency": {"p50": 2.0},
        "burst": {"200": {"seconds": 4.0}},
    }


def test_a_figure_that_failed_stays_failed():
    """It is told, and no median of the others' is shown for it."""
    failed = {"latency": {"failed": "BenchError: stuck"}}

    assert beside.medians([failed, {"latency": {"p50": 1.0}}]) == failed


def test_each_figure_stands_beside_that_of_the_other_commit():
    """A ratio above one is ours being better; a figure that only we have has none."""
    ours, other = result(1.0, 2.0, cpu_seconds_per_event=0.5), result(3.0, 3.0)

    results = beside.beside(ours, other, name="abc1234")

    assert results[BASELINE] == "abc1234"
    assert {line.goal.label: line.ratio for line in lines(results)} == {
        "latency, p50": 3.0,
        "CPU of each": None,
        "burst of 200": 1.5,
    }


@pytest.fixture
def repository(tmp_path):
    """Give a repository with one commit."""
    root = tmp_path / "repository"
    root.mkdir()
    (root / "ops").write_text("of the first commit")
    as_somebody = ("-c", "user.name=nobody", "-c", "user.email=nobody@example.org")
    for command in (("init", "-q"), ("add", "ops"), (*as_somebody, "commit", "-qm", "first")):
        subprocess.run(["git", "-C", root, *command], check=True)
    return root


def test_an_unknown_commit_is_said(repository, tmp_path):
    """In git's words, with nothing left behind."""
    with (
        pytest.raises(CommandError, match="git rev-parse"),
        beside.checkout("no-such", tmp_path / "others", root=repository),
    ):
        pass

    assert not (tmp_path / "others").exists()


def test_a_checkout_is_there_for_the_block_only(repository, tmp_path):
    """It has the commit's files, whatever has been changed since."""
    (repository / "ops").write_text("changed since")

    with beside.checkout("HEAD", tmp_path / "others", root=repository) as path:
        assert (path / "ops").read_text() == "of the first commit"

    assert not path.exists()
