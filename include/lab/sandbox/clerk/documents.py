"""Clerk's JSON documents: users, their addresses, and the events about them."""

from secrets import token_hex
from typing import Any

IMAGE = "https://img.clerk.com/sandbox"

NULLS = (
    "primary_phone_number_id",
    "primary_web3_wallet_id",
    "username",
    "mfa_enabled_at",
    "mfa_disabled_at",
    "last_sign_in_at",
    "lockout_expires_in_seconds",
    "verification_attempts_remaining",
    "create_organizations_limit",
    "last_active_at",
    "legal_accepted_at",
)
EMPTY_LISTS = (
    "phone_numbers",
    "web3_wallets",
    "passkeys",
    "external_accounts",
    "saml_accounts",
    "enterprise_accounts",
)


def new_id(prefix: str) -> str:
    """Return an id that no other reset of the sandbox gives again."""
    return f"{prefix}_{token_hex(14)}"


def email_address(address: str, now: int, *, is_verified: bool = True) -> dict[str, Any]:
    """Return an address; `now` in milliseconds."""
    return {
        "id": new_id("idn"),
        "object": "email_address",
        "email_address": address.lower(),
        "reserved": False,
        "verification": verification("verified" if is_verified else "unverified"),
        "linked_to": [],
        "created_at": now,
        "updated_at": now,
    }


def verification(status: str) -> dict[str, Any]:
    """Return how it was shown that an address is somebody's; an unverified one has been sent a code."""
    is_verified = status == "verified"
    return {
        "object": "verification_admin" if is_verified else "verification_otp",
        "status": status,
        "strategy": "admin" if is_verified else "email_code",
        "attempts": None,
        "expire_at": None,
    }


def user(address: str, first_name: str | None, last_name: str | None, now: int) -> dict[str, Any]:
    """Return a new user with one address; `now` in milliseconds."""
    primary = email_address(address, now)
    return {
        "id": new_id("user"),
        "object": "user",
        "external_id": None,
        "primary_email_address_id": primary["id"],
        "first_name": first_name,
        "last_name": last_name,
        "profile_image_url": IMAGE,
        "image_url": IMAGE,
        "has_image": False,
        "public_metadata": {},
        "private_metadata": {},
        "unsafe_metadata": {},
        "email_addresses": [primary],
        "password_enabled": False,
        "two_factor_enabled": False,
        "totp_enabled": False,
        "backup_code_enabled": False,
        "banned": False,
        "locked": False,
        "delete_self_enabled": True,
        "create_organization_enabled": True,
        "created_at": now,
        "updated_at": now,
        **dict.fromkeys(NULLS),
        **{name: [] for name in EMPTY_LISTS},
    }


def deleted(user_id: str) -> dict[str, Any]:
    """Return what is left of a deleted user."""
    return {"id": user_id, "object": "user", "deleted": True}


def event(kind: str, data: dict[str, Any], now: int) -> dict[str, Any]:
    """Return a webhook's body; `now` in milliseconds."""
    request = {"client_ip": "192.0.2.1", "user_agent": "sandbox"}
    return {
        "data": data,
        "event_attributes": {"http_request": request},
        "instance_id": "ins_sandbox",
        "object": "event",
        "timestamp": now,
        "type": kind,
    }
