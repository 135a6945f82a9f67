"""Our descriptions of the vendors: they hold together, and they say nothing that the vendors' own do not say."""

import json
from datetime import UTC, datetime
from itertools import chain
from operator import itemgetter
from types import SimpleNamespace

import pytest
import stripe
from svix.webhooks import Webhook, WebhookVerificationError

from include.lab.sandbox.descriptions import METHODS, Description
from include.lab.sandbox.server import VENDORS
from tests import contracts

FILES = sorted(contracts.OURS.glob("*.openapi.json"))
WEBHOOKS = {v.name: v.webhooks for v in VENDORS if v.webhooks is not None}
EVENTS = [
    pytest.param(provider, path, id=contracts.name_of(path))
    for provider, pattern in (("stripe", "stripe/events/*.json"), ("clerk", "clerk/*.json"))
    for path in sorted((contracts.OURS / "examples").glob(pattern))
]


class Held:
    """One document of ours beside the vendor's: finds what the vendor's does not have."""

    def __init__(self, ours, theirs):
        self.ours, self.theirs = ours, theirs
        self.seen = set()
        self.found = []

    def followed(self, document, node):
        """Return a node, or what it refers to."""
        while "$ref" in node:
            at = document
            for part in node["$ref"].removeprefix("#/").split("/"):
                at = at[part.replace("~1", "/").replace("~0", "~")]
            node = at
        return node

    def operations(self):
        """Compare all operations."""
        for path, methods in self.ours["paths"].items():
            for method, operation in methods.items():
                theirs = self.theirs["paths"].get(path, {})
                if method not in theirs:
                    self.found.append(f"{method} {path}")
                    continue
                shared = theirs.get("parameters", [])
                self.operation(f"{method} {path}", operation, theirs[method], shared)
        for event, webhook in self.ours.get("x-webhooks", {}).items():
            body = self.theirs["x-webhooks"][event]["post"]["requestBody"]
            self.content(event, webhook["post"]["requestBody"], body)
        for name, schema in self.ours.get("components", {}).get("schemas", {}).items():
            self.schema(name, schema, self.theirs["components"]["schemas"][name])

    def operation(self, where, ours, theirs, shared):
        """Compare parameters, body and answers of one operation."""
        known = {
            (one["in"], one["name"]): one
            for one in (
                self.followed(self.theirs, p) for p in [*shared, *theirs.get("parameters", [])]
            )
        }
        for parameter in ours.get("parameters", []):
            there = known.get((parameter["in"], parameter["name"]))
            if there is None:
                self.found.append(f"{where}: parameter {parameter['name']}")
                continue
            schema = there.get("schema") or next(iter(there["content"].values()))["schema"]
            self.schema(f"{where}: {parameter['name']}", parameter["schema"], schema)
        if "requestBody" in ours:
            self.content(where, ours["requestBody"], theirs.get("requestBody", {}))
        for status, answer in ours["responses"].items():
            if status not in theirs["responses"]:
                self.found.append(f"{where}: status {status}")
                continue
            self.content(f"{where} {status}", answer, theirs["responses"][status])

    def content(self, where, ours, theirs):
        """Compare bodies of each content type."""
        there = self.followed(self.theirs, theirs).get("content", {})
        for kind, media in ours.get("content", {}).items():
            if kind not in there:
                self.found.append(f"{where}: {kind}")
            elif "schema" in media:
                self.schema(where, media["schema"], there[kind]["schema"])

    def schema(self, where, ours, theirs):
        """Compare what one schema names; a choice must have a part of theirs for each part of ours."""
        ours, theirs = self.followed(self.ours, ours), self.followed(self.theirs, theirs)
        if (id(ours), id(theirs)) in self.seen:
            return
        self.seen.add((id(ours), id(theirs)))
        if ours.get("type") != theirs.get("type") and not (
            ours.get("type") == "object" and "properties" in theirs
        ):
            self.found.append(f"{where}: {ours.get('type')} is {theirs.get('type')} there")
        if ours.get("nullable", False) and not theirs.get("nullable", False):
            self.found.append(f"{where}: never null there")
        if unknown := set(ours.get("enum", [])) - set(theirs.get("enum", [])):
            self.found.append(f"{where}: {sorted(unknown)} are no values there")
        if more := set(ours.get("required", [])) - set(theirs.get("required") or []):
            self.found.append(f"{where}: {sorted(more)} may be missing there")
        for name, property_ in ours.get("properties", {}).items():
            if name not in theirs.get("properties", {}):
                self.found.append(f"{where}: no {name} there")
            else:
                self.schema(f"{where}/{name}", property_, theirs["properties"][name])
        self.inner(where, ours, theirs)

    def inner(self, where, ours, theirs):
        """Compare what a list holds, and the parts of a choice or a sum."""
        if "items" in ours:
            self.schema(f"{where}[]", ours["items"], theirs.get("items", {}))
        for kinds in (("anyOf", "oneOf"), ("allOf",)):
            there = list(chain.from_iterable(theirs.get(kind, []) for kind in kinds))
            for number, part in enumerate(ours.get(kinds[0], [])):
                self.part(f"{where}|{number}", part, there)

    def part(self, where, ours, theirs):
        """Hold one part of a choice against every part of theirs; one must fit."""
        least = None
        for other in theirs:
            before, self.found = self.found, []
            self.schema(where, ours, other)
            now, self.found = self.found, before
            if least is None or len(now) < len(least):
                least = now
        self.found += [f"{where}: no such choice there"] if least is None else least


