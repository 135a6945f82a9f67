"""`python -m include.lab`: where `./ops` arrives once its environment stands."""

from __future__ import annotations

import signal
import sys

from include.lab.cli import make_app
from include.operate.errors import CommandError
from include.operate.terminal import say, stop_on_signals


def main() -> None:
    """Run the command; what goes wrong is one line and an exit code."""
    stop_on_signals()
    try:
        make_app(sys.argv[1:])(prog_name="./ops")
    except CommandError as error:
        sys.exit(f"ops: {error}")
    except KeyboardInterrupt:
        say("\nops: stopped", out=sys.stderr)
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
