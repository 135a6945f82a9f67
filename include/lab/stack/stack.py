"""One local stack: its ports, credentials and secrets, random per set-up, kept in `.ops/stack.json`."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from include.errors import CommandError
from include.lab.stack.layout import write_private
from include.links import Links

if TYPE_CHECKING:
    from pathlib import Path

HOST = "127.0.0.1"
PEOPLE = ("admin", "operator", "community", "viewer")


def _token() -> str:
    return secrets.token_urlsafe(32)


def _stripe_secret() -> str:
    return "whsec_" + secrets.token_hex(32)


def _svix_secret() -> str:
    """Clerk signs with Svix, whose secret is the base64 of the key."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def _slack_webhook() -> str:
    """Return what an incoming webhook's URL ends in: workspace, app, secret."""
    return "T0SANDBOX01/B0OPSBOT001/" + secrets.token_hex(12)


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where each process listens, on 127.0.0.1 only."""

    relay: int = 0
    sandbox: int = 0
    airflow: int = 0
    postgres: int = 0
    supervisor: int = 0
    smtp: int = 0


@dataclass(frozen=True, kw_only=True, repr=False)
class Stack:
    """What is random or chosen about a stack; everything else follows from it."""

    id: str = field(default_factory=lambda: secrets.token_hex(8))
    ports: Ports = field(default_factory=Ports)
    other_database_url: str = ""  # OPS_DATABASE_URL at the last start
    other_airflow_database_url: str = ""
    postgres_password: str = field(default_factory=_token)
    ops_database_password: str = field(default_factory=_token)
    airflow_database_password: str = field(default_factory=_token)
    supervisor_password: str = field(default_factory=_token)
    stripe_webhook_secret: str = field(default_factory=_stripe_secret)
    clerk_webhook_secret: str = field(default_factory=_svix_secret)
    stripe_api_key: str = field(default_factory=lambda: "sk_test_" + secrets.token_hex(24))
    clerk_api_key: str = field(default_factory=lambda: "sk_test_" + secrets.token_hex(24))
    mailchimp_api_key: str = field(default_factory=lambda: secrets.token_hex(16) + "-us1")
    luma_api_key: str = field(default_factory=lambda: "secret-" + secrets.token_hex(16))
    slack_bot_token: str = field(default_factory=lambda: "xoxb-" + secrets.token_hex(24))
    slack_user_token: str = field(default_factory=lambda: "xoxp-" + secrets.token_hex(24))
    slack_signing_secret: str = field(default_factory=lambda: secrets.token_hex(16))
    slack_webhook: str = field(default_factory=_slack_webhook)
    pagerduty_routing_key: str = field(default_factory=lambda: secrets.token_hex(16))
    twilio_auth_token: str = field(default_factory=lambda: secrets.token_hex(16))
    dead_man_check: str = field(default_factory=lambda: secrets.token_hex(16))
    fernet_key: str = field(default_factory=_fernet_key)
    jwt_secret: str = field(default_factory=_token)
    api_secret_key: str = field(default_factory=_token)
    admin_password: str = field(default_factory=_token)
    operator_password: str = field(default_factory=_token)
    community_password: str = field(default_factory=_token)
    viewer_password: str = field(default_factory=_token)
    relay_password: str = field(default_factory=_token)
    reconciler_password: str = field(default_factory=_token)

    @property
    def relay_url(self) -> str:
        """Where the vendors' webhooks go."""
        return f"http://{HOST}:{self.ports.relay}"

    @property
    def sandbox_url(self) -> str:
        """Where the stand-ins of the vendors answer."""
        return f"http://{HOST}:{self.ports.sandbox}"

    @property
    def alert_signal_url(self) -> str:
        """What is called each minute that the alert rules were evaluated."""
        return f"{self.sandbox_url}/dead-man/ping/{self.dead_man_check}"

    @property
    def airflow_url(self) -> str:
        """Airflow's UI and REST API."""
        return f"http://{HOST}:{self.ports.airflow}"

    @property
    def console_url(self) -> str:
        """The dashboard inside the Airflow UI."""
        return f"{self.airflow_url}/ops/"

    @property
    def runs_postgres(self) -> bool:
        """Tell whether any database is in the embedded Postgres."""
        return not (self.other_database_url and self.other_airflow_database_url)

    @property
    def database_url(self) -> str:
        """The ops and platform tables."""
        return self.other_database_url or self._dsn("ops", self.ops_database_password, "ops")

    @property
    def airflow_database_url(self) -> str:
        """Airflow's metadata."""
        return self.other_airflow_database_url or self._dsn(
            "airflow", self.airflow_database_password, "airflow"
        )

    @property
    def postgres_url(self) -> str:
        """The embedded Postgres as its superuser."""
        return self._dsn("postgres", self.postgres_password, "postgres")

    @property
    def users(self) -> dict[str, dict[str, str]]:
        """The people's log-ins at the Airflow UI."""
        return {
            name: {"username": name, "password": getattr(self, f"{name}_password")}
            for name in PEOPLE
        }

    def run_url(self, job: str, dag_run_id: str) -> str:
        """Return the address of a run in the Airflow UI."""
        return Links(airflow_url=self.airflow_url).run(job, dag_run_id)

    def _dsn(self, user: str, password: str, database: str) -> str:
        return f"postgresql://{user}:{password}@{HOST}:{self.ports.postgres}/{database}"

    def on(self, ports: Ports) -> Stack:
        """Return the same stack on other ports."""
        return replace(self, ports=ports)

    def save(self, path: Path) -> None:
        """Keep it in `path`, mode 600."""
        write_private(path, json.dumps(asdict(self), indent=1))


def load_stack(path: Path) -> Stack | None:
    """Return the stack kept in `path`, None where there is none; raise CommandError when unreadable."""
    try:
        kept: dict[str, Any] = json.loads(path.read_bytes())
        known = {one.name for one in fields(Stack)}
        ports = Ports(**kept.pop("ports"))
        return Stack(ports=ports, **{name: value for name, value in kept.items() if name in known})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CommandError(
            f"{path} cannot be read ({type(error).__name__}): run ./ops down, delete the folder "
            f"{path.parent} and start again"
        ) from error
