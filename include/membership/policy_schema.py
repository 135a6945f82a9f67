"""The form of `include/membership.yaml` as JSON Schema, for editors: made from the models that read the file.

`python -m include.membership.policy_schema` writes `include/membership.schema.json` anew.
"""

from __future__ import annotations

import json
from typing import Final

from include.membership.policy import FILE, Policy

TARGET: Final = FILE.with_name("membership.schema.json")


def document() -> str:
    """Return the schema's text; defaults are said in the file itself."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Policy.model_json_schema(by_alias=True),
    }
    return json.dumps(_without_defaults(schema), indent=2, ensure_ascii=False) + "\n"


def _without_defaults(part: object) -> object:
    """Leave out the defaults: durations are not written as the file has them."""
    if isinstance(part, dict):
        return {key: _without_defaults(value) for key, value in part.items() if key != "default"}
    return [_without_defaults(one) for one in part] if isinstance(part, list) else part


def main() -> None:
    """Write it anew."""
    TARGET.write_text(document(), encoding="utf-8")


if __name__ == "__main__":
    main()
