"""Who may do what in Airflow: the people, and the small roles of the relay and of `reconciliation`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.fab.www.security import permissions

from include.routing import CANCELLABLE_DAGS, RELAY_DAGS

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLES = {
    "admin": "Admin",
    "operator": "Op",
    "viewer": "Viewer",
    "community": "Community",
    "relay": "Relay",
    "reconciler": "Reconciler",
}
GIVEN_TO_ALL = {
    (permissions.ACTION_CAN_READ, permissions.RESOURCE_WEBSITE)
}  # by FAB, at each start
PAGES = (permissions.ACTION_CAN_READ, permissions.RESOURCE_PLUGIN)  # else the UI shows no entry
CONSOLE = (permissions.ACTION_CAN_READ, "Console")
DECIDES = {
    (permissions.ACTION_CAN_READ, "Console Addresses"),
    (permissions.ACTION_CAN_EDIT, "Console Members"),
}
OPERATES = {
    (permissions.ACTION_CAN_READ, "Console Bodies"),
    (permissions.ACTION_CAN_EDIT, "Console Operations"),
}
CONSOLE_RIGHTS = {
    "Viewer": {PAGES, CONSOLE},
    "Op": {PAGES, CONSOLE, *DECIDES, *OPERATES},
    "Admin": {PAGES, CONSOLE, *DECIDES, *OPERATES},
}
"""What Airflow's own roles may in the console, whose rights are in `include/console/access.py`."""
REVIEW = "dead_letter_review"  # the one DAG that `reconciliation` starts


def relay_permissions() -> set[tuple[str, str]]:
    """Return what the relay needs to start and look up runs of its DAGs, and nothing else.

    FAB's auth manager wants the right to edit the DAG of whoever starts a run of it, so that
    right is given DAG by DAG and not for all. So are the rights to end (edit) and delete runs.
    """
    runs = {
        (permissions.ACTION_CAN_CREATE, permissions.RESOURCE_DAG_RUN),
        (permissions.ACTION_CAN_READ, permissions.RESOURCE_DAG_RUN),
    }
    dags = {
        (action, permissions.resource_name(dag_id, permissions.RESOURCE_DAG))
        for dag_id in RELAY_DAGS
        for action in (permissions.ACTION_CAN_READ, permissions.ACTION_CAN_EDIT)
    }
    cancelled = {
        (action, permissions.resource_name(dag_id, permissions.RESOURCE_DAG_RUN))
        for dag_id in CANCELLABLE_DAGS
        for action in (permissions.ACTION_CAN_EDIT, permissions.ACTION_CAN_DELETE)
    }
    return runs | dags | cancelled


def community_permissions() -> set[tuple[str, str]]:
    """Return what who looks after the members needs: to decide about them in the console, and nothing of Airflow's."""
    return {PAGES, CONSOLE, *DECIDES, *GIVEN_TO_ALL}


def reconciler_permissions() -> set[tuple[str, str]]:
    """Return what `reconciliation` needs: to read runs and their tasks, and to start the review."""
    review_run = permissions.resource_name(REVIEW, permissions.RESOURCE_DAG_RUN)
    return {
        (permissions.ACTION_CAN_READ, permissions.RESOURCE_DAG),
        (permissions.ACTION_CAN_READ, permissions.RESOURCE_DAG_RUN),
        (permissions.ACTION_CAN_READ, permissions.RESOURCE_TASK_INSTANCE),
        (permissions.ACTION_CAN_CREATE, review_run),
        (
            permissions.ACTION_CAN_EDIT,
            permissions.resource_name(REVIEW, permissions.RESOURCE_DAG),
        ),
    }


def set_up(passwords: Mapping[str, str]) -> None:
    """Make the roles, and the users named in `passwords`, or bring them to what they should be.

    A user's role is the one of `ROLES`; raise KeyError for a name that is not there.
    """
    from airflow.providers.fab.auth_manager.cli_commands.utils import (  # noqa: PLC0415 - starts Flask
        get_application_builder,
    )

    with get_application_builder() as builder:
        security = builder.sm
        security.sync_roles()
        _set_role(security, ROLES["relay"], relay_permissions())
        _set_role(security, ROLES["reconciler"], reconciler_permissions())
        _set_role(security, ROLES["community"], community_permissions())
        for name, rights in CONSOLE_RIGHTS.items():
            _add_rights(security, security.find_role(name), rights)
        for name, password in passwords.items():
            _set_user(security, name, password)


def _set_role(security: Any, name: str, wanted: set[tuple[str, str]]) -> None:
    """Give the role these permissions and take all others from it."""
    role = security.add_role(name)
    for permission in list(role.permissions):
        if (permission.action.name, permission.resource.name) not in wanted:
            security.remove_permission_from_role(role, permission)
    _add_rights(security, role, wanted)


def _add_rights(security: Any, role: Any, wanted: set[tuple[str, str]]) -> None:
    for action, resource in sorted(wanted):
        security.add_permission_to_role(role, security.create_permission(action, resource))


def _set_user(security: Any, name: str, password: str) -> None:
    role = security.find_role(ROLES[name])
    user = security.find_user(name)
    if user is None:
        added = security.add_user(name, name, "local", f"{name}@ops.invalid", role, password)
        if not added:
            raise RuntimeError(f"Airflow did not take the user {name}")
    else:
        user.roles = [role]
        security.update_user(user)
        security.reset_password(user.id, password)
