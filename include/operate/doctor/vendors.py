"""The vendors: do they know our keys, and have what the jobs need. Only calls that read.

Where a vendor has no call that changes nothing, the key's form is all that is looked at, and it is said.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from include.check_results import DoctorCheck
from include.operate.doctor.check_context import collaborators
from include.vendors.manifests import MANIFESTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from include.check_results import CheckContext, CheckResult
    from include.vendors.manifest import Manifest, VendorAccess

    Look = Callable[[VendorAccess, CheckContext], Iterable[CheckResult]]

GROUP: Final = "vendors"


def checks(context: CheckContext) -> list[DoctorCheck]:
    """Return the checks of all vendors: where one does not answer, that is one line."""
    return [
        DoctorCheck(
            group=GROUP,
            name=name,
            look=lambda look=look: _ask(look, context),  # type: ignore[misc]
            advice=f"if {name} is not down (its status page says so): compare address and key in its connection",
        )
        for vendor in MANIFESTS.values()
        for name, look in _looks(vendor).items()
    ]


def _looks(vendor: Manifest) -> Mapping[str, Look]:
    """Return a vendor's looks; where a package of its client is missing, one that fails by that."""
    try:
        looks: Mapping[str, Look] = vendor.part("doctor").LOOKS
    except ImportError as error:
        missing = error

        def fail(_access: VendorAccess, _context: CheckContext) -> Iterable[CheckResult]:
            raise missing

        return {vendor.name: fail}
    return looks


def _ask(look: Look, context: CheckContext) -> Iterable[CheckResult]:
    with collaborators(context) as rt:
        yield from look(rt.access, context)
