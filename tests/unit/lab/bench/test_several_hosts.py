"""Bursts by the number of workers: what is shown, and what cannot be asked for."""

import pytest
from rich.console import Console

from include.errors import CommandError
from include.lab.bench import several_hosts
from include.lab.commands import bench


def test_each_number_of_workers_has_a_line():
    """With how long it took, and who was how busy meanwhile."""
    found = [
        {
            "workers": 1,
            "size": 1000,
            "seconds": 31.24,
            "workers_cores": 0.26,
            "others_cores": 0.5,
            "mailchimp_seconds": 3.81,
        },
        {
            "workers": 4,
            "size": 1000,
            "seconds": 12.5,
            "workers_cores": 0.8,
            "others_cores": 1.1,
            "mailchimp_seconds": 3.9,
        },
    ]
    console = Console(width=100, record=True)

    console.print(several_hosts.table(found, mailchimp_ms=200))

    shown = [line.replace("│", " ").split() for line in console.export_text().splitlines()]
    assert ["1", "1,000", "31.2", "0.3", "0.5", "3.8"] in shown
    assert ["4", "1,000", "12.5", "0.8", "1.1", "3.9"] in shown
    assert ["Mailchimp", "takes", "200", "ms", "for", "a", "call;"] in [line[:7] for line in shown]


@pytest.mark.parametrize("figures", [None, ["latency"], ["burst", "latency"]])
def test_with_workers_bursts_alone_are_measured(figures):
    """The other figures are the local stack's."""
    with pytest.raises(CommandError, match="only `burst`"):
        bench.command(figures, workers=[1, 2])
