"""When memberships end: one row per planned end, from its announcement to the moment it is done.

pending ─▶ scheduled ─▶ running ─▶ done
   ▲           │           │
   ├───────────┴───────────┤ moved, or its run is gone
   │                       └─────▶ failed    its run gave up: a person looks
   └─ date_unknown                 the vendor does not say when: a person does, or a later event

Whatever is open may be revoked.

A row changes its end (`open`, `redate`, `revoke`) only under its member's lock. The relay, which gives it a run,
has no such lock: it names the generation that it means.
"""

from __future__ import annotations

from include.routing import DEACTIVATION as DAG_ID
from include.store.deactivations.rows import Deactivation, End, EndReason, EndState, Withdrawal
from include.store.deactivations.table import Deactivations

__all__ = [
    "DAG_ID",
    "Deactivation",
    "Deactivations",
    "End",
    "EndReason",
    "EndState",
    "Withdrawal",
]
