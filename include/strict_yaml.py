"""A YAML file read strictly into a pydantic model: each problem by line and column, with the nearest right word."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from include.errors import OpsError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

Model = TypeVar("Model", bound=BaseModel)
Path_ = tuple[int | str, ...]

IN_OUR_WORDS: Final = ("duration", "target", "policy")
"""Types of our own errors, whose message says it all."""


class FileError(OpsError):
    """The file cannot be used; one line per problem."""


def text_of(path: Path, error_class: type[FileError] = FileError) -> str:
    """Return a file's text; raise the error where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise error_class(f"{path.name}: cannot be read ({type(error).__name__})") from error


def read(
    text: str,
    model: type[Model],
    *,
    file: str,
    check: Callable[[Model, Problems], None],
    error_class: type[FileError] = FileError,
) -> Model:
    """Return what a file's text says; `check` notes what no single field can know.

    Raises the error with one line per problem, from the top of the file down.
    """
    try:
        root, tree = yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"
        raise error_class(f"{file}:{place}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise error_class(f"{file}:1:1: not YAML: {type(error).__name__}") from error
    problems, found = Problems(root), None
    try:
        found = model.model_validate(tree)
    except ValidationError as error:
        problems.add_all(error, model)
    else:
        check(found, problems)
    problems.add_doubled_keys()
    if lines := problems.lines(file):
        raise error_class("\n".join(lines))
    assert found is not None  # noqa: S101 - without it there is a problem
    return found


def nearest(word: str, known: Collection[str]) -> str:
    """Return `; did you mean …?`, or nothing where no known word is near."""
    found = get_close_matches(word, sorted(known), n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""


class Problems:
    """What is wrong, with the place in the file of each."""

    def __init__(self, root: yaml.Node | None) -> None:
        """Start without any; `root` is the file's node."""
        self._root = root
        self._found: list[tuple[int, int, str]] = []

    def add(self, path: Path_, what: str) -> None:
        """Note a problem of what is at `path`; where it is not there, of what it should be in."""
        self._found.append((*_place(self._node(path)), what))

    def add_all(self, error: ValidationError, model: type[BaseModel]) -> None:
        """Note what pydantic found; what only follows from a problem further in is left out."""
        found = error.errors(include_input=False, include_url=False)
        places = [one["loc"] for one in found]
        for one in found:
            if not _follows(one["loc"], places):
                self.add(one["loc"], _words(one, model))

    def add_within(self, path: Path_, what: str, *, line: int, column: int) -> None:
        """Note a problem inside a text, at this line and column of it."""
        node = self._node(path)
        top, left = _place(node)
        style = node.style if isinstance(node, yaml.ScalarNode) else None
        if style in ("|", ">"):  # the text begins on the next line, further in
            at = (top + line, column + 6)
        elif line == 1:
            at = (top, left + column - 1 + (style is not None))
        else:
            at = (top + line - 1, column)
        self._found.append((*at, what))

    def add_doubled_keys(self) -> None:
        """Note keys that are there twice, of which YAML keeps the last without a word."""
        waiting = [self._root]
        while waiting:
            node = waiting.pop()
            if isinstance(node, yaml.SequenceNode):
                waiting += node.value
            elif isinstance(node, yaml.MappingNode):
                seen: set[str] = set()
                for key, value in node.value:
                    if key.value in seen:
                        self._found.append((*_place(key), f"{key.value} is there twice"))
                    seen.add(key.value)
                    waiting.append(value)

    def lines(self, file: str) -> list[str]:
        """Return what was noted, from the top of the file down."""
        return [f"{file}:{line}:{column}: {what}" for line, column, what in sorted(self._found)]

    def _node(self, path: Path_) -> yaml.Node | None:
        node = self._root
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            node = found
        return node


def _follows(place: Path_, places: list[Path_]) -> bool:
    """Tell whether a problem only follows from one further in: a list whose entries are wrong is short."""
    return any(len(other) > len(place) and other[: len(place)] == place for other in places)


def _words(error: Any, model: type[BaseModel]) -> str:
    """Return what pydantic found, in the file's words."""
    key = error["loc"][-1] if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        return f"unknown key {key}{nearest(str(key), _keys_at(model, error['loc'][:-1]))}"
    if error["type"] == "missing":
        return f"{key} is missing"
    if error["type"] == "literal_error":
        return f"{key}: one of {error['ctx']['expected']} is expected"
    return str(error["msg"]) if error["type"] in IN_OUR_WORDS else f"{key}: {error['msg']}"


def _keys_at(model: type[BaseModel], path: Path_) -> list[str]:
    """Return the keys that may be at a place of the file."""
    for step in path:
        if isinstance(step, str):
            fields = {field.alias or name: field for name, field in model.model_fields.items()}
            model = _model_in(fields[step].annotation) if step in fields else model
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel]:
    """Return the model of a field: its own type's, or that of its entries."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(
        (found for inner in get_args(annotation) if (found := _model_in(inner)) is not BaseModel),
        BaseModel,
    )


def _child(node: yaml.Node | None, step: int | str) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return node.value[step] if step < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    return None


def _place(node: yaml.Node | None) -> tuple[int, int]:
    return (node.start_mark.line + 1, node.start_mark.column + 1) if node else (1, 1)