def problems(ours, theirs):
    """Return where a description of ours says what the vendor's does not."""
    held = Held(ours, theirs)
    held.operations()
    return held.found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_every_vendor_that_is_described_has_a_description(path):
    """Each file can be read, and names an operation, an event or an object."""
    description = Description(path)

    assert description.operations or description.has("/x-webhooks")


def test_there_are_as_many_as_the_sandbox_asks_for():
    """No description is missing, and none is left over."""
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in (contracts.ROOT / "include/lab/sandbox").rglob("*.py")
    )

    assert FILES
    assert all(path.name in source for path in FILES)


@pytest.mark.skipif(
    contracts.THEIRS not in contracts.FOLDERS,
    reason="the vendors' own descriptions are not here: export OPS_CONTRACTS_DIR=<folder with them>",
)
def test_ours_are_a_part_of_theirs():
    """Each path, parameter, field, value and status of ours is in the vendor's own, with its type."""
    found = {
        path.name: problems(contracts.load(path), contracts.load(contracts.THEIRS / path.name))
        for path in FILES
    }

    assert found == {path.name: [] for path in FILES}


@pytest.mark.parametrize(
    "wrong",
    [
        {"properties": {"invented": {"type": "string"}}},
        {"properties": {"id": {"type": "integer"}}},
        {"properties": {"id": {"type": "string", "nullable": True}}},
        {"properties": {"id": {"type": "string", "enum": ["a", "b"]}}},
        {"required": ["name"]},
    ],
    ids=json.dumps,
)
def test_what_theirs_does_not_say_is_found(wrong):
    """The comparison finds a field, a type, a null, a value and a must that the vendor's lacks."""
    properties = {"id": {"type": "string", "enum": ["a"]}, "name": {"type": "string"}}
    theirs = {"type": "object", "properties": properties, "required": ["id"]}

    def document(schema):
        return {"paths": {}, "components": {"schemas": {"thing": schema}}}

    assert problems(document(theirs), document(theirs)) == []
    assert len(problems(document({"type": "object", **wrong}), document(theirs))) == 1


def test_operation_that_theirs_lacks_is_found():
    """A call, a parameter and a status that the vendor does not have are found."""
    ours = {
        "/a": {
            "get": {
                "parameters": [{"in": "query", "name": "q", "schema": {}}],
                "responses": {"200": {}, "418": {}},
            },
            "post": {"responses": {}},
        }
    }
    theirs = {"/a": {"get": {"responses": {"200": {}}}}}

    found = problems({"paths": ours}, {"paths": theirs})

    assert found == ["get /a: parameter q", "get /a: status 418", "post /a"]


@pytest.mark.parametrize(("provider", "path"), EVENTS)
def test_our_examples_fit(provider, path):
    """Each event of ours is one that our descriptions, and the vendors', allow."""
    parts = WEBHOOKS[provider].described(contracts.load(path))

    assert parts
    for folder in contracts.FOLDERS:
        for file, pointer, part in parts:
            assert Description(folder / file).problem(part, pointer, "answer") is None


def test_descriptions_are_small():
    """They say what we use: a description that grows past its bound is a copy."""
    operations = [
        (path.name, method)
        for path in FILES
        for methods in contracts.load(path)["paths"].values()
        for method in methods
        if method in METHODS
    ]

    assert sum(path.stat().st_size for path in FILES) < 300_000
    assert len(operations) < 130


@pytest.mark.parametrize(
    "vector",
    contracts.load(contracts.OURS / "signatures/stripe.json")["vectors"],
    ids=itemgetter("name"),
)
def test_stripes_package_agrees_with_our_vectors(vector, monkeypatch):
    """What we call a good signature is one to Stripe's own package, and nothing else is."""
    monkeypatch.setattr("stripe._webhook.time", SimpleNamespace(time=lambda: vector["now"]))

    def is_good():
        try:
            stripe.WebhookSignature.verify_header(
                vector["body"], vector["header"] or "", vector["secret"], vector["tolerance"]
            )
        except stripe.SignatureVerificationError:
            return False
        return True

    assert is_good() == vector["valid"]


@pytest.mark.parametrize(
    "vector",
    contracts.load(contracts.OURS / "signatures/svix.json")["vectors"],
    ids=itemgetter("name"),
)
def test_svixs_package_agrees_with_our_vectors(vector, monkeypatch):
    """What we call a good signature is one to Svix's own package, and nothing else is."""
    now = datetime.fromtimestamp(vector["now"], UTC)
    clock = SimpleNamespace(now=lambda **_: now, fromtimestamp=datetime.fromtimestamp)
    monkeypatch.setattr("standardwebhooks.webhooks.datetime", clock)

    def is_good():
        try:
            Webhook(vector["secret"]).verify(vector["body"], vector["headers"])
        except (WebhookVerificationError, ValueError):  # ValueError: a signature without a version
            return False
        return True

    assert is_good() == vector["valid"]
