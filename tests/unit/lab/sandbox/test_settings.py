"""What the sandbox is started with."""

import os
from pathlib import Path

import pytest

from include.lab.sandbox.contracts import Contracts
from include.lab.sandbox.delivery import NoSecretError, WebhookSender
from include.lab.sandbox.server import VENDORS
from include.lab.sandbox.settings import SandboxSettings


def test_environment_is_read(monkeypatch):
    """Everything comes from `OPS_SANDBOX_…`; several folders are written as in `PATH`."""
    monkeypatch.setenv("OPS_SANDBOX_PORT", "9001")
    monkeypatch.setenv("OPS_SANDBOX_STRIPE_WEBHOOK_SECRETS", "whsec_x")
    monkeypatch.setenv("OPS_SANDBOX_CONTRACTS_DIRS", os.pathsep.join(["ours", "theirs"]))

    settings = SandboxSettings()

    assert (settings.port, settings.contracts_dirs) == (9001, (Path("ours"), Path("theirs")))
    assert "whsec_x" not in repr(settings)


def test_two_secrets_are_two(monkeypatch):
    """The pair of a rotation, as `.env` has it for the relay."""
    monkeypatch.setenv("OPS_SANDBOX_CLERK_WEBHOOK_SECRETS", "whsec_old,whsec_new")

    secrets = [one.get_secret_value() for one in SandboxSettings().clerk_webhook_secrets]

    assert secrets == ["whsec_old", "whsec_new"]


def test_empty_variable_counts_as_unset(monkeypatch):
    """`OPS_SANDBOX_CONTRACTS_DIRS=` checks nothing instead of looking into the current folder."""
    monkeypatch.setenv("OPS_SANDBOX_CONTRACTS_DIRS", "")

    assert SandboxSettings().contracts_dirs == ()


def test_auto_delivery_needs_the_secrets(world):
    """Without a secret nothing could be signed: it is said when the switch is thrown."""
    with pytest.raises(NoSecretError, match="OPS_SANDBOX_CLERK_WEBHOOK_SECRETS"):
        WebhookSender(world).require_secrets()


def test_missing_descriptions_are_said_at_once(tmp_path):
    """A folder that is not there is an error at the start, not at the first call."""
    with pytest.raises(FileNotFoundError, match="OPS_SANDBOX_CONTRACTS_DIRS"):
        Contracts([tmp_path / "nowhere"], VENDORS)
