"""Make the README's picture of a run: `python -m tests.browser.screenshot docs/images/run.png`.

The stack must be up (`./ops up --detach`). A new member joins, and her run is what is seen.
"""

import sys
import tempfile
from pathlib import Path

from include.lab.stack import lifecycle
from tests.browser.airflow_ui import (
    ABSENT,
    CHROMIUM,
    browser_page,
    log_in,
    open_graph,
    welcoming_run,
)

DRAWN_MILLISECONDS = 2000  # the graph glides into its place


def main(file: Path) -> None:
    """Write the picture to `file`."""
    stack = lifecycle.running(lifecycle.layout())
    if stack is None:
        sys.exit("the stack is not up: ./ops up --detach")
    if CHROMIUM is None:
        sys.exit(ABSENT)
    address = welcoming_run(stack)
    with tempfile.TemporaryDirectory() as profile, browser_page(Path(profile)) as page:
        log_in(page, stack)
        open_graph(page, address)
        page.wait_for_timeout(DRAWN_MILLISECONDS)
        page.screenshot(path=file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
