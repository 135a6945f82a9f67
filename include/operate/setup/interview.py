"""`./ops init`: what is asked, in this order; what can be made or read is not asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import psycopg

from include.interview.prompts import ask, ask_secret, confirm, heading, note
from include.operate.doctor.forms import is_in_the_clear
from include.operate.setup import made
from include.store.migrate import has_platform_tables
from include.store.reasons import reason_of
from include.vendors.manifests import EVENT_SECRETS, MANIFESTS

if TYPE_CHECKING:
    from include.interview.env_file import EnvFile

SETTINGS: Final = {
    "OPS_ALERT_SIGNAL_URL": "Address of an outside check that is called each minute (dead man's switch)",
    "OPS_WATCH_URLS": "Address where the relay itself says what is wrong (Slack's incoming webhook …)",
}
"""Addresses that can be done without, with the question for each. They hold secrets."""


def interview(env: EnvFile) -> None:
    """Ask for all of production, and make the secrets."""
    _public_url(env)
    _platform(env)
    for vendor in MANIFESTS.values():
        vendor.part("setup").set_up(env)
    heading("Who watches the watcher")
    for name, question in SETTINGS.items():
        _optional_address(env, name, question)
    finish(env)


def trial(env: EnvFile) -> None:
    """Make what a trial with the sandbox needs; `deploy/sandbox.env` has the rest."""
    for secret in EVENT_SECRETS.values():
        if not env.get(secret.variable):
            env.set(secret.variable, made.webhook_secret())
    finish(env)


def finish(env: EnvFile) -> None:
    """Make the secrets that are not there, and write the file."""
    heading("Secrets of our own")
    new = made.fill_in(env)
    note(
        f"{len(new)} made, at random: {', '.join(new)}."
        if new
        else "All are there; none was made anew."
    )
    env.finish()


def _public_url(env: EnvFile) -> None:
    heading("This deployment")
    answer = ask(
        "Address at which people and webhooks reach it",
        default=env.get("OPS_PUBLIC_URL"),
        wrong=_wrong_address,
    )
    env.set("OPS_PUBLIC_URL", answer.rstrip("/"))


def _wrong_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "an address like https://ops.example.org, please"
    return "with https, please: passwords pass there" if is_in_the_clear(text) else ""


def _platform(env: EnvFile) -> None:
    """Ask for the platform's database; Enter keeps the one that is set."""
    ask_platform(env, existing=env.resolved().get("OPS_DATABASE_URL", ""))


def ask_platform(env: EnvFile, *, existing: str) -> None:
    """Ask until the address is a platform's, or stays in spite of what is said."""
    while True:
        dsn = ask_secret(
            "Platform's Postgres (postgresql://USER:PASSWORD@HOST:5432/DATABASE)", existing=existing
        )
        problem = _problem_of(dsn)
        if not problem or not confirm(f"{problem}. Another one? (no: it stays)", default=True):
            break
        existing = ""
    if dsn != existing or "OPS_DATABASE_URL" not in env.values:
        env.set("OPS_DATABASE_URL", dsn)


def _problem_of(dsn: str) -> str:
    try:
        is_platform = has_platform_tables(dsn)
    except psycopg.Error as error:
        return f"It cannot be used from here: {reason_of(error)}"
    return "" if is_platform else "It has no table public.users, so it is not the platform's"


def _optional_address(env: EnvFile, name: str, question: str) -> None:
    existing = env.get(name) or ""
    if not confirm(f"{question}: use one?", default=bool(existing)):
        env.set(name, "")
        return
    while _wrong_address(address := ask_secret("Address", existing=existing)):
        note("an address with https://, please")
        existing = ""
    env.set(name, address)
