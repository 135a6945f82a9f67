"""`airflow_settings.yaml` (the Astro CLI's format) read strictly, and fitted to the local stack.

The Astro CLI loads the file as it is. The stack loads the same file with its own ports and random
passwords in place of the file's. What cannot be used is an error that names the line and the key.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

import yaml

from include.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from include.lab.stack.stack import Stack

T = TypeVar("T")

SANDBOX_ORIGIN, AIRFLOW_ORIGIN = (
    "http://127.0.0.1:8026",
    "http://127.0.0.1:8080",
)  # as the file has them


class YamlBlock(dict[str, Any]):
    """A YAML mapping that knows its line."""

    line: int


class _Loader(yaml.SafeLoader):
    """Safe YAML whose mappings know their line and have no key twice."""

    def block(self, node: yaml.MappingNode) -> YamlBlock:
        """Make one mapping."""
        block = YamlBlock()
        block.line = node.start_mark.line + 1
        for key_node, value_node in node.value:
            key = str(self.construct_object(key_node))
            if key in block:
                raise SettingsFileError(key_node.start_mark.line + 1, f"key {key!r} is there twice")
            block[key] = self.construct_object(value_node, deep=True)
        return block


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _Loader.block)


class SettingsFileError(CommandError):
    """The file cannot be used."""

    def __init__(self, line: int, what: str) -> None:
        """Name the line, counted from 1."""
        super().__init__(f"airflow_settings.yaml, line {line}: {what}")


@dataclass(frozen=True, kw_only=True, repr=False)
class AirflowConnection:
    """An Airflow connection."""

    id: str
    conn_type: str
    host: str = ""
    port: int | None = None
    schema: str = ""
    login: str = ""
    password: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return it as the JSON that Airflow takes in `AIRFLOW_CONN_…`."""
        names = ("conn_type", "host", "port", "schema", "login", "password", "extra")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


@dataclass(frozen=True, kw_only=True)
class Pool:
    """An Airflow pool."""

    name: str
    slots: int
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Variable:
    """An Airflow variable."""

    key: str
    value: str


@dataclass(frozen=True, kw_only=True)
class AirflowSettings:
    """What the file says."""

    connections: tuple[AirflowConnection, ...] = ()
    pools: tuple[Pool, ...] = ()
    variables: tuple[Variable, ...] = ()

    def documents(self) -> dict[str, dict[str, Any]]:
        """Return the connections as JSON documents by id."""
        return {one.id: one.document() for one in self.connections}

    def environment(self) -> dict[str, str]:
        """Return the connections as `AIRFLOW_CONN_…`: a task that needs one does not have to ask for it."""
        return {
            f"AIRFLOW_CONN_{name.upper()}": json.dumps(document)
            for name, document in self.documents().items()
        }


def read(path: Path) -> AirflowSettings:
    """Return what the file at `path` says; raise CommandError naming line and key."""
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"airflow_settings.yaml cannot be read: {error}") from error


def parse(text: str) -> AirflowSettings:
    """Return what the file's text says; raise SettingsFileError naming line and key."""
    try:
        tree = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsFileError(line, f"not YAML: {error.problem}") from error
    top = _block(tree, 1, {"airflow"})
    lists = _block(top.get("airflow"), 1, {"connections", "pools", "variables"})
    return AirflowSettings(
        connections=_all(lists, "connections", CONNECTION_KEYS, AirflowConnection),
        pools=_all(lists, "pools", POOL_KEYS, Pool),
        variables=_all(lists, "variables", VARIABLE_KEYS, Variable),
    )


# The Astro CLI's keys → our fields. The first of each is the id; the first two must be there.
CONNECTION_KEYS = {
    "conn_id": ("id", str),
    "conn_type": ("conn_type", str),
    "conn_host": ("host", str),
    "conn_port": ("port", int),
    "conn_schema": ("schema", str),
    "conn_login": ("login", str),
    "conn_password": ("password", str),
    "conn_extra": ("extra", YamlBlock),
}
POOL_KEYS = {
    "pool_name": ("name", str),
    "pool_slot": ("slots", int),
    "pool_description": ("description", str),
}
VARIABLE_KEYS = {"variable_name": ("key", str), "variable_value": ("value", str)}
WORDS: Mapping[type, str] = {str: "text", int: "whole number", YamlBlock: "mapping"}


