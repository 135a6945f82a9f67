"""Conditions: `job_name = "mailchimp-sync" AND failure_count > 5`, parsed by lark.

Names are those of `names`, texts stand in double quotes, AND, OR and NOT are written in capitals; NOT binds
closer than AND, AND closer than OR, and parentheses help. A number that is unknown (a rate of no runs)
makes a comparison unknown, and what is unknown does not fire: not under NOT either.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, VisitError

from include.alerts.names import JOB, NUMBERS
from include.errors import OpsError
from include.strict_yaml import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

GRAMMAR: Final = r"""
?start: either
?either: both ("OR" both)*
?both: term ("AND" term)*
?term: "NOT" term -> negated
     | "(" either ")"
     | NAME OPERATOR (NUMBER | TEXT) -> comparison
NAME: /[A-Za-z_][A-Za-z0-9_]*/
OPERATOR: ">=" | "<=" | "!=" | "==" | "=" | ">" | "<"
NUMBER: /-?[0-9]+(\.[0-9]+)?/
TEXT: /"[^"\n]*"/
%import common.WS
%ignore WS
"""

COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
EXPECTED: Final = {
    "NAME": "a name",
    "OPERATOR": "a comparison",
    "NUMBER": "a number",
    "TEXT": 'a text in "double quotes"',
    "LPAR": "(",
    "RPAR": ")",
    "$END": "the end",
}


class ConditionError(OpsError):
    """A condition cannot be understood."""

    def __init__(self, message: str, *, line: int = 1, column: int = 1) -> None:
        """Say what is wrong where, counted from 1 within the condition."""
        super().__init__(message)
        self.line, self.column = line, column


@dataclass(frozen=True, slots=True)
class Comparison:
    """A number against a limit, or `job_name` against a job."""

    name: str
    sign: str
    value: float | str

    def holds(self, values: Mapping[str, float | str | None]) -> bool | None:
        """Tell whether it is so; None where the number is unknown."""
        found = values.get(self.name)
        return None if found is None else COMPARE[self.sign](found, self.value)

    def leaves(self) -> Iterator[Comparison]:
        """Yield itself."""
        yield self


@dataclass(frozen=True, slots=True)
class Negation:
    """NOT."""

    term: Condition

    def holds(self, values: Mapping[str, float | str | None]) -> bool | None:
        """Tell whether the term does not hold; None where that is unknown."""
        held = self.term.holds(values)
        return None if held is None else not held

    def leaves(self) -> Iterator[Comparison]:
        """Yield the comparisons in it."""
        yield from self.term.leaves()


@dataclass(frozen=True, slots=True)
class Junction:
    """AND (`decisive` is False: one that does not hold decides) or OR (`decisive` is True)."""

    terms: tuple[Condition, ...]
    decisive: bool

    def holds(self, values: Mapping[str, float | str | None]) -> bool | None:
        """Tell whether all (AND) or any (OR) of the terms hold; None where an unknown one decides."""
        held = [term.holds(values) for term in self.terms]
        if self.decisive in held:
            return self.decisive
        return None if None in held else not self.decisive

    def leaves(self) -> Iterator[Comparison]:
        """Yield the comparisons in it, from left to right."""
        for term in self.terms:
            yield from term.leaves()


Condition = Comparison | Negation | Junction


def parse(text: str, *, jobs: frozenset[str]) -> Condition:
    """Return what `text` says; raise ConditionError with its place and, for a name, the nearest right one.

    `jobs` are the jobs there are; a hyphen in a job's name is as good as the underscore.
    """
    try:
        tree = _parser().parse(text)
        condition: Condition = _Builder(jobs).transform(tree)
    except UnexpectedInput as error:
        raise _refusal(text, error) from None
    except VisitError as error:
        if isinstance(error.orig_exc, ConditionError):
            raise error.orig_exc from None
        raise
    return condition


def job_named(text: str) -> str:
    """Return a job's name as it is everywhere else: `mailchimp-sync` is `mailchimp_sync`."""
    return text.replace("-", "_")


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr")


class _Builder(Transformer[Token, Condition]):
    """Parse tree → conditions; every name and every value is looked at."""

    def __init__(self, jobs: frozenset[str]) -> None:
        super().__init__()
        self._jobs = jobs

    def either(self, terms: list[Condition]) -> Condition:
        return Junction(tuple(terms), decisive=True)

    def both(self, terms: list[Condition]) -> Condition:
        return Junction(tuple(terms), decisive=False)

    def negated(self, terms: list[Condition]) -> Condition:
        return Negation(terms[0])

    def comparison(self, parts: list[Token]) -> Condition:
        name, sign, value = parts
        if name == JOB:
            return Comparison(name.value, sign.value, self._job(sign, value))
        if name not in NUMBERS:
            known = (*NUMBERS, JOB)
            raise _at(name, f"unknown name {name.value}{nearest(name.value, known)}")
        if value.type != "NUMBER":
            raise _at(value, f"{name.value} is a number: compare it with a number")
        return Comparison(name.value, sign.value, float(value))

    def _job(self, sign: Token, value: Token) -> str:
        if value.type != "TEXT":
            raise _at(value, f'{JOB} is a text: compare it with one in "double quotes"')
        if sign not in ("=", "==", "!="):
            raise _at(sign, f"{JOB} is compared with = or !=")
        wanted = job_named(value.value.strip('"'))
        if wanted not in self._jobs:
            raise _at(value, f"there is no job {value.value}{nearest(wanted, self._jobs)}")
        return wanted


def _at(token: Token, message: str) -> ConditionError:
    return ConditionError(message, line=token.line or 1, column=token.column or 1)


def _refusal(text: str, error: UnexpectedInput) -> ConditionError:
    """Say what stands where something else was expected."""
    if (
        isinstance(error, UnexpectedEOF)
        or getattr(getattr(error, "token", None), "type", "") == "$END"
    ):
        lines = text.splitlines() or [""]
        ends = {"line": len(lines), "column": len(lines[-1].rstrip()) + 1}
        return ConditionError(f"it ends where {_expected(error)} is expected", **ends)
    found = text.splitlines()[error.line - 1][error.column - 1 :].split()
    word = found[0] if found else ""
    expected = getattr(error, "accepts", None) or getattr(error, "allowed", None) or set()
    keywords = tuple(sorted({"AND", "OR", "NOT"} & set(expected)))
    hint = nearest(word.upper(), keywords) if not isinstance(error, UnexpectedCharacters) else ""
    return ConditionError(
        f"{word!r} stands where {_expected(error)} is expected{hint}",
        line=error.line,
        column=error.column,
    )


def _expected(error: UnexpectedInput) -> str:
    terminals = getattr(error, "accepts", None) or getattr(error, "allowed", None) or set()
    return " or ".join(sorted(EXPECTED.get(name, name) for name in terminals)) or "something else"
