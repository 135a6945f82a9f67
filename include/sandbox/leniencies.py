"""Where the check against the descriptions is lenient, each with its reason; the rest is strict.

Two more are in how a description is read (`descriptions.py`): null is a value of a nullable enum,
as Stripe's 2023 description means without saying so; and of a list of more than four only the
first and last two elements are checked, so that a bulk call of 500 stays cheap.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Leniency:
    """A call that a vendor takes though our cut of its description lacks it.

    `query` empty: the whole operation. Else only these query parameters of an operation it has.
    """

    vendor: str
    method: str
    path: str
    query: tuple[str, ...]
    reason: str

    def fits(self, vendor: str, method: str, path: str) -> bool:
        """Is this entry about that call."""
        return (
            self.vendor == vendor
            and fnmatchcase(method, self.method)
            and fnmatchcase(path, self.path)
        )


BY_OBJECT = "not in the cut; answers are checked by the schema of their `object`"
SEARCH = ("query", "limit", "page")

LENIENCIES = (
    Leniency("mailchimp", "*", "/lists/*/segments*", (), "not in the cut; after the reference"),
    Leniency("stripe", "GET", "/v1/products", (), BY_OBJECT),
    Leniency("stripe", "GET", "/v1/prices", (), BY_OBJECT),
    Leniency("stripe", "DELETE", "/v1/customers/*", (), BY_OBJECT),
    Leniency("stripe", "POST", "/v1/subscriptions", (), BY_OBJECT),
    Leniency("stripe", "POST", "/v1/subscriptions/*/resume", (), BY_OBJECT),
    Leniency("stripe", "POST", "/v1/checkout/sessions*", (), BY_OBJECT),
    Leniency("stripe", "GET", "*", ("expand",), "every GET takes it; types do not always tell"),
    Leniency("stripe", "GET", "*/search", SEARCH, "read from types, which name none of them"),
)


def is_undescribed(vendor: str, method: str, path: str) -> bool:
    """Is this one of the operations that the descriptions are known to lack."""
    return any(entry.fits(vendor, method, path) for entry in LENIENCIES if not entry.query)


def undescribed_query(vendor: str, method: str, path: str) -> set[str]:
    """Return the query parameters that an operation takes though its description lacks them."""
    fitting = [entry for entry in LENIENCIES if entry.fits(vendor, method, path)]
    return {name for entry in fitting for name in entry.query}
