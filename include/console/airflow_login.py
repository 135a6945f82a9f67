"""Airflow's own login, cookie and roles: who has logged in there has logged in here."""

from http import HTTPStatus

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from fastapi import HTTPException, Request

from include.console.access import NotLoggedInError, Right, Visitor

READS = frozenset({Right.SEE, Right.ADDRESSES, Right.BODIES})


async def airflow_login(request: Request) -> Visitor:
    """Return the user of Airflow's token, from the cookie or the header, with what her roles let her do."""
    manager = get_auth_manager()
    try:
        user = await get_user(request, None, await bearer_scheme(request))
    except HTTPException as error:
        if error.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise NotLoggedInError(manager.get_url_login(next_url=str(request.url))) from None
        raise
    rights = frozenset(
        right
        for right in Right
        if manager.is_authorized_custom_view(
            method="GET" if right in READS else "PUT", resource_name=right.value, user=user
        )
    )
    return Visitor(name=user.get_name(), rights=rights)
