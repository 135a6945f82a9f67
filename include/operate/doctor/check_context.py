"""What checks work with: this process' environment, with time-outs shorter than the jobs'."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.dagkit.collaborators import Collaborators

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.clock import Clock
    from include.settings import JobSettings, Settings

VENDOR_SECONDS: Final = (
    5.0  # Stripe's package tries once more, so twice this must fit into all the time there is
)
TOTAL_SECONDS: Final = 15.0


@dataclass(frozen=True, kw_only=True)
class CheckContext:
    """The settings of the jobs and of the relay, as far as they can be used; what is missing is found by a check."""

    jobs: JobSettings
    relay: Settings | None
    clock: Clock
    has_stand_ins: bool  # the local stack, whose vendors are the sandbox

    @contextmanager
    def collaborators(self) -> Iterator[Collaborators]:
        """Give what jobs work with, made of the same connections, with less patience."""
        with ExitStack() as exit_stack:
            made = Collaborators(exit_stack)
            made.clock = self.clock
            made.settings = self.jobs.model_copy(update={"vendor_timeout_seconds": VENDOR_SECONDS})
            yield made
