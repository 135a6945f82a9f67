"""The JSON Schema that editors use."""

import jsonschema
import pytest
import yaml

from include.alerts.rules import FILE
from include.alerts.rules_schema import TARGET, document

SCHEMA = yaml.safe_load(document())


def validate(tree):
    """Hold a file against the schema."""
    jsonschema.Draft202012Validator(SCHEMA).validate(tree)


def test_file_is_what_the_models_say():
    """`python -m include.alerts.rules_schema` writes it anew."""
    assert TARGET.read_text(encoding="utf-8") == document()


def test_rules_name_their_schema():
    """An editor with YAML support finds it by the first line."""
    assert FILE.read_text(encoding="utf-8").splitlines()[0].endswith(f"$schema={TARGET.name}")


def test_the_rules_fit():
    """What we read, an editor does not complain about."""
    validate(yaml.safe_load(FILE.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "change",
    [
        {"window": "5 min"},
        {"severity": "odd"},
        {"notify": []},
        {"notify": [{"sms": "12"}]},
        {"notify": [{"slack": "#a", "sms": "+1234567890"}]},
        {"windows": "5m"},
        {"min_samples": 0},
    ],
)
def test_mistakes_do_not_fit(change):
    """What we refuse, an editor underlines."""
    tree = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    tree["alerts"][0].update(change)

    with pytest.raises(jsonschema.ValidationError):
        validate(tree)
