"""What is made and never asked: random passwords and keys, each once."""

from __future__ import annotations

import base64
import re
import secrets
from typing import TYPE_CHECKING, Final

from cryptography.fernet import Fernet

if TYPE_CHECKING:
    from include.interview.env_file import EnvFile

MADE: Final = re.compile(r"\w+_(PASSWORD|FERNET_KEY|JWT_SECRET|SECRET_KEY)")
"""Names of secrets that only our own processes know."""


def random_for(name: str) -> str:
    """Return a new value for a secret of ours; hex, because some of them become part of a URL."""
    return Fernet.generate_key().decode() if name.endswith("_FERNET_KEY") else secrets.token_hex(32)


def fill_in(env: EnvFile) -> list[str]:
    """Make every secret of ours that is not there yet; return the names of the new ones."""
    missing = [name for name in env.defaults if MADE.fullmatch(name) and not env.get(name)]
    for name in missing:
        env.set(name, random_for(name))
    return missing


def webhook_secret() -> str:
    """Return a secret for the sandbox's webhooks, in the form that Svix gives its own; Stripe's has no other."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(24)).decode()}"
