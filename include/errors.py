"""The error tree: the type tells the caller what to do, the docstring is the default message.

OpsError
├── SignatureError              answer 400, store nothing
├── PayloadError                a verified event that cannot be read: a person looks at it
├── MemberUnknownError          no member can be made of this event: the row is ignored, with the reason
├── StoreUnavailableError       answer 503: the vendor sends the event again
├── ActRefusedError             a person asked for what cannot be done: tell her why
├── TimeUpError                 the run's time is over: what is left is for the next one
├── AirflowError
│   ├── AirflowBusyError        pause, then the same call
│   ├── AirflowRefusedError     401 after a fresh token, 403: wait, say so, no hot loop
│   └── AirflowDagError         404, paused, import error: wait, say so
└── VendorError
    ├── VendorUnavailableError  transient: 5xx, reset, time-out, bare 403; the same call works later
    │   ├── BreakerOpenError    it was not even called: it is down as a whole
    │   └── VendorBusyError     429; `retry_after_seconds` where the vendor said so
    ├── VendorSlowDownError     slow-transient: "too many lists recently"; hours, not seconds
    ├── VendorUncertainError    the answer was lost on a call that must not be repeated blindly
    └── PermanentVendorError    the same call fails for ever
        ├── VendorNotFoundError the object is not there
        ├── UnreadableError     the vendor's answer about an object is not as described
        ├── AddressTakenError   another contact has the address
        ├── NotSubscribedError  the contact may get no mail now; she may change that
        └── ComplianceError     terminal for the member: only she can undo it
            └── ForgottenError  the same, and there is no contact any more

Outside of it is `CommandError`, which ends a command.
"""

from __future__ import annotations

import inspect
import re
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final

if TYPE_CHECKING:
    from typing import Self

ADDRESS: Final = re.compile(
    r"""(?:(?:[^\s@<>|()"',;:=]|(?<=\w)['=](?=\w))+|"[^"@]*")@[^\s@<>|()"',;:=]+"""
)
"""An e-mail address in a text, also inside of a link as Slack writes it; it may have no dot in its domain.

An apostrophe and an equals sign between letters are hers too: o'neill, and bounces that have an address in them.
"""
MAX_TEXT: Final = 300


class ErrorClass(StrEnum):
    """What is to be done about a failure; docs/failures.md has the vendors' failures by class."""

    TRANSIENT = "transient"  # over in seconds or minutes: the same call works later
    SLOW_TRANSIENT = "slow_transient"  # a limit that lasts for hours
    PERMANENT = "permanent"  # it fails for ever, until a person changes something
    TERMINAL_MEMBER = "terminal_member"  # only the member can undo it: recorded, no failure of ours
    UNCERTAIN = "uncertain"  # it may have happened: a person looks, nothing repeats it
    PAYLOAD = "payload"  # what the vendor sent cannot be read


class Scope(StrEnum):
    """How far a failure to send something reaches: what else would fail alike now."""

    THREAD = "thread"  # the message that it answers is gone: outside the thread it goes
    MESSAGE = "message"  # nothing else
    PLACE = "place"  # all that goes to the same channel, address or number
    VENDOR = "vendor"  # all that goes the same way


class OpsError(Exception):
    """Something went wrong."""

    retryable = False
    kind: ClassVar[ErrorClass] = ErrorClass.PERMANENT

    def __init__(self, message: str | None = None) -> None:
        """Take `message`, or the class's docstring."""
        super().__init__(message or inspect.getdoc(type(self)) or type(self).__name__)


class CommandError(Exception):
    """The command cannot go on; the text is the line for the person at the terminal."""


class SignatureError(OpsError):
    """The request is not signed by the vendor it claims to come from."""


class PayloadError(OpsError):
    """The event is signed but cannot be read."""

    kind = ErrorClass.PAYLOAD


class MemberUnknownError(OpsError):
    """No member can be found or made from this event."""


class StoreUnavailableError(OpsError):
    """The database cannot store the event now; send it again."""

    retryable = True
    kind = ErrorClass.TRANSIENT


class ActRefusedError(OpsError):
    """What a person asked for cannot be done."""


class TimeUpError(OpsError):
    """The run's time is over."""


class AirflowError(OpsError):
    """Airflow did not start the run."""


class AirflowBusyError(AirflowError):
    """Airflow does not answer or is overloaded; the same call will work later."""

    retryable = True
    kind = ErrorClass.TRANSIENT


class AirflowRefusedError(AirflowError):
    """Airflow refuses our user: check its password and its role."""


class AirflowDagError(AirflowError):
    """The DAG is missing, paused or does not import."""


class VendorError(OpsError):
    """A vendor did not do what was asked."""

    vendor: str | None = None
    scope: Scope = Scope.VENDOR

    def about(self, scope: Scope) -> Self:
        """Say how far it reaches, and return itself."""
        self.scope = scope
        return self

    def by(self, vendor: str) -> Self:
        """Say which vendor it was, and return itself."""
        self.vendor = vendor
        return self


class VendorUnavailableError(VendorError):
    """The vendor is down or unreachable; the same call will work later."""

    retryable = True
    kind = ErrorClass.TRANSIENT


class VendorBusyError(VendorUnavailableError):
    """The vendor asked us to slow down; the same call will work later."""

    def __init__(
        self, message: str | None = None, *, retry_after_seconds: float | None = None
    ) -> None:
        """Keep the pause the vendor asked for, where it did."""
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class BreakerOpenError(VendorUnavailableError):
    """The vendor is down as a whole, and is not called before it is tried again."""


class VendorSlowDownError(VendorError):
    """The vendor has a limit that lasts for hours; try much later."""

    retryable = True
    kind = ErrorClass.SLOW_TRANSIENT


class VendorUncertainError(VendorError):
    """The answer was lost; the effect may or may not have happened."""

    kind = ErrorClass.UNCERTAIN


class PermanentVendorError(VendorError):
    """The vendor refuses this call and always will."""

    scope = Scope.MESSAGE


class VendorNotFoundError(PermanentVendorError):
    """The vendor does not know this object."""


class UnreadableError(PermanentVendorError):
    """The vendor's answer about this object cannot be read."""


class SoldOutError(PermanentVendorError):
    """There is no place left for a guest: the host can make one."""


class AddressTakenError(PermanentVendorError):
    """Another contact has the address already."""


class NotSubscribedError(PermanentVendorError):
    """The contact is not subscribed: she has not confirmed, or gets no mail any more."""


class ComplianceError(PermanentVendorError):
    """The vendor may not do this to the member; only she can change it."""

    kind = ErrorClass.TERMINAL_MEMBER


class ForgottenError(ComplianceError):
    """The contact was deleted for good; only the member can come back."""


def redact(text: str) -> str:
    """Return a text that may be kept and shown: short, in one line, without an e-mail address."""
    return ADDRESS.sub("***", " ".join(text.split()))[:MAX_TEXT]
