"""How Airflow is connected with its own database: `[database] sql_alchemy_connect_args`.

Its commits do not wait for the disk (docs/decisions/0045). Ours do, each in its own connection.
"""

from __future__ import annotations

from typing import Final

CONNECT_ARGS: Final = {"options": "-c synchronous_commit=off"}
