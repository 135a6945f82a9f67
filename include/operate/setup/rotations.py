"""Which secrets can be changed, and in which steps, so that no webhook is refused meanwhile: docs/operations/rotate.md.

A step changes `.env` and has lines that a person runs then. At which step a rotation is stands in `.env`, too, written
together with the change: whatever is stopped where, the next start knows.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from include.errors import CommandError
from include.interview.keys import ask_webhook_secret
from include.interview.prompts import note
from include.operate.setup.compose import services_given, start_anew
from include.operate.setup.interview import ask_platform
from include.operate.setup.made import random_for
from include.vendors.manifests import MANIFESTS

if TYPE_CHECKING:
    from include.interview.env_file import EnvFile
    from include.vendors.manifest import Manifest, WebhookSecret

STATE: Final = "OPS_ROTATIONS"
"""In `.env`: `stripe-webhook=1 airflow-fernet=1`, each rotation that is under way with its step."""
PREPARE: Final = "docker compose run --rm prepare"
RE_ENCRYPT: Final = "docker compose run --rm --entrypoint airflow ops rotate-fernet-key"
ITERATIONS: Final = 4096  # Postgres' own `scram_iterations`

LOSES_ITS_SESSION: Final = (
    "webhooks are stored, over sessions that stay open, and no job runs until Airflow is replaced; a relay that"
    " loses its session before it is replaced answers 503, and the vendor sends again"
)

EnvChange = Callable[["EnvFile"], None]
Lines = Callable[["EnvFile"], list[str]]


@dataclass(frozen=True, kw_only=True)
class RotationStep:
    """One change of `.env`, and what is run then: `before`, each service that is given the value, `after`."""

    says: str
    change: EnvChange
    before: Lines = lambda _env: []
    after: Lines = lambda _env: []
    restarts: bool = True


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """A secret: its variable, what changing it does meanwhile, and the steps."""

    variable: str
    meanwhile: str
    steps: tuple[RotationStep, ...]

    def lines(self, step: int, env: EnvFile) -> list[str]:
        """Return the lines of a step, in their order; each may be run again."""
        one = self.steps[step - 1]
        anew = start_anew(self.services(env)) if one.restarts else []
        return [*one.before(env), *anew, *one.after(env)]

    def services(self, env: EnvFile) -> list[str]:
        """Return whom the value is given to."""
        return services_given(self.variable, folder=env.path.parent, values=env.values)


# --- how values change ---


def _second(variable: str, new: Callable[[], str]) -> EnvChange:
    """Take a new value beside the old one, which stays behind a comma; the new one is used where one has to be."""

    def change(env: EnvFile) -> None:
        old = (env.get(variable) or "").partition(",")[0]
        env.values[variable] = ",".join(filter(None, (new(), old)))

    return change


def _only_the_first(variable: str) -> EnvChange:
    def change(env: EnvFile) -> None:
        env.values[variable] = (env.get(variable) or "").partition(",")[0]

    return change


def _new(variable: str) -> EnvChange:
    def change(env: EnvFile) -> None:
        env.values[variable] = random_for(variable)

    return change


def scram_verifier(password: str, salt: bytes) -> str:
    """Return what Postgres keeps of a password (RFC 5803), so that no line has the password itself."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"


def _alter_role(role: str, variable: str) -> Lines:
    """Return the line that gives Postgres the present password of a role; sessions that are open go on."""

    def lines(env: EnvFile) -> list[str]:
        verifier = scram_verifier(env.get(variable) or "", secrets.token_bytes(16))
        statement = f"ALTER ROLE {role} PASSWORD $x${verifier}$x$"
        return [f"docker compose exec -T postgres psql --username postgres --command '{statement}'"]

    return lines


def _without_tasks(variable: str, before: Lines = lambda _env: []) -> Lines:
    """Return the line that stops whoever logs in for each task, and what follows; relays keep their sessions.

    A task that cannot log in fails within seconds with all the events of its run.
    """

    def lines(env: EnvFile) -> list[str]:
        given = services_given(variable, folder=env.path.parent, values=env.values)
        others = [service for service in given if not service.startswith("relay")]
        return [f"docker compose stop {' '.join(others)}", *before(env)]

    return lines


def _platform(env: EnvFile) -> None:
    """Take the platform's new address, with the password that it was given there."""
    [stop] = _without_tasks("OPS_DATABASE_URL")(env)
    note(f"First, so that no task meets the change: {stop}")
    note("Then give the role its new password at the platform (Supabase: Database, Settings).")
    ask_platform(env, existing="")


def _redis_takes(env: EnvFile) -> list[str]:
    """Return the line that lets Redis take the new password beside the old, by its hash."""
    digest = hashlib.sha256((env.get("REDIS_PASSWORD") or "").encode()).hexdigest()
    return [f"docker compose exec -T redis redis-cli ACL SETUSER default '#{digest}'"]


# --- the table ---


