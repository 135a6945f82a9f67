"""Calls, answers and events held against descriptions of the vendors; what does not fit is kept.

`include/lab/contracts` has ours: what we rely on. Where the vendors' full ones are at hand, both are asked.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson

from include.lab.sandbox.descriptions import Description, Direction, Json, Operation, typed
from include.lab.sandbox.leniencies import (
    BODIES_UNDESCRIBED,
    NO_BODY,
    is_newer_refusal,
    is_stub,
    is_undescribed,
    is_undescribed_refusal,
    undescribed_query,
    with_customers,
    without_extras,
)
from include.lab.sandbox.outbox import OutboxEvent
from include.lab.sandbox.stripe.form import parse
from include.lab.sandbox.vendor import Switches, Vendor
from include.lab.sandbox.wire import Answer, Call

KEPT = 1000
FORM = "application/x-www-form-urlencoded"
JSON_BODY = "application/json"


class Contracts:
    """The descriptions of all vendors, read when first needed, and the violations seen so far."""

    def __init__(self, folders: Iterable[Path], vendors: Iterable[Vendor]) -> None:
        """Look into every folder for the descriptions that the vendors name; each must be in one at least."""
        self._folders = tuple(folders)
        for folder in self._folders:
            if not folder.is_dir():
                raise FileNotFoundError(
                    f"no descriptions in {folder}: see OPS_SANDBOX_CONTRACTS_DIRS"
                )
        self._vendors = {vendor.name: vendor for vendor in vendors}
        self._descriptions: dict[Path, Description] = {}
        self.violations: deque[Json] = deque(maxlen=KEPT)

    def clear(self) -> None:
        """Forget the violations."""
        self.violations.clear()

    def check_request(self, vendor: str, call: Call, switches: Switches) -> None:
        """Hold a request against its operation: that there is one, its query, its body."""
        descriptions = self._described(vendor, call, switches)
        if not descriptions:
            return
        call = self._vendors[vendor].call_in_description(call)
        found = [self._wrong_in_request(vendor, call, one) for one in descriptions]
        for problem in dict.fromkeys(chain.from_iterable(found)):  # once if all say the same
            self._add(vendor, call, "request", problem)

    def _wrong_in_request(self, vendor: str, call: Call, description: Description) -> list[str]:
        operation = description.operation(call.method, call.path)
        if operation is None:
            known = is_undescribed(vendor, call.method, call.path)
            return [] if known else ["the description has no such operation"]
        let_through = undescribed_query(vendor, call.method, call.path)
        is_undescribed_body = (vendor, call.method, call.path) in BODIES_UNDESCRIBED
        if is_undescribed_body or call.body == NO_BODY.get(vendor):
            call = replace(call, body=b"")
        return request_problems(description, operation, call, let_through)

    def check_answer(self, vendor: str, call: Call, answer: Answer, switches: Switches) -> None:
        """Hold an answer against what its operation says about this status."""
        descriptions = self._described(vendor, call, switches)
        if not descriptions or is_undescribed_refusal(vendor, answer.status):
            return
        call = self._vendors[vendor].call_in_description(call)
        found = [self._wrong_in_answer(vendor, call, answer, one) for one in descriptions]
        for problem in dict.fromkeys(found):
            if problem is not None:
                self._add(vendor, call, "answer", f"{answer.status}: {problem}")

    def _wrong_in_answer(
        self, vendor: str, call: Call, answer: Answer, description: Description
    ) -> str | None:
        operation = description.operation(call.method, call.path)
        if operation is None:
            return by_object(description, answer)
        status = self._vendors[vendor].status_in_description(answer)
        return answer_problem(vendor, description, operation, answer, status)

    def check_event(self, event: OutboxEvent) -> None:
        """Hold an event that a state change made against what the vendor says of such events."""
        webhooks = self._vendors[event.vendor].webhooks
        if webhooks is None or event.by_hand:
            return
        for file, pointer, part in webhooks.described(orjson.loads(event.payload)):
            for description in self._by_name(file):
                problem = description.problem(with_customers(part), pointer, "answer")
                if problem is not None:
                    found = {"vendor": event.vendor, "where": "event", "path": event.type}
                    self.violations.append({**found, "method": "", "what": problem})

    def _described(self, vendor: str, call: Call, switches: Switches) -> list[Description]:
        file = self._vendors[vendor].description(call, switches)
        return [] if file is None else self._by_name(file)

    def _by_name(self, file: str) -> list[Description]:
        paths = [folder / file for folder in self._folders]
        there = [path for path in paths if path.is_file()]  # a new vendor's is in ours alone
        return [self._description(path) for path in there or paths]

    def _description(self, path: Path) -> Description:
        if path not in self._descriptions:
            self._descriptions[path] = Description(path)
        return self._descriptions[path]

    def _add(self, vendor: str, call: Call, where: Direction, what: str) -> None:
        self.violations.append(
            {
                "vendor": vendor,
                "where": where,
                "method": call.method,
                "path": call.path,
                "what": what,
            }
        )


def request_problems(
    description: Description, operation: Operation, call: Call, let_through: Collection[str]
) -> list[str]:
    """Return what is wrong with a request's query and body."""
    problems = query_problems(description, operation, call, let_through)
    described = description.followed(operation.body.get("requestBody") or {}).get("content", {})
    if not call.body:
        required = operation.body.get("requestBody", {}).get("required", False)
        return [*problems, *(["a body is required"] if required else [])]
    if not described:
        return [*problems, "the operation takes no body"]
    kind = FORM if FORM in described else JSON_BODY
    pointer = f"{operation.pointer}/requestBody/content/{kind.replace('/', '~1')}/schema"
    try:
        body = body_in(call, kind, described[kind]["schema"], description)
    except ValueError:
        return [*problems, f"the body is not {kind}"]
    problem = description.problem(body, pointer, "request")
    return [*problems, *([problem] if problem else [])]


