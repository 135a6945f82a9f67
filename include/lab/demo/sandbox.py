"""The vendors' side of a story: what people do there, and what the vendors know afterwards."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Json = dict[str, Any]
TIMEOUT_SECONDS = 120  # a burst is sent by one request


@dataclass(frozen=True, kw_only=True)
class VendorEvent:
    """An event a vendor has to tell."""

    id: str
    vendor: str
    type: str

    @classmethod
    def from_json(cls, event: Json) -> Self:
        """Read it from the sandbox's answer."""
        return cls(id=event["id"], vendor=event["vendor"], type=event["type"])


@dataclass(frozen=True, kw_only=True)
class ScenarioEvents:
    """What an act touched, and the events that came of it, oldest first."""

    ids: dict[str, str]
    events: tuple[VendorEvent, ...]

    def of(self, *vendors: str) -> list[VendorEvent]:
        """Return the events of these vendors."""
        return [event for event in self.events if event.vendor in vendors]

    def of_type(self, kind: str) -> list[VendorEvent]:
        """Return the events of one type."""
        return [event for event in self.events if event.type == kind]


@dataclass(frozen=True, kw_only=True)
class AudienceView:
    """A member as Mailchimp has her; `welcomes` counts the journeys and mails started for her."""

    status: str
    first_name: str
    last_name: str
    tier: str
    tags: frozenset[str]
    welcomes: int = 0


@dataclass(frozen=True, kw_only=True)
class VendorCall:
    """One call a vendor answered; `at` in seconds since the epoch."""

    vendor: str
    at: float
    method: str
    path: str
    status: int


@dataclass(frozen=True)
class DemoSandbox:
    """The control interface of the running sandbox; `http` speaks to it."""

    http: httpx.Client

    @classmethod
    @contextmanager
    def at(cls, url: str) -> Iterator[Self]:
        """Give the sandbox at `url` for the block."""
        base = f"{url}/_sandbox"
        with httpx.Client(base_url=base, timeout=TIMEOUT_SECONDS, trust_env=False) as http:
            yield cls(http)

    def get(self, path: str, /, **query: str | int) -> Json:
        """Read from the control interface; raises httpx.HTTPError."""
        return self._json(self.http.get(path, params=query))

    def post(self, path: str, body: Json) -> Json:
        """Ask something of the control interface; raises httpx.HTTPError."""
        return self._json(self.http.post(path, json=body))

    def act(self, story: str, **wish: str | int | list[str]) -> ScenarioEvents:
        """Let somebody do something at the vendors."""
        answer = self.post("/act", {"story": story, **wish})
        events = tuple(VendorEvent.from_json(event) for event in answer["made"])
        ids = {name: value for name, value in answer.items() if isinstance(value, str)}
        return ScenarioEvents(ids=ids, events=events)

    def send(self, events: Sequence[VendorEvent], *, copies: int, at_once: int) -> dict[str, int]:
        """Have the vendors sign and post events to the relay; returns how often each status came."""
        wish = {
            "events": [event.id for event in events],
            "duplicates": copies - 1,
            "concurrency": at_once,
        }
        answers: dict[str, int] = self.post("/webhooks/send", wish)["answers"]
        return answers

    @contextmanager
    def fault(
        self, vendor: str, *, status: int, mentions: Sequence[str] = ()
    ) -> Iterator[Callable[[], int]]:
        """Have a vendor answer so to each call, or to each that mentions one of these words, for the block.

        Gives how often it did.
        """
        wish = {"vendor": vendor, "kind": "status", "mentions": list(mentions), "status": status}
        fault_id = self.post("/faults", wish)["id"]

        def fired() -> int:
            faults = {fault["id"]: fault for fault in self.get("/faults")["faults"]}
            return int(faults[fault_id]["fired"])

        try:
            yield fired
        finally:
            self._json(self.http.delete(f"/faults/{fault_id}"))

    def clear_faults(self) -> None:
        """Have the vendors answer as they should again."""
        self._json(self.http.delete("/faults"))

    def contacts(self) -> dict[str, AudienceView]:
        """Return everybody Mailchimp knows, by lower-cased address."""
        state = self.get("/state/mailchimp")
        started = [*state["triggers"], *state["queue"]]
        welcomes = Counter(entry["email_address"].lower() for entry in started)
        contacts = {member["email_address"].lower(): member for member in state["members"]}
        return {email: _contact_from(member, welcomes[email]) for email, member in contacts.items()}

    def calls(self, vendor: str, *, since: float) -> list[VendorCall]:
        """Return what a vendor was asked since then (seconds since the epoch), oldest first."""
        calls = self.get("/calls", vendor=vendor, limit=2000)["calls"]
        names = ("vendor", "at", "method", "path", "status")
        return [VendorCall(**{n: c[n] for n in names}) for c in calls if c["at"] >= since]

    def violations(self) -> Json:
        """Return where a call or an answer did not fit its vendor's description."""
        return self.get("/violations")

    @staticmethod
    def _json(answer: httpx.Response) -> Json:
        answer.raise_for_status()
        body: Json = answer.json()
        return body


def _contact_from(member: Json, welcomes: int) -> AudienceView:
    merge = member["merge_fields"]
    return AudienceView(
        status=member["status"],
        first_name=merge.get("FNAME", ""),
        last_name=merge.get("LNAME", ""),
        tier=merge.get("TIER", ""),
        tags=frozenset(tag["name"] for tag in member["tags"]),
        welcomes=welcomes,
    )
