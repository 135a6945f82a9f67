"""`python -m include.operate`: the command `ops` of the image, where no checkout is."""

from __future__ import annotations

import sys

from include.operate.cli import make_app, run

if __name__ == "__main__":
    run(make_app(sys.argv[1:]), name="ops")