def body_in(call: Call, kind: str, schema: Json, description: Description) -> Any:
    """Return a body with the types its schema asks for; ValueError where it cannot be read."""
    if kind == JSON_BODY:
        return orjson.loads(call.body)
    return typed(parse(call.body.decode()), schema, description)


def query_problems(
    description: Description, operation: Operation, call: Call, let_through: Collection[str]
) -> list[str]:
    """Return what is wrong with a request's query: unknown names, missing ones, wrong types."""
    parameters = {
        parameter["name"]: parameter
        for parameter in map(description.followed, operation.body.get("parameters", []))
        if parameter["in"] == "query"
    }
    values = query_values(call, parameters)
    unknown = [name for name in values if name not in parameters and name not in let_through]
    problems = [f"query: {name} is no parameter" for name in unknown]
    for name, parameter in parameters.items():
        if name not in values:
            problems += [f"query: {name} is missing"] if parameter.get("required") else []
            continue
        value = typed(values[name], parameter["schema"], description)
        problem = description.inline_problem(value, parameter["schema"])
        problems += [f"query: {name}: {problem}"] if problem else []
    return problems


def query_values(call: Call, parameters: Mapping[str, Json]) -> Json:
    """Return the values of a query; repeated names and comma lists are lists where one is asked."""
    tree = parse(call.query_string)
    for name, parameter in parameters.items():
        value = tree.get(name)
        if parameter["schema"].get("type") == "array" and isinstance(value, str):
            repeated = [v for n, v in parse_qsl(call.query_string) if n == name]
            tree[name] = repeated if len(repeated) > 1 else value.split(",")
    return tree


def answer_problem(
    vendor: str, description: Description, operation: Operation, answer: Answer, status: str
) -> str | None:
    """Return what is wrong with an answer that the description has under `status`, or None."""
    described = operation.body["responses"]
    status = status if status in described else "default"
    if status not in described:
        return "the description has no such status"
    pointer = f"{operation.pointer}/responses/{status}"
    content = description.at(pointer).get("content") or {}
    if not content:
        return "no body is described" if answer.body else None
    kind = (answer.content_type or "").partition(";")[0]
    if kind not in content:
        return f"the content type {kind!r} is not one of {sorted(content)}"
    document = with_customers(without_extras(vendor, answer.status, orjson.loads(answer.body)))
    if is_stub(vendor, document) or is_newer_refusal(vendor, document):
        return None
    schema = f"{pointer}/content/{kind.replace('/', '~1')}/schema"
    return description.problem(document, schema, "answer")


def by_object(description: Description, answer: Answer) -> str | None:
    """Return what is wrong with the objects in an answer, each under the schema of its `object`."""
    is_json = (answer.content_type or "").startswith(JSON_BODY)
    document = orjson.loads(answer.body) if answer.body and is_json else {}
    items = document.get("data", [document]) if isinstance(document, dict) else []
    for item in items[:2]:
        pointer = f"/components/schemas/{item.get('object')}"
        if "deleted" not in item and description.has(pointer):
            problem = description.problem(item, pointer, "answer")
            if problem is not None:
                return problem
    return None
