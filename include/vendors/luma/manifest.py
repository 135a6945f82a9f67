"""Luma: events, and who is let in to them."""

from typing import Final

from include.vendors.manifest import Manifest, Need

VENDOR: Final = Manifest(
    name="luma",
    keeps_members_as="Luma",
    starts={"luma_auto_approval": "Luma: let her in to the events that she waits for."},
    needs={
        "luma": Need(host=r"public-api\.lu(ma\.com|\.ma)", without="nobody is let in to events")
    },
    preload=("include.vendors.luma.client", "include.jobs.luma_auto_approval.steps"),
)
