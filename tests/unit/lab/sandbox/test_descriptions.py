"""How strictly a description is read."""

import json

import pytest

from include.lab.sandbox.descriptions import Description, sampled, typed

DOCUMENT = {
    "openapi": "3.0.3",
    "paths": {
        "/things/{id}": {"get": {"responses": {"200": {"$ref": "#/components/responses/Thing"}}}},
        "/things/search": {"get": {"responses": {}}},
    },
    "components": {
        "responses": {
            "Thing": {
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}
            }
        },
        "schemas": {
            "Thing": {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {"type": "string", "readOnly": True},
                    "kind": {"type": "string", "nullable": True, "enum": ["a"]},
                },
            },
            "Both": {
                "allOf": [
                    {"$ref": "#/components/schemas/Thing"},
                    {"properties": {"more": {"type": "integer"}}},
                ]
            },
        },
    },
}
THING = "/components/schemas/Thing"


@pytest.fixture
def description(tmp_path):
    file = tmp_path / "vendor.json"
    file.write_text(json.dumps(DOCUMENT), encoding="utf-8")
    return Description(file)


def test_unnamed_field_is_a_problem(tmp_path):
    """A schema that says nothing about further fields is closed."""
    document = json.loads(json.dumps(DOCUMENT))
    del document["components"]["schemas"]["Both"]
    file = tmp_path / "closed.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    description = Description(file)

    assert "extra" in description.problem({"id": "x", "extra": 1}, THING, "answer")
    assert description.problem({"id": "x"}, THING, "answer") is None


def test_parts_of_all_stay_open(description):
    """An `allOf` works only if its parts let each other's fields through."""
    both = "/components/schemas/Both"

    assert description.problem({"id": "x", "more": 1}, both, "answer") is None
    assert "more" in description.problem({"id": "x", "more": "y"}, both, "answer")


def test_null_suits_a_nullable_enum(description):
    """Null is a value of a nullable enum, another value is not."""
    assert description.problem({"id": "x", "kind": None}, THING, "answer") is None
    assert "kind" in description.problem({"id": "x", "kind": "b"}, THING, "answer")


def test_read_only_field_is_a_problem_in_a_request_only(description):
    """What is read only is an answer's, not a request's."""
    assert description.problem({"id": "x"}, THING, "request") is not None
    assert description.problem({"id": "x"}, THING, "answer") is None


def test_schema_is_found_through_references(description):
    """A pointer may pass through a reference on its way."""
    operation = description.operation("GET", "/things/7")
    pointer = f"{operation.pointer}/responses/200/content/application~1json/schema"

    assert description.problem({}, pointer, "answer") == ".: 'id' is a required property"


def test_plain_path_comes_before_a_name(description):
    """`/things/search` is not the thing of the id `search`."""
    assert "search" in description.operation("GET", "/things/search").pointer
    assert description.operation("POST", "/things/7") is None


def test_long_lists_are_sampled():
    """Of a long list the first two and last two are looked at, also inside of objects."""
    assert sampled({"a": list(range(100)), "b": [1, 2]}) == {"a": [0, 1, 98, 99], "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("7", {"type": "integer"}, 7),
        ("seven", {"type": "integer"}, "seven"),
        ("true", {"type": "boolean"}, True),
        ("7", {"type": "string"}, "7"),
        (
            {"gte": "7"},
            {
                "anyOf": [
                    {"type": "object", "properties": {"gte": {"type": "integer"}}},
                    {"type": "integer"},
                ]
            },
            {"gte": 7},
        ),
        (["1", "2"], {"type": "array", "items": {"type": "number"}}, [1.0, 2.0]),
    ],
)
def test_text_becomes_what_the_schema_asks_for(description, text, schema, value):
    """Form fields and queries are text; they are checked as the types they stand for."""
    assert typed(text, schema, description) == value
