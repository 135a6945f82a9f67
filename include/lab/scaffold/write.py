"""Write a new job or vendor: all of it, or, where something is in the way, nothing."""

from __future__ import annotations

import keyword
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from croniter import croniter
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.errors import CommandError
from include.lab.scaffold.additions import JOB, SPOT, VENDOR

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from include.lab.scaffold.additions import Addition

TEMPLATES: Final = Path(__file__).parent / "templates"
SUFFIX: Final = ".j2"
SCENE: Final = f"job/scene.py{SUFFIX}"  # a part of a file that there is
MAX_NAME: Final = 30
CRON_FIELDS: Final = 5
NUMBER: Final = re.compile(r"\bnumber\b[^=]*= [^,]+, (\d+)")


def new_job(name: str, *, schedule: str, root: Path) -> list[str]:
    """Write a job with a clock; return the files that are new or changed. Raises CommandError."""
    _check_name(name, example="coupon_expiry")
    if "_" not in name:
        raise CommandError(f"{name} is one word: a job is a subject and an action, {name}_expiry")
    if len(schedule.split()) != CRON_FIELDS or not _is_cron(schedule):
        raise CommandError(f'"{schedule}" is no cron line: five fields in UTC, like "0 6 * * *"')
    words = _words("Job", name) | {"schedule": schedule}
    scenes = (root / "tests/e2e/rerun/scenes.py").read_text(encoding="utf-8")
    number = max(map(int, NUMBER.findall(scenes)), default=0) + 1
    words["scene"] = _templates().get_template(SCENE).render(words, number=number)
    return _write("job", words, JOB, root)


def _is_cron(line: str) -> bool:
    is_valid: Any = croniter.is_valid  # it ships no types
    return bool(is_valid(line))


def new_vendor(name: str, *, root: Path) -> list[str]:
    """Write a vendor; return the files that are new or changed. Raises CommandError."""
    _check_name(name, example="eventbrite")
    return _write("vendor", _words("Vendor", name), VENDOR, root)


def _check_name(name: str, *, example: str) -> None:
    """Refuse a name that Python, Airflow or a reader would stumble over."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z][a-z0-9]*)*", name):
        raise CommandError(
            f"{name} is no name: small letters, words joined by underscores, {example}"
        )
    if len(name) > MAX_NAME:
        raise CommandError(
            f"{name} has {len(name)} letters, and {MAX_NAME} are allowed: shorten it"
        )
    if keyword.iskeyword(name) or name in sys.stdlib_module_names:
        raise CommandError(f"{name} is Python's own: choose another name, like {example}")


def _words(kind: str, name: str) -> dict[str, str]:
    return {"kind": kind, "name": name, "Name": "".join(map(str.capitalize, name.split("_")))}


def _write(
    kind: str, words: Mapping[str, str], additions: Sequence[Addition], root: Path
) -> list[str]:
    new = _new_files(kind, words)
    if taken := sorted(file for file in new if (root / file).exists()):
        raise CommandError(
            f"{words['name']} is taken, {', '.join(taken)}: choose another name, or delete it first"
        )
    changed = _changed_files(additions, words, root)
    for file, text in {**new, **changed}.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).write_text(text, encoding="utf-8")
    written = sorted({*new, *changed})
    _format([file for file in written if file.endswith(".py")], root)
    return written


def _new_files(kind: str, words: Mapping[str, str]) -> dict[str, str]:
    """Return path and text of each file that is not there yet."""
    templates = _templates()
    found = [path for path in templates.list_templates() if path.startswith(f"{kind}/")]
    return {
        path.removeprefix(f"{kind}/").removesuffix(SUFFIX).replace("NAME", words["name"]): (
            templates.get_template(path).render(words)
        )
        for path in found
        if path != SCENE
    }


def _changed_files(
    additions: Sequence[Addition], words: Mapping[str, str], root: Path
) -> dict[str, str]:
    """Return the texts of the files that get a line more; nothing is written yet."""
    templates, texts = _templates(), dict[str, str]()
    for file, place, text in additions:
        before = texts.get(file) or (root / file).read_text(encoding="utf-8")
        there = place.replace(SPOT, "", 1)
        new = templates.from_string(text).render(words)
        if before.count(there) != 1:
            raise CommandError(
                f"{file} has changed, and nothing was written: where `{' '.join(there.split())}` stood, "
                f"`{' '.join(new.split())}` belongs; put the place right in include/lab/scaffold/additions.py"
            )
        texts[file] = before.replace(there, place.replace(SPOT, new, 1))
    return texts


def _templates() -> Environment:
    """Return the templates: code and Markdown, so nothing is escaped."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - no page for a browser is made
    )


def _format(files: Sequence[str], root: Path) -> None:
    """Sort imports and break lines: a name is as long as it is."""
    for command in (("check", "--select=I", "--fix"), ("format",)):
        done = subprocess.run(  # noqa: S603 - our own Python and file names
            [sys.executable, "-m", "ruff", *command, "--quiet", *files], cwd=root, check=False
        )
        if done.returncode:
            raise CommandError("what was written could not be formatted; the reason is above")
