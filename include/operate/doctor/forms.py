"""What addresses look like: a wrong one can often be told without asking anybody."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_in_the_clear(url: str) -> bool:
    """Tell whether what is sent there can be read on the way; a name without a dot is of our own network."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme == "http" and "." in host and not host.startswith("127.")
