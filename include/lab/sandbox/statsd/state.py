"""The metrics that were taken, and what could not be read."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from include.lab.sandbox.vendor import Surroundings

KEPT = 20_000
LINE = re.compile(
    r"(?P<name>[^:|@#]+):(?P<value>[+-]?[0-9.]+(?:e[+-]?[0-9]+)?)\|(?P<type>c|g|ms|h|d|s)(?P<more>(?:\|[@#cTe][^|]*)*)"
)
"""`name:value|type|@rate|#tag:value,…`; Datadog adds container (`c:`), time (`T`) and origin (`e:`)."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One sample; the tags of Datadog's form, or those of InfluxDB's in the name."""

    name: str
    value: float
    type: str
    tags: dict[str, str]


class StatsdState:
    """The samples, oldest first."""

    def __init__(self, _around: Surroundings) -> None:
        """Start without any."""
        self.metrics: deque[Metric] = deque(maxlen=KEPT)
        self.unreadable: deque[str] = deque(maxlen=100)

    def take(self, datagram: bytes) -> None:
        """Keep the samples of a datagram: one per line."""
        for line in datagram.decode(errors="replace").splitlines():
            metric = metric_from(line)
            if metric is not None:
                self.metrics.append(metric)
            else:
                self.unreadable.append(line)

    def dump(self, wanted: str | None) -> Mapping[str, Any]:
        """Return the samples; those of one name, or all."""
        kept = [asdict(one) for one in self.metrics if wanted in (None, one.name)]
        return {"metrics": kept, "unreadable": list(self.unreadable)}


def metric_from(line: str) -> Metric | None:
    """Read one line; None where it is none."""
    match = LINE.fullmatch(line)
    if match is None:
        return None
    name, *influx = match["name"].split(",")
    datadog = [
        tag for part in match["more"].split("|") if part[:1] == "#" for tag in part[1:].split(",")
    ]
    pairs = [tag.partition("=") for tag in influx] + [tag.partition(":") for tag in datadog]
    tags = {key: value for key, _, value in pairs}
    return Metric(name=name, value=float(match["value"]), type=match["type"], tags=tags)
