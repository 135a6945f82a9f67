"""What can be set about the local stack: `OPS_` + the field's name in upper case."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads it

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from include.errors import CommandError
from include.settings import wrong_in


class StackSettings(BaseSettings):
    """Ports are wishes: where one is taken, another free one is used and said."""

    model_config = SettingsConfigDict(
        env_prefix="OPS_", frozen=True, extra="ignore", env_ignore_empty=True
    )

    relay_port: int = 8025
    sandbox_port: int = 8026
    airflow_port: int = 8080
    postgres_port: int = 5433
    smtp_port: int = 8028
    database_url: SecretStr | None = None  # another Postgres (Supabase) for ops and platform tables
    airflow_database_url: SecretStr | None = None  # another Postgres for Airflow's metadata
    start_timeout_seconds: float = 240  # a first start on a slow machine compiles and migrates
    state_dir: Path | None = None  # beside `.ops`: a second stack on one checkout, for tests


def load_stack_settings() -> StackSettings:
    """Read them from the environment; raise CommandError naming what is wrong, never a value."""
    try:
        return StackSettings()
    except ValidationError as error:
        raise CommandError(
            f"the environment has a setting that cannot be used: {wrong_in(error)}"
        ) from None
