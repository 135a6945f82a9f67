import json

import pytest

from include.errors import CommandError
from include.lab.bench.errors import BenchError
from include.lab.bench.figures import attempt
from include.lab.bench.report import BASELINE
from include.lab.bench.run import COMPARED_BURST, FIGURES, add_plain
from include.lab.commands.bench import chosen, write


def test_an_unknown_figure_is_refused_with_the_known_ones():
    """Before anything is started."""
    known = "latency, burst, ingest, footprint, search, sleepers"
    with pytest.raises(CommandError, match=f"no such figure: speed; there are {known}"):
        chosen(["latency", "speed"])


def test_without_names_all_figures_are_measured():
    """In the order of the documentation, whatever the order of the names."""
    assert chosen([]) == FIGURES
    assert chosen(["footprint", "latency"]) == ("latency", "footprint")


def test_plain_figures_stand_beside_ours():
    """The latency's in the latency, the burst's in the burst of the same size."""
    size = str(COMPARED_BURST)
    results = {"latency": {"p50": 1.0}, "burst": {size: {"seconds": 3.0}, "1000": {"seconds": 9.0}}}

    add_plain(results, {"latency": {"p50": 9.0}, "burst": {size: {"seconds": 400.0}}})

    assert results["latency"][BASELINE] == {"p50": 9.0}
    assert results["burst"][size][BASELINE] == {"seconds": 400.0}
    assert BASELINE not in results["burst"]


def test_a_baseline_that_failed_is_shown_with_the_figure():
    """It must not vanish, and must not look like a burst's size."""
    results = {"burst": {"200": {"seconds": 3.0}}}

    add_plain(results, {"burst": {"failed": "BenchError: not healthy"}})

    assert results["burst"][BASELINE] == {"failed": "BenchError: not healthy"}


def test_a_figure_that_failed_says_why():
    """The others are measured all the same."""

    def stuck():
        raise BenchError("1 of 2 were done after 900 s")

    assert attempt(stuck) == {"failed": "BenchError: 1 of 2 were done after 900 s"}


def test_a_mistake_of_ours_is_not_a_failed_figure():
    """Only what a measurement can run into is caught."""
    with pytest.raises(ZeroDivisionError):
        attempt(lambda: {"p50": 1 / 0})


def test_results_are_written_as_json(tmp_path):
    """One object, a key per figure."""
    write(tmp_path / "bench.json", {"latency": {"p50": 0.5}})

    assert json.loads((tmp_path / "bench.json").read_text()) == {"latency": {"p50": 0.5}}


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    """After half an hour of measuring nobody wants a traceback."""
    with pytest.raises(CommandError, match="cannot be written"):
        write(tmp_path / "missing" / "bench.json", {})
