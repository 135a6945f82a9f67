"""Which deployment a command is about, and how it is reached.

Found in this order: the profile that `--at NAME` names in `~/.config/wdai-ops/config.toml`; the environment,
where it has OPS_AIRFLOW_URL; what the entry hands in, which in a checkout is the local stack. (OPS_DATABASE_URL
alone names no deployment: it is how the local stack is told to use another Postgres.)
"""

from __future__ import annotations

import re
import tomllib
from contextlib import closing, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import psycopg
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from include.errors import CommandError
from include.links import Links
from include.settings import IdList, Secrets, environment_has, split, wrong_in
from include.store import Store
from include.store.airflow_tables import AirflowTables
from include.store.reasons import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONFIG: Final = Path(".config") / "wdai-ops" / "config.toml"  # in the home folder
FOR_OTHERS: Final = 0o077
ENVIRONMENT: Final = "environment"  # the name of the deployment that the environment describes
NAMES_ONE: Final = "OPS_AIRFLOW_URL"
CONNECT_SECONDS: Final = 5.0
DRIVER: Final = re.compile(r"\+\w+://")  # of SQLAlchemy, which Postgres' own library does not know


class NoDeploymentError(CommandError):
    """None was named, and none is here."""


class Deployment(BaseModel):
    """One place where all of it runs, as `ops` needs to know it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    is_inside: ClassVar[bool] = (
        False  # does this process have what jobs have: Airflow's connections
    )

    name: str = ENVIRONMENT
    command: str = "./ops"  # how a person writes it for this deployment
    database_url: SecretStr
    airflow_url: str
    airflow_ui_url: str = ""  # as people open it, where that is another address
    airflow_admin_username: str = "admin"
    airflow_admin_password: SecretStr = SecretStr("")
    airflow_database_url: SecretStr = SecretStr("")  # Airflow's own tables, for `erase`
    relay_urls: IdList = ()
    stripe_webhook_secrets: Secrets = ()  # for `send`, which signs as the vendors do
    clerk_webhook_secrets: Secrets = ()
    runbook_url: str = ""
    sandbox_url: str = ""  # the vendors' stand-ins, where no real ones are called

    @field_validator("relay_urls", "stripe_webhook_secrets", "clerk_webhook_secrets", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return split(value)

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Give the ops and platform tables for the block; raise CommandError where they do not answer."""
        dsn = self.database_url.get_secret_value()
        try:
            with closing(Store.connect(dsn, timeout_seconds=CONNECT_SECONDS)) as store:
                yield store
        except psycopg.Error as error:
            raise CommandError(f"the database does not answer: {reason_of(error)}") from error

    @contextmanager
    def airflow_tables(self) -> Iterator[AirflowTables]:
        """Give Airflow's own tables for the block; raise CommandError where they are not known, or do not answer."""
        dsn = DRIVER.sub("://", self.airflow_database_url.get_secret_value())
        if not dsn:
            raise CommandError(
                "where are Airflow's tables? Set OPS_AIRFLOW_DATABASE_URL, or airflow_database_url in the profile"
            )
        try:
            with closing(psycopg.connect(dsn, connect_timeout=int(CONNECT_SECONDS))) as connection:
                yield AirflowTables(connection)
        except psycopg.Error as error:
            raise CommandError(f"Airflow's database does not answer: {reason_of(error)}") from error

    def run_url(self, job: str, dag_run_id: str) -> str:
        """Return the address of a run in the Airflow UI."""
        return Links(airflow_url=self.airflow_ui_url or self.airflow_url).run(job, dag_run_id)


class _Environment(Deployment, BaseSettings):
    """The deployment that the environment describes: OPS_ and the field's name in upper case."""

    model_config = SettingsConfigDict(
        env_prefix="OPS_", frozen=True, extra="ignore", env_ignore_empty=True
    )
    is_inside: ClassVar[bool] = True

    airflow_database_url: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices("OPS_AIRFLOW_DATABASE_URL", "AIRFLOW_CONN_AIRFLOW_POSTGRES"),
    )


@dataclass(frozen=True, kw_only=True)
class Finder:
    """What a command line was given to find its deployment by."""

    at: str | None = None
    local: Callable[[], Deployment] | None = None

    def find(self) -> Deployment:
        """Return the deployment; raise CommandError saying what is missing."""
        if self.at is not None:
            return profile(self.at)
        if environment_has(NAMES_ONE):
            return from_environment()
        if self.local is not None:
            return self.local()
        raise NoDeploymentError(
            f"which deployment? Set OPS_DATABASE_URL and {NAMES_ONE}, or say --at NAME (a profile in ~/{CONFIG})"
        )


GIVEN: ContextVar[Finder] = ContextVar("what the command line was given")


def chosen() -> Deployment:
    """Return the deployment that the running command is about."""
    return GIVEN.get().find()


def from_environment(*, name: str = ENVIRONMENT, airflow_url: str | None = None) -> Deployment:
    """Return what the environment describes; raise CommandError naming what is wrong, never a value."""
    known: dict[str, Any] = {"airflow_url": airflow_url} if airflow_url else {}
    try:
        return _Environment(name=name, **known)  # pydantic-settings fills in the rest
    except ValidationError as error:
        raise CommandError(f"the environment names no deployment: {wrong_in(error)}") from None


def profile(name: str) -> Deployment:
    """Return a deployment by its name in the configuration."""
    profiles = {key: value for key, value in read_config().items() if isinstance(value, dict)}
    if name not in profiles:
        known = f"there are {', '.join(sorted(profiles))}" if profiles else "there is none"
        raise CommandError(f"~/{CONFIG} has no profile [{name}]: {known}")
    given = {"command": f"./ops --at {name}", **profiles[name], "name": name}
    try:
        return Deployment.model_validate(given)
    except ValidationError as error:
        raise CommandError(f"~/{CONFIG}, [{name}]: {wrong_in(error, prefix='')}") from None


# --- the configuration: profiles by name, and `actor`, the name of the person whose file it is ---


def config_file() -> Path:
    """Return where a person's configuration is."""
    return Path.home() / CONFIG


def read_config() -> dict[str, Any]:
    """Return the configuration, empty where there is none; raise CommandError where it cannot be used."""
    path = config_file()
    try:
        if path.stat().st_mode & FOR_OTHERS:
            raise CommandError(f"{path} is open to others, and holds passwords: chmod 600 {path}")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise CommandError(f"{path} is not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read ({type(error).__name__})") from None
