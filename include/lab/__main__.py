"""`python -m include.lab`: where `./ops` arrives once its environment stands."""

from __future__ import annotations

import sys

from include.lab.cli import make_app
from include.operate.cli import run

if __name__ == "__main__":
    run(make_app(sys.argv[1:]), name="./ops")