def _webhook(secret: WebhookSecret) -> Rotation:
    """Return how a secret changes that relays take two of."""

    def asked() -> str:
        note(secret.first)
        return ask_webhook_secret(secret.is_one, form=secret.form)

    variable = secret.variable
    return Rotation(
        variable=variable,
        meanwhile=secret.meanwhile,
        steps=(
            RotationStep(says="the new secret beside the old one", change=_second(variable, asked)),
            RotationStep(
                says=f"the old secret out, {secret.until}", change=_only_the_first(variable)
            ),
        ),
    )


def _password(variable: str, meanwhile: str, before: Lines, *, restarts: bool = True) -> Rotation:
    step = RotationStep(says="the new one", change=_new(variable), before=before, restarts=restarts)
    return Rotation(variable=variable, meanwhile=meanwhile, steps=(step,))


def _key(vendor: Manifest) -> Rotation:
    return Rotation(
        variable=f"AIRFLOW_CONN_{next(iter(vendor.needs)).upper()}",
        meanwhile="both keys are good: make the new one first, and revoke the old one last",
        steps=(
            RotationStep(
                says="the new key; Enter keeps all else",
                change=lambda env: vendor.part("setup").set_up(env),
            ),
        ),
    )


ROTATIONS: Final = {
    **{f"{one.name}-webhook": _webhook(one.webhook) for one in MANIFESTS.values() if one.webhook},
    "airflow-relay": _password(
        "OPS_AIRFLOW_PASSWORD",
        "events are stored; runs start a moment later",
        lambda _env: [PREPARE],
    ),
    "airflow-reconciler": _password(
        "OPS_AIRFLOW_RECONCILER_PASSWORD",
        "a run of `reconciliation` that meets it fails, and the next one is right",
        lambda _env: [PREPARE],
    ),
    "airflow-admin": _password(
        "OPS_AIRFLOW_ADMIN_PASSWORD", "nothing", lambda _env: [PREPARE], restarts=False
    ),
    "airflow-fernet": Rotation(
        variable="AIRFLOW_FERNET_KEY",
        meanwhile="Airflow reads with both keys and writes with the new one",
        steps=(
            RotationStep(
                says="the new key beside the old one, then all that is encrypted anew",
                change=_second("AIRFLOW_FERNET_KEY", lambda: random_for("AIRFLOW_FERNET_KEY")),
                after=lambda _env: [RE_ENCRYPT],
            ),
            RotationStep(says="the old key out", change=_only_the_first("AIRFLOW_FERNET_KEY")),
        ),
    ),
    "airflow-jwt": _password(
        "AIRFLOW_JWT_SECRET",
        "tasks that run are tried again; people and the relays log in again",
        lambda _env: [],
    ),
    "airflow-api": _password("AIRFLOW_API_SECRET_KEY", "people log in again", lambda _env: []),
    "database-ops": _password(
        "OPS_DATABASE_PASSWORD",
        LOSES_ITS_SESSION,
        _without_tasks("OPS_DATABASE_PASSWORD", _alter_role("ops", "OPS_DATABASE_PASSWORD")),
    ),
    "database-platform": Rotation(
        variable="OPS_DATABASE_URL",
        meanwhile=LOSES_ITS_SESSION,
        steps=(RotationStep(says="the address with the new password", change=_platform),),
    ),
    "database-airflow": _password(
        "AIRFLOW_DATABASE_PASSWORD",
        "sessions that are open go on; a task that connects before Airflow was replaced is tried again",
        _alter_role("airflow", "AIRFLOW_DATABASE_PASSWORD"),
    ),
    "database-postgres": _password(
        "POSTGRES_PASSWORD",
        "nothing: only people log in with it",
        _alter_role("postgres", "POSTGRES_PASSWORD"),
        restarts=False,
    ),
    "redis": _password(
        "REDIS_PASSWORD", "Redis takes both until it is replaced, last", _redis_takes
    ),
    **{one.name: _key(one) for one in MANIFESTS.values()},
}


# --- where a rotation is ---


def under_way(env: EnvFile) -> dict[str, int]:
    """Return the step of each rotation that was begun and is not over."""
    pairs = (part.partition("=") for part in (env.get(STATE) or "").split())
    return {name: int(step) for name, _, step in pairs if name in ROTATIONS and step.isdecimal()}


def go_to(step: int, name: str, env: EnvFile) -> None:
    """Make the change of a step, and note in the same file that the rotation is there; after the last it is over."""
    rotation, now = ROTATIONS[name], under_way(env)
    if step > len(rotation.steps):
        now.pop(name, None)
    else:
        if not env.get(rotation.variable):
            raise CommandError(f"{rotation.variable} is not set: there is nothing to rotate")
        if rotation.steps[step - 1].restarts and not rotation.services(env):
            raise CommandError(
                f"no service is given {rotation.variable} by {env.path}; its COMPOSE_FILE names further files"
            )
        rotation.steps[step - 1].change(env)
        now[name] = step
    env.values[STATE] = " ".join(f"{one}={at}" for one, at in sorted(now.items()))
    if not now:
        del env.values[STATE]
    env.finish()
