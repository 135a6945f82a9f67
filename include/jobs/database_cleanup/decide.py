"""What goes when: `include/retention.yaml`, held against the statements that remove."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field

from include.store.retention import Retention

FILE = Path(__file__).parents[2] / "retention.yaml"
NEVER = frozenset({"trigger", "dag", "dag_version"})
"""Tables of Airflow's that are never cleaned: the first would delete tasks that wait in a trigger."""

Days = Annotated[int, Field(ge=7)]  # a review waits seven days for its answer


class AirflowRules(BaseModel):
    """How long Airflow's tables keep what, and which of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep_days: Days
    tables: tuple[str, ...]


class LogRules(BaseModel):
    """How long files of logs are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep_days: Days


class RetentionRules(BaseModel):
    """The retention file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ops: dict[str, Days]
    airflow: AirflowRules
    logs: LogRules


def load_rules(path: Path = FILE) -> RetentionRules:
    """Read the rules; raises ValueError naming what is not as it should be."""
    rules = RetentionRules.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    known = Retention.rules()
    if unknown := sorted(rules.ops.keys() ^ known):
        raise ValueError(f"{path.name}: rules and statements differ: {', '.join(unknown)}")
    if forbidden := sorted(NEVER & set(rules.airflow.tables)):
        raise ValueError(f"{path.name}: never cleaned: {', '.join(forbidden)}")
    return rules