def _all(
    lists: YamlBlock, name: str, keys: Mapping[str, tuple[str, type]], make: Callable[..., T]
) -> tuple[T, ...]:
    """Make every entry of one list."""
    entries = lists.get(name) or []
    if not isinstance(entries, list):
        raise SettingsFileError(lists.line, f"{name!r} is not a list")
    seen: set[object] = set()
    made = []
    for entry in entries:
        block = _block(entry, lists.line, set(keys))
        made.append(make(**_fields(block, keys)))
        identity = block[next(iter(keys))]
        if identity in seen:
            raise SettingsFileError(block.line, f"{next(iter(keys))} {identity!r} is there twice")
        seen.add(identity)
    return tuple(made)


def _block(value: object, line: int, allowed: set[str]) -> YamlBlock:
    """Return `value` as a mapping that has no other keys than the allowed."""
    if not isinstance(value, YamlBlock):
        raise SettingsFileError(
            line, f"a mapping with {', '.join(sorted(allowed))} is expected here"
        )
    for key in value:
        if key not in allowed:
            raise SettingsFileError(
                value.line, f"unknown key {key!r}; known are {', '.join(sorted(allowed))}"
            )
    return value


def _fields(block: YamlBlock, keys: Mapping[str, tuple[str, type]]) -> dict[str, Any]:
    """Translate one entry's keys; empty values are left out, as the Astro CLI does."""
    fields = {}
    required = list(keys)[:2]
    for key, (name, kind) in keys.items():
        value = block.get(key)
        if key in required and value in (None, ""):
            raise SettingsFileError(block.line, f"{key!r} is missing")
        if value in (None, "", 0) and key not in required:
            continue
        if isinstance(value, bool) or not isinstance(value, kind):
            raise SettingsFileError(block.line, f"{key!r} must be a {WORDS[kind]}")
        fields[name] = value
    return fields


def for_stack(settings: AirflowSettings, stack: Stack) -> AirflowSettings:
    """Return the settings with the stack's ports and passwords in place of the file's."""
    passwords = {
        "stripe": stack.stripe_api_key,
        "clerk": stack.clerk_api_key,
        "mailchimp": stack.mailchimp_api_key,
        "luma": stack.luma_api_key,
        "slack": stack.slack_bot_token,
        "slack_admin": stack.slack_user_token,
        "slack_webhook": stack.slack_webhook,
        "airflow": stack.reconciler_password,
        "pagerduty": stack.pagerduty_routing_key,
        "twilio": stack.twilio_auth_token,
    }
    databases = {
        "ops_postgres": stack.database_url,
        "airflow_postgres": stack.airflow_database_url,
    }
    fitted = []
    for one in settings.connections:
        if one.id in databases:
            fitted.append(_to_database(one, databases[one.id]))
            continue
        host = _on_stack(one.host, stack)
        port = stack.ports.smtp if one.id == "smtp" else one.port
        extra = {name: _on_stack(value, stack) for name, value in one.extra.items()}
        password = passwords.get(one.id, one.password)
        fitted.append(replace(one, host=host, port=port, password=password, extra=extra))
    return replace(settings, connections=tuple(fitted))


def _on_stack(value: Any, stack: Stack) -> Any:
    """Return a value with the stack's sandbox and Airflow in place of the file's."""
    if not isinstance(value, str):
        return value
    return value.replace(SANDBOX_ORIGIN, stack.sandbox_url).replace(
        AIRFLOW_ORIGIN, stack.airflow_url
    )


def _to_database(connection: AirflowConnection, dsn: str) -> AirflowConnection:
    """Point a Postgres connection to `dsn`; its options (`sslmode` …) become extras."""
    url = urlsplit(dsn)
    options = dict(part.split("=", 1) for part in url.query.split("&") if "=" in part)
    return replace(
        connection,
        host=url.hostname or "",
        port=url.port,
        schema=unquote(url.path.lstrip("/")),
        login=unquote(url.username or ""),
        password=unquote(url.password or ""),
        extra={**connection.extra, **{key: unquote(value) for key, value in options.items()}},
    )
