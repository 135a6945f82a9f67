"""Pages of objects, search, and `expand`."""

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson

from include.lab.sandbox.stripe import errors
from include.lab.sandbox.stripe.form import Form, whole_number
from include.lab.sandbox.stripe.objects import Object
from include.lab.sandbox.stripe.payments import payments
from include.lab.sandbox.stripe.state import StripeState

MOST_PER_PAGE = 100
USUAL_PER_PAGE = 10
CLAUSE = re.compile(
    r"""(?P<field>[a-z_]+)(?:\[['"](?P<key>[^'"]+)['"]\])?\s*[:~]\s*(?P<q>['"])(?P<value>.*?)(?P=q)"""
)
BOUNDS: dict[str, Callable[[int, int], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
EXPANDABLE = {
    "customer": "customer",
    "invoice": "invoice",
    "latest_invoice": "invoice",
    "subscription": "subscription",
    "product": "product",
    "default_price": "price",
}

T = TypeVar("T")


def page(items: Sequence[T], form: Form, id_of: Callable[[T], str]) -> tuple[list[T], bool]:
    """Return the asked page of a newest-first list, and whether more follow in its direction."""
    limit = whole_number(form, "limit") or USUAL_PER_PAGE
    if not 1 <= limit <= MOST_PER_PAGE:
        raise errors.invalid("limit", "This value must be between 1 and 100.")
    ids = [id_of(item) for item in items]
    if before := form.get("ending_before"):
        end = _position(ids, before, "ending_before")
        return list(items[max(0, end - limit) : end]), end > limit
    start = 0
    if after := form.get("starting_after"):
        start = _position(ids, after, "starting_after") + 1
    return list(items[start : start + limit]), start + limit < len(items)


def _position(ids: list[str], wanted: str, param: str) -> int:
    if wanted not in ids:
        raise errors.no_such_reference("object", wanted, param)
    return ids.index(wanted)


def created_fits(created: int, form: Form) -> bool:
    """Is a moment inside of the `created` filter: one value, or bounds."""
    wanted = form.get("created")
    if wanted is None:
        return True
    if not isinstance(wanted, dict):
        return created == whole_number(form, "created")
    bounds = {name: whole_number(wanted, name) for name in wanted}
    return all(b is None or BOUNDS[name](created, b) for name, b in bounds.items())


def found_by(query: str, documents: Sequence[Object]) -> list[Object]:
    """Return the objects for which every clause (`field:'value'`) of a search query holds."""
    clauses = [match.groupdict() for match in CLAUSE.finditer(query)]
    if not clauses:
        raise errors.invalid("query", "We were unable to parse your search query.")
    return [d for d in documents if all(_holds(clause, d) for clause in clauses)]


def _holds(clause: dict[str, str], document: Object) -> bool:
    value = document.get(clause["field"])
    if clause["key"] is not None:
        value = (value or {}).get(clause["key"])
    return value is not None and str(value).lower() == clause["value"].lower()


def expanded(state: StripeState, document: Object, paths: Sequence[str]) -> Object:
    """Return a copy of a document with the objects themselves at these dotted paths."""
    if not paths:
        return document
    copy: Object = orjson.loads(orjson.dumps(document))
    for path in paths:
        _expand(state, copy, path.split("."), path)
    return copy


def _expand(state: StripeState, node: Any, path: list[str], whole: str) -> None:
    if isinstance(node, list):
        for item in node:
            _expand(state, item, path, whole)
        return
    name, rest = path[0], path[1:]
    if name == "payments" and isinstance(node, dict) and node.get("object") == "invoice":
        node[name] = payments(node)  # shown only to who asks
    if not isinstance(node, dict) or name not in node:
        raise errors.invalid("expand", f"This property cannot be expanded ({whole}).")
    if isinstance(node[name], str):
        kind = EXPANDABLE.get(name)
        if kind is None:
            raise errors.invalid("expand", f"This property cannot be expanded ({whole}).")
        node[name] = orjson.loads(orjson.dumps(state.get(kind, node[name])))
    if rest and node[name] is not None:
        _expand(state, node[name], rest, whole)
