"""Environment → one frozen Settings; the only reader of the environment in the sandbox."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Secrets = Annotated[tuple[SecretStr, ...], NoDecode]
Paths = Annotated[tuple[Path, ...], NoDecode]


class SandboxSettings(BaseSettings):
    """What the sandbox is started with. Of a vendor whose key is not set, any key is accepted."""

    model_config = SettingsConfigDict(
        env_prefix="OPS_SANDBOX_", frozen=True, env_ignore_empty=True, populate_by_name=True
    )

    host: str = "127.0.0.1"
    port: int = 8026
    statsd_port: int | None = None  # UDP; 0: any free one; without it there is no StatsD server
    smtp_port: int | None = None  # 0: any free one; without it there is no mail server
    relay_url: str = "http://127.0.0.1:8025"
    contracts_dirs: Paths = ()
    """Folders with descriptions that every call must fit; none: nothing is checked."""

    stripe_api_key: SecretStr | None = None
    clerk_api_key: SecretStr | None = None
    mailchimp_api_key: SecretStr | None = None
    luma_api_key: SecretStr | None = None
    slack_api_key: SecretStr | None = None  # the bot's token
    slack_user_token: SecretStr | None = None  # the owner's
    slack_signing_secret: SecretStr | None = None  # what presses are signed with
    slack_webhook: SecretStr | None = None  # what follows `/services/` in the URL
    pagerduty_routing_key: SecretStr | None = None
    twilio_auth_token: SecretStr | None = None
    twilio_from: str | None = None
    stripe_webhook_secrets: Secrets = ()  # two while one is rotated: both sign, as the vendors do it
    clerk_webhook_secrets: Secrets = ()

    mailchimp_list_id: str = "a1b2c3d4e5"
    journey_id: int = 1001
    journey_step_id: int = 2001
    workflow_id: str = "57afe96172"
    workflow_email_id: str = "a87de7d1e5"

    @field_validator("stripe_webhook_secrets", "clerk_webhook_secrets", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Accept several secrets, separated by commas or spaces."""
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("contracts_dirs", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        """Accept several folders, separated as in `PATH`."""
        return value.split(os.pathsep) if isinstance(value, str) else value
