"""How far the bench is: a bar on a terminal, a line per repetition elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Tell = Callable[[int], None]


class Teller:
    """Tells on the standard error: the standard output is for results."""

    def __init__(self, console: Console | None = None) -> None:
        """Draw on `console`."""
        self._console = console or Console(stderr=True, highlight=False)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._progress = Progress(*columns, console=self._console, transient=True)

    def __enter__(self) -> Self:
        """Draw from now on, where there is a terminal."""
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the bar away."""
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print a line."""
        self._console.print(text, markup=False)

    def steps(self, label: str, repetitions: int, total: int = 1) -> Iterator[tuple[int, Tell]]:
        """Yield each repetition's number from 1, and what is to be told how much of `total` is done."""
        for number in range(1, repetitions + 1):
            described = f"{label}, {number} of {repetitions}"
            if not self._console.is_terminal:
                self.say(described)
            task = self._progress.add_task(described, total=total)
            yield number, lambda done, task=task: self._progress.update(task, completed=done)  # type: ignore[misc]
            self._progress.remove_task(task)
