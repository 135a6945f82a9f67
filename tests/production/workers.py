"""Bursts on several hosts with one number of workers after the other, for `./ops bench burst --workers N`.

It reads `{"workers": …, "sizes": …, "mailchimp_seconds": …, "repetitions": …}` from its standard input, writes a list
of figures to its standard output, and says each of them as soon as it is measured.
"""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack, closing
from itertools import count
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest

from include.lab.bench import burst
from include.lab.bench.sandbox import BenchSandbox
from include.lab.bench.several_hosts import HOST_CORES
from tests.production.cpu_limits import limited
from tests.production.forms import CELERY, running
from tests.production.measuring import Deployed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from include.lab.bench.burst import Burst

SEED = 20260301
WARM = 40  # webhooks that a worker has imported for what it runs, before it is measured


def measured(
    workers: Sequence[int],
    sizes: Sequence[int],
    folder: Path,
    *,
    mailchimp_seconds: float,
    repetitions: int,
) -> Iterator[dict[str, float]]:
    """Start several hosts, and yield the median of some bursts of each size, with the fewest workers first."""
    seeds = count(SEED)
    with (
        running(CELERY, folder) as form,
        closing(Deployed(form)) as product,
        closing(BenchSandbox(form.stack)) as sandbox,
    ):
        for number in sorted(workers):
            form.deployment.scale("worker", number)
            burst.measure(product, sandbox, WARM * number, seed=next(seeds))
            with ExitStack() as hosts:
                for container in form.deployment.of("worker"):
                    hosts.enter_context(limited(container, HOST_CORES))
                hosts.enter_context(sandbox.slow("mailchimp", mailchimp_seconds))
                for size in sizes:
                    found = [
                        burst.measure(product, sandbox, size, seed=next(seeds))
                        for _ in range(repetitions)
                    ]
                    yield {"workers": number, "size": size, **figures(found)}


def figures(found: Sequence[Burst]) -> dict[str, float]:
    """Return the medians of some bursts: how long, on how many cores, and how long Mailchimp's calls alone take."""

    def cores(one: Burst, *, of_workers: bool) -> float:
        used = one.cpu_seconds.items()
        return sum(s for name, s in used if name.startswith("worker") is of_workers) / one.seconds

    return {
        "seconds": median(one.seconds for one in found),
        "workers_cores": median(cores(one, of_workers=True) for one in found),
        "others_cores": median(cores(one, of_workers=False) for one in found),
        "mailchimp_seconds": median(sum(one.mailchimp_seconds.values()) for one in found),
    }


def main() -> None:
    """Measure what is asked for; say why where that cannot be."""
    asked = json.load(sys.stdin)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        try:
            found = []
            for one in measured(**asked, folder=Path(folder)):
                sys.stderr.write(f"{one}\n")
                found.append(one)
            json.dump(found, sys.stdout)
        except pytest.skip.Exception as why:
            sys.exit(str(why))


if __name__ == "__main__":
    main()
