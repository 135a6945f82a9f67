"""Values of people, made right once, where they come in: the same address or name looks the same everywhere.

One person writes `Ada@Bücher.example `, another vendor `ada@xn--bcher-kva.example`; Stripe takes a name of any
length, Mailchimp 255 characters of it. Every address and name that a vendor tells us of goes through here.
"""

from __future__ import annotations

import unicodedata

import idna

MAX_NAME = 255  # of a merge field at Mailchimp
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"  # nobody types them, and no `strip` takes them away


def address_from(text: str | None) -> str | None:
    """Return an address without spaces around it, in lower case, its domain as DNS has it; None where there is none.

    What is no address comes back as it is: its vendor says so.
    """
    plain = unicodedata.normalize("NFC", text or "").strip().strip(INVISIBLE).strip().lower()
    local, at, domain = plain.rpartition("@")
    if domain.isascii():
        return plain or None
    try:
        return local + at + idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return plain


def address_forms(address: str) -> frozenset[str]:
    """Return the ways one address may be written down: with its domain as DNS has it, and as people read it."""
    plain = address_from(address) or ""
    local, at, domain = plain.rpartition("@")
    try:
        return frozenset({plain, local + at + idna.decode(domain)})
    except idna.IDNAError:
        return frozenset({plain})


def name_from(text: str | None) -> str:
    """Return a name on one line, as long as every vendor takes it; empty where there is none."""
    return " ".join((text or "").split())[:MAX_NAME].rstrip()
