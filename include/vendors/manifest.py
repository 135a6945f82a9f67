"""What all other packages ask of a vendor's folder: its manifest, and what its parts are given.

A manifest is what can be said without a call, and imports nothing of its folder. The parts are modules beside it,
loaded when they are needed, for a client's package takes long:

- `client` has `connect(access)`, what jobs work with, or `connect_channel(access)`, what alerts are told by;
- `setup` has `set_up(env)`, the questions of `ops init` and of `ops rotate`;
- `doctor` has `LOOKS`, what is looked at: name → a function of `access` and `context` that yields what it finds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    import requests
    from slack_sdk import WebClient

    from include.settings import JobSettings


@dataclass(frozen=True, kw_only=True, repr=False)
class VendorAccount:
    """What a connection says."""

    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


class HttpAccount(TypedDict):
    """How a client is made that takes a session."""

    session: requests.Session
    api_key: str
    base_url: str
    timeout_seconds: float


@dataclass(frozen=True, kw_only=True)
class VendorAccess:
    """What a client is made of."""

    settings: JobSettings
    airflow_url: str
    account: Callable[[str], VendorAccount]
    http: Callable[[str], HttpAccount]
    """Connection → what a client takes that calls over a session of the http provider's hook."""
    slack_client: Callable[[str], tuple[WebClient, Mapping[str, Any]]]
    """Connection → a client of the slack provider's hook, and the connection's extras."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """A connection: what its key looks like, and where its vendor is (a pattern of the host; empty: anywhere)."""

    key: str = r".+"
    host: str = ""
    login: str = ""
    extras: tuple[str, ...] = ()
    channel: str = ""  # only alert rules need it that name this channel
    without: str = ""  # what is not done where it is not used; empty: it cannot be done without
    only_for: tuple[str, str] | None = None
    """A connection and its extra: where that is not set, this one is not needed."""
    wrong: Callable[[VendorAccount, JobSettings], str] = lambda _account, _settings: ""
    """Says what else cannot be right, without saying what is there."""


@dataclass(frozen=True, kw_only=True)
class WebhookSecret:
    """A secret that the vendor signs webhooks with, and how it is changed: `first` is what a person does there."""

    variable: str
    is_one: Callable[[str], bool]
    first: str
    form: str = "whsec_…"
    meanwhile: str = "the relays take both secrets, and the vendor signs with both"
    until: str = "once the vendor signs with it no more (24 hours)"


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A vendor. `name` is that of its folder and of its stand-in in the sandbox."""

    name: str
    needs: Mapping[str, Need]
    """Connection → what is needed of it; the first is that of its key."""
    webhook: WebhookSecret | None = None
    keeps_members_as: str = ""
    """How people call it where they are told that it keeps a copy of what is erased here."""
    starts: Mapping[str, str] = field(default_factory=dict)
    """Job that a person starts for one member → what it does."""
    preload: tuple[str, ...] = ()
    """Modules that its calls and jobs import, for an executor that imports them once, before it forks."""

    @property
    def title(self) -> str:
        """How people call it."""
        return self.keeps_members_as or self.name.capitalize()

    def part(self, name: str) -> ModuleType:
        """Load a module of its folder."""
        return import_module(f"include.vendors.{self.name}.{name}")
