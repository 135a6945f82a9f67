"""What a vendor's package brings along: its `VENDOR`, in `routes.py`, is found by `server.py`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, Self

from pydantic import BaseModel, SecretStr

from include.lab.sandbox.clock import SandboxClock
from include.lab.sandbox.outbox import Outbox
from include.lab.sandbox.settings import SandboxSettings
from include.lab.sandbox.wire import Answer, Call, Routes

StripeShape = Literal["2026-10-28.endive", "2023-08-16", "2019-12-03"]
StripePayload = Literal["snapshot", "thin", "both"]
Dunning = Literal["none", "cancel", "unpaid", "leave"]


@dataclass(slots=True)
class Switches:
    """What may be changed while the sandbox runs (`PATCH /_sandbox/settings`)."""

    stripe_shape: StripeShape = "2026-10-28.endive"
    stripe_livemode: bool = False
    stripe_payload: StripePayload = "snapshot"
    """In which form the endpoint gets events; every change makes a snapshot, whoever gets it."""
    stripe_accounts: bool = False
    """Under Accounts v2 an account pays, and what names a customer elsewhere has null there."""
    stripe_dunning: Dunning = "none"
    """What becomes of a subscription after the last attempt; with `none` a card is tried once only."""
    auto_deliver: bool = False
    signing_skew_seconds: int = 0
    """How far the stamps of signatures are from the relay's clock: as if that one were off."""
    clerk_sends: bool = True
    """Whether Clerk's endpoint is switched on; what happens while it is off is never sent."""
    service_seconds: dict[str, float] = field(default_factory=dict)
    mailchimp_required_fields: list[str] = field(default_factory=list)
    luma_calls_per_minute: int = 200
    slack_limits: bool = True


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What every vendor's state may use of the sandbox around it."""

    settings: SandboxSettings
    switches: Switches
    clock: SandboxClock
    outbox: Outbox


class VendorState(Protocol):
    """A vendor's data and rules."""

    def dump(self, wanted: str | None) -> Mapping[str, Any]:
        """Return everything, or what belongs to one id or e-mail address, for a person to read."""


@dataclass(frozen=True, kw_only=True)
class WebhookDelivery:
    """How a vendor delivers: where to, signed with what, and how."""

    path: str
    secrets: Callable[[SandboxSettings], Sequence[SecretStr]]
    headers: Callable[[str, bytes, Sequence[str], int], dict[str, str]]
    """(event id, body, secrets, stamp in seconds) → the headers that sign it."""
    described: Callable[[dict[str, Any]], list[tuple[str, str, Any]]]
    """An event's document → its parts, each with the file and the pointer of what describes it."""


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """One vendor; `base` is the part of its URLs that its description leaves out of its paths."""

    name: str
    base: str
    description: Callable[[Call, Switches], str | None]
    """The file that describes a call; None where nobody has written one."""
    routes: Routes
    new_state: Callable[[Surroundings], VendorState]
    authorize: Callable[[SandboxSettings, Call], None]
    no_such_route: Callable[[Call], Answer]
    around: Callable[[Any, Call, Callable[[], Answer]], Answer] = lambda _state, _call, answer: (
        answer()
    )
    most_at_once: int | None = None
    too_many: Callable[[], Answer] = lambda: Answer(429)
    webhooks: WebhookDelivery | None = None
    seed: tuple[type[BaseModel], Callable[[Any, Any], dict[str, Any]]] | None = None
    """What `POST /_sandbox/seed/<name>` takes, and what makes it: of the state and the wish."""
    call_in_description: Callable[[Call], Call] = lambda call: call
    """A call as the vendor's description writes it, where that is not as it comes."""
    status_in_description: Callable[[Answer], str] = lambda answer: str(answer.status)
    """Under which status the description has an answer."""

    @classmethod
    def without_http(cls, name: str, new_state: Callable[[Surroundings], VendorState]) -> Self:
        """Return one that is spoken to on a port of its own, in another language: HTTP finds nothing there."""
        return cls(
            name=name,
            base="",
            description=lambda _call, _switches: None,
            routes=Routes(),
            new_state=new_state,
            authorize=lambda _settings, _call: None,
            no_such_route=lambda _call: Answer(404),
        )
