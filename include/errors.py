"""The error tree: the type tells the caller what to do, the docstring is the default message.

OpsError
├── SignatureError              answer 400, store nothing
├── PayloadError                a verified event that cannot be read: a person looks at it
├── MemberUnknownError          no member can be made of this event: the row is ignored, with the reason
├── StoreUnavailableError       answer 503: the vendor sends the event again
├── ActRefusedError             a person asked for what cannot be done: tell her why
├── AirflowError
│   ├── AirflowBusyError        pause, then the same call
│   ├── AirflowRefusedError     401 after a fresh token, 403: wait, say so, no hot loop
│   └── AirflowDagError         404, paused, import error: wait, say so
└── VendorError
    ├── VendorUnavailableError  transient: 5xx, reset, time-out, bare 403; the same call works later
    │   └── VendorBusyError     429; `retry_after_seconds` where the vendor said so
    ├── VendorSlowDownError     slow-transient: "too many lists recently"; hours, not seconds
    ├── VendorUncertainError    the answer was lost on a call that must not be repeated blindly
    └── PermanentVendorError    the same call fails for ever
        ├── VendorNotFoundError the object is not there
        ├── AddressTakenError   another contact has the address
        └── ComplianceError     terminal for the member: only she can undo it
            └── ForgottenError  the same, and there is no contact any more
"""

from __future__ import annotations

import inspect
import re
from typing import Final

ADDRESS: Final = re.compile(r"[^\s@<>()\"',;:=]+@[^\s@<>()\"',;:=]+")
LONGEST_TEXT: Final = 300


class OpsError(Exception):
    """Something went wrong."""

    retryable = False

    def __init__(self, message: str | None = None) -> None:
        """Take `message`, or the class's docstring."""
        super().__init__(message or inspect.getdoc(type(self)) or type(self).__name__)


class SignatureError(OpsError):
    """The request is not signed by the vendor it claims to come from."""


class PayloadError(OpsError):
    """The event is signed but cannot be read."""


class MemberUnknownError(OpsError):
    """No member can be found or made from this event."""


class StoreUnavailableError(OpsError):
    """The database cannot store the event now; send it again."""

    retryable = True


class ActRefusedError(OpsError):
    """What a person asked for cannot be done."""


class AirflowError(OpsError):
    """Airflow did not start the run."""


class AirflowBusyError(AirflowError):
    """Airflow does not answer or is overloaded; the same call will work later."""

    retryable = True


class AirflowRefusedError(AirflowError):
    """Airflow refuses the relay's user: check its password and its role."""


class AirflowDagError(AirflowError):
    """The DAG is missing, paused or does not import."""


class VendorError(OpsError):
    """A vendor did not do what was asked."""


class VendorUnavailableError(VendorError):
    """The vendor is down or unreachable; the same call will work later."""

    retryable = True


class VendorBusyError(VendorUnavailableError):
    """The vendor asked us to slow down; the same call will work later."""

    def __init__(
        self, message: str | None = None, *, retry_after_seconds: float | None = None
    ) -> None:
        """Keep the pause the vendor asked for, where it did."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class VendorSlowDownError(VendorError):
    """The vendor has a limit that lasts for hours; try much later."""

    retryable = True


class VendorUncertainError(VendorError):
    """The answer was lost; the effect may or may not have happened."""


class PermanentVendorError(VendorError):
    """The vendor refuses this call and always will."""


class VendorNotFoundError(PermanentVendorError):
    """The vendor does not know this object."""


class AddressTakenError(PermanentVendorError):
    """Another contact has the address already."""


class ComplianceError(PermanentVendorError):
    """The vendor may not do this to the member; only she can change it."""


class ForgottenError(ComplianceError):
    """The contact was deleted for good; only the member can come back."""


def told(text: str) -> str:
    """Return a text that may be kept and shown: short, in one line, without an e-mail address."""
    return ADDRESS.sub("***", " ".join(text.split()))[:LONGEST_TEXT]
