"""The bodies of the control interface's requests."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from include.lab.sandbox.faults import FaultKind
from include.lab.sandbox.vendor import Dunning, StripePayload, StripeShape

Json = dict[str, Any]
GONE = 404


class ControlRequest(BaseModel):
    """A request's body; a field that is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class SettingsWish(ControlRequest):
    """What to change of the switches."""

    stripe_shape: StripeShape | None = None
    stripe_livemode: bool | None = None
    stripe_payload: StripePayload | None = None
    stripe_accounts: bool | None = None
    stripe_dunning: Dunning | None = None
    auto_deliver: bool | None = None
    signing_skew_seconds: int | None = None
    clerk_sends: bool | None = None
    service_seconds: dict[str, float] | None = None
    mailchimp_required_fields: list[str] | None = None
    luma_calls_per_minute: int | None = Field(default=None, ge=1)
    slack_limits: bool | None = None


class FaultWish(ControlRequest):
    """Which calls to hit, how, and how often: the next `times`, a `share` of them, or all.

    A call fits that has the method, the path, the `query` in its query string and, in path or body, one of the words
    that it `mentions`: one member, for example, by whichever call she is meant.
    """

    vendor: str
    kind: FaultKind
    method: str | None = None
    path: str = "*"
    query: str = ""
    mentions: tuple[str, ...] = ()
    status: int = Field(default=500, ge=100, le=599)
    body: Any = None
    content_type: str | None = None
    headers: dict[str, str] = {}
    seconds: float = Field(default=0.0, ge=0)
    times: int | None = Field(default=None, ge=1)
    share: float | None = Field(default=None, gt=0, le=1)
    seed: int = 0


class DeliveryRequest(ControlRequest):
    """An event that no state change made; a `body` goes out byte for byte as it is written."""

    vendor: Literal["stripe", "clerk"]
    payload: Json | None = None
    body: str | None = None
    id: str | None = None


class DeliveriesWish(ControlRequest):
    """Events to put into the outbox."""

    deliveries: list[DeliveryRequest]


class SendWish(ControlRequest):
    """Which events to send, in which order, and how many extra copies of each."""

    events: list[str] | None = None
    all_unsent: bool = False
    order: Literal["in_order", "shuffled"] = "in_order"
    duplicates: int = Field(default=0, ge=0)
    seed: int = 0
    concurrency: int = Field(default=1, ge=1, le=1000)


class PressWish(ControlRequest):
    """Which button to press under which message in Slack, by the words on it, and who does."""

    channel: str
    ts: str
    button: str
    user: str


class ClockWish(ControlRequest):
    """How far to move the vendors' time."""

    advance_seconds: float = Field(ge=0)
