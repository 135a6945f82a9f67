"""What checks ask with: the jobs' own clients, with shorter time-outs."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from include.dagkit.collaborators import Collaborators

if TYPE_CHECKING:
    from collections.abc import Iterator

    from include.check_results import CheckContext

VENDOR_SECONDS: Final = (
    5.0  # Stripe's package tries once more, so twice this must fit into all the time there is
)
TOTAL_SECONDS: Final = 15.0


@contextmanager
def collaborators(context: CheckContext) -> Iterator[Collaborators]:
    """Give what jobs work with, made of the same connections, with less patience."""
    with ExitStack() as exit_stack:
        made = Collaborators(exit_stack)
        made.clock = context.clock
        made.settings = context.jobs.model_copy(update={"vendor_timeout_seconds": VENDOR_SECONDS})
        yield made
