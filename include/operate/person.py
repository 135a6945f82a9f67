"""Who decides, and why: what every page and command that changes something asks for."""

from __future__ import annotations

from include.person import Person, person_from

__all__ = ["Person", "person_from"]
