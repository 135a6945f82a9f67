"""Keys and secrets that a vendor gives: asked for until they can be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from include.errors import PermanentVendorError, VendorError
from include.interview.prompts import ask_secret, confirm, note

if TYPE_CHECKING:
    from include.interview.env_file import EnvFile

SECONDS: Final = 15.0
"""How long a vendor is waited for."""
NOT_USED: Final = "not used"

TryKey = Callable[[str], None]


def ask_key(question: str, *, existing: str, form: str, try_it: TryKey, advice: str) -> str:
    """Return a key that its vendor knows; one that is refused is said at once, and asked for again."""
    while True:
        key = ask_secret(question, existing=existing)
        if not re.fullmatch(form, key):
            note(f"That has not the form of this key. {advice}")
            existing = ""
            continue
        try:
            try_it(key)
        except PermanentVendorError as error:
            note(f"{error}. {advice}")
            existing = ""
        except VendorError as error:
            note(f"{error}.")
            if not confirm("Try again? (no: go on with this key, untried)", default=True):
                return key
            existing = key
        else:
            return key


def is_used(vendor: str, name: str, env: EnvFile, *, what: str) -> bool:
    """Return whether a vendor that can be done without is used; no is an answer that is kept."""
    was_left_out = env.get(f"AIRFLOW_CONN_{name.upper()}") == ""
    if confirm(f"Use {vendor}? ({what})", default=not was_left_out):
        return True
    env.set_connection(name, None)
    note(f"{vendor}: {NOT_USED}")
    return False


def is_kept(env: EnvFile, setting: str) -> bool:
    """Return whether a webhook secret is set that is to stay."""
    return bool(env.get(setting)) and confirm("The webhook secret is set. Keep it?", default=True)


def ask_webhook_secret(is_one: Callable[[str], bool], *, form: str = "whsec_…") -> str:
    """Return a secret that a vendor signs webhooks with."""
    while not is_one(secret := ask_secret(f"Webhook secret ({form})")):
        note("That has not its form: it is copied whole.")
    return secret
