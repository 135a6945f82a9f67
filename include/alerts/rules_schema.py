"""The form of `include/alerts.yaml` as JSON Schema, for editors: made from the models that read the file.

`python -m include.alerts.rules_schema` writes `include/alerts.schema.json` anew.
"""

from __future__ import annotations

import json
from typing import Final

from include.alerts.names import JOB, NUMBERS
from include.alerts.rules import FILE, AlertRules

TARGET: Final = FILE.with_name("alerts.schema.json")


def document() -> str:
    """Return the schema's text; the names that a condition may use are in its description."""
    schema = AlertRules.model_json_schema(by_alias=True)
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    names = "\n".join(f"- {name}: {words}" for name, words in NUMBERS.items())
    schema["$defs"]["AlertRule"]["properties"]["for"].pop(
        "default"
    )  # written as editors do not want it
    condition = schema["$defs"]["AlertRule"]["properties"]["condition"]
    condition["description"] += (
        f"\n\nNames:\n{names}\n- {JOB}: the job whose numbers are looked at; without it all jobs"
    )
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write it anew."""
    TARGET.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
