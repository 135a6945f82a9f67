"""Airflow's processes on one host: one parent that has imported what all need, and the warm executor."""

from pathlib import Path
from typing import Final

FORK_CLIENT: Final = Path(__file__).with_name(
    "fork_client.py"
)  # a script, not a module: it imports nothing of ours
