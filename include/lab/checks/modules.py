"""Hold the modules of `include` against two rules: `python -m include.lab.checks.modules`.

- a name of a class, or of a type that is written like one, is defined in one module: it stands for one thing. Types
  that are written the same are one thing;
- a module has at most 400 lines.

Prints one line per problem and ends with 1, or says what was checked.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT: Final = Path(__file__).resolve().parents[3]
MAX_LINES: Final = 400
SHARED_NAMES: Final[Mapping[str, str]] = {}
"""Name → why it may stand for several things."""
LONG_MODULES: Final[Mapping[str, str]] = {}
"""Path → why it may be longer."""

LIKE_A_CLASS: Final = re.compile(r"_?[A-Z]\w*[a-z]\w*")
TYPE_VARIABLES: Final = ("TypeVar(", "ParamSpec(", "TypeVarTuple(")
CLASS: Final = "class"


def problems(
    root: Path,
    shared_names: Mapping[str, str] = SHARED_NAMES,
    long_modules: Mapping[str, str] = LONG_MODULES,
) -> Iterator[str]:
    """Yield what is wrong with the modules under `root/include`, one line each."""
    modules = {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((root / "include").rglob("*.py"))
    }
    if not modules:
        yield "include: has no modules"
    yield from shared(modules, shared_names)
    yield from too_long(modules, long_modules)


def shared(modules: Mapping[str, str], allowed: Mapping[str, str]) -> Iterator[str]:
    """Yield the names that stand for several things, and what is allowed in vain."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for path, text in modules.items():
        for name, definition in definitions(ast.parse(text)):
            found[name][path] = definition
    doubled = {name for name, places in found.items() if _are_several(places)}
    for name in sorted(doubled - set(allowed)):
        yield f"{name}: stands for several things, in {', '.join(found[name])}"
    for name in sorted(set(allowed) - doubled):
        yield f"{name}: is allowed to stand for several things and does not"


def _are_several(places: Mapping[str, str]) -> bool:
    """Tell whether these definitions are of several things: two classes are, two types written alike are not."""
    return len(places) > 1 and (CLASS in places.values() or len(set(places.values())) > 1)


def definitions(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the classes and types that a module defines, each as "class" or as it is written."""
    statements: list[ast.stmt] = list(module.body)
    while statements:
        match statements.pop():
            case ast.ClassDef(name=name):
                yield name, CLASS
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if LIKE_A_CLASS.fullmatch(name):
                written = ast.unparse(value)
                if not written.startswith(TYPE_VARIABLES):
                    yield name, written
            case ast.If(body=body, orelse=orelse):
                statements += [*body, *orelse]


def too_long(modules: Mapping[str, str], allowed: Mapping[str, str]) -> Iterator[str]:
    """Yield the modules with too many lines, and what is allowed in vain."""
    lines = {path: len(text.splitlines()) for path, text in modules.items()}
    for path, count in lines.items():
        if count > MAX_LINES and path not in allowed:
            yield f"{path}: has {count} lines, more than {MAX_LINES}"
    for path in sorted(allowed):
        if lines.get(path, 0) <= MAX_LINES:
            yield f"{path}: is allowed to be long and is not"


def main() -> None:
    """Check this repository."""
    found = list(problems(ROOT))
    if found:
        sys.exit("\n".join(found))
    sys.stdout.write("modules: each name of a class stands for one thing, and none is too long\n")


if __name__ == "__main__":
    main()
