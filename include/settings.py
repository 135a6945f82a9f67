"""Environment → one frozen `Settings`: the only module that reads the environment.

Every field is set by `OPS_` + its name in upper case. Read by the entry points only
(`dagkit`, `relay.app`, `stack`), and handed down from there.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

if TYPE_CHECKING:
    from collections.abc import Mapping

IdList = Annotated[tuple[str, ...], NoDecode]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode]


class JobSettings(BaseSettings):
    """What the jobs need; addresses and keys of vendors and of Postgres are Airflow's connections."""

    model_config = SettingsConfigDict(
        env_prefix="OPS_",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,  # the input is the environment, secrets and all
    )

    welcome: Literal["journey", "automation", "off"] = "journey"
    mailchimp_connections: int = Field(default=10, ge=1, le=10)  # Mailchimp's cap, over everything
    vendor_timeout_seconds: float = 10.0  # to connect, and between two bytes of an answer
    stripe_payload: Literal["snapshot", "thin", "any"] = "snapshot"  # what its endpoint is to send
    reconciliation_most_percent: float = Field(
        default=5.0, ge=0, le=100
    )  # more than this waits for a person
    runbook_url: str = (
        ""  # the folder of docs/runbooks as people can open it; empty: they read the repository
    )
    command: str = "./ops"  # how people write `ops` for this place: messages say it
    deactivation_lead_seconds: int = Field(default=300, ge=10, le=3000)  # from a run to its moment
    breaker_opens_after: int = Field(default=5, ge=1)  # members or events in a row a vendor fails

    luma_routes: Literal["current", "old"] = "current"  # old: the ones of before 2026
    luma_unknown_guests: Literal["leave", "decline"] = "leave"  # who is no active member
    luma_paid_guests: Literal["leave", "approve"] = "leave"  # approving takes their money
    luma_plus_addresses: Literal["distinct", "same"] = "distinct"  # is a+b@c the member a@c?
    luma_send_email: bool = True  # does Luma mail who is approved or declined
    luma_calls_per_minute: int = Field(default=200, ge=1, le=500)  # 500: a key of an organization

    alert_signal_url: SecretStr | None = None  # called each minute the alert rules were evaluated

    slack_grace_days: float = Field(default=3, ge=0)  # before who is no member is removed
    slack_propose_after_days: float = Field(default=30, ge=0)  # before staff is told of her account
    slack_most_removed_share: float = Field(default=0.2, ge=0, le=0.9)  # more needs a person
    slack_protected: IdList = ()  # Slack's ids of people whom nothing is done to

    @field_validator("slack_protected", mode="before")
    @classmethod
    def _split_ids(cls, value: object) -> object:
        """Accept ids separated by commas or spaces."""
        return split(value)


class Settings(JobSettings):
    """What can be set from outside; units are in the names."""

    database_url: SecretStr = Field(description="Postgres of the ops and platform tables")

    relay_host: str = "127.0.0.1"
    relay_port: int = 8025
    relay_leaving_seconds: float = Field(default=0, ge=0, le=60)  # ready, then as long not
    stripe_webhook_secrets: Secrets = ()
    clerk_webhook_secrets: Secrets = ()
    clerk_mode: Literal["live", "test"] = "test"  # Clerk's events do not say; its instance does
    slack_signing_secrets: Secrets = ()  # of the app whose buttons are pressed; none: none are taken
    slack_operators: IdList = ()  # Slack's ids of people who may acknowledge an alert by a button
    signature_tolerance_seconds: int = 300
    body_limit_bytes: int = 1024 * 1024
    store_timeout_seconds: float = 1.5  # with the answer on top, a vendor waits less than 2 s

    airflow_url: str = "http://127.0.0.1:8080"
    airflow_username: str = "relay"
    airflow_password: SecretStr = SecretStr("")
    dispatch_batch_size: int = Field(default=500, gt=0, le=500)  # Mailchimp's bulk call takes 500
    dispatch_min_batch_size: int = Field(default=500, gt=0)  # above it, shares of what waits
    dispatch_max_in_flight: int = Field(default=2, gt=0)
    retry_max_in_flight: int = 4
    dispatch_poll_seconds: float = 5.0  # behind LISTEN/NOTIFY, for what a notification missed
    member_runs_per_minute: int = 100
    watch_urls: Secrets = ()  # Slack's incoming webhooks, or anything else that takes {"text": …}

    @field_validator(
        "stripe_webhook_secrets",
        "clerk_webhook_secrets",
        "slack_signing_secrets",
        "slack_operators",
        "watch_urls",
        mode="before",
    )
    @classmethod
    def _split_secrets(cls, value: object) -> object:
        """Accept several secrets, separated by commas or spaces: that is how one is rotated."""
        return split(value)


def split(value: object) -> object:
    """Accept several values, separated by commas or spaces."""
    return value.replace(",", " ").split() if isinstance(value, str) else value


def wrong_in(error: ValidationError, *, prefix: str = "OPS_") -> str:
    """Say which settings cannot be used and why, without their values."""
    named = [(str(fault["loc"][0]), fault["msg"]) for fault in error.errors()]
    return ", ".join(
        f"{prefix}{name.upper() if prefix else name}: {message}" for name, message in named
    )


def environment_has(name: str) -> bool:
    """Tell whether the environment sets a variable to something."""
    return bool(os.environ.get(name))  # noqa: TID251 - this is the module


def adopt_environment(variables: Mapping[str, str]) -> None:
    """Go on as a process that was given these variables; nothing may have read its settings before."""
    os.environ.update(variables)  # noqa: TID251 - this is the module


@cache
def load_job_settings() -> JobSettings:
    """Read what the jobs need once per process."""
    return JobSettings()


@cache
def load_settings() -> Settings:
    """Read the environment once per process."""
    return Settings()  # pydantic-settings fills it from the environment
