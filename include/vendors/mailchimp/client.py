"""Mailchimp, through `mailchimp-marketing`, with its traps closed.

The package (3.0.80) returns a bare `requests.Response` for every answer without a body, be it 204, 429 or
500; raises an error whose text is empty and which cannot be unpickled; opens a connection per call; and
replaces the text "server" anywhere in a URL. Here every answer is looked at, every failure is one of ours,
connections are kept, the replacing is off, and a member is named by her subscriber hash alone.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any

import orjson
import requests
from mailchimp_marketing.api.automations_api import AutomationsApi
from mailchimp_marketing.api.customer_journeys_api import CustomerJourneysApi
from mailchimp_marketing.api.lists_api import ListsApi
from mailchimp_marketing.api_client import ApiClient, ApiClientError

from include.errors import PermanentVendorError, VendorError
from include.vendors.mailchimp.errors import bulk_error_from, error_from, network_error_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from include.vendors.manifest import VendorAccess

VENDOR = "mailchimp"
MAX_IN_BULK = 500
MEMBERS_PAGE = 1000  # Mailchimp's most
MEMBER_FIELDS = ("email_address", "status", "tags", "merge_fields", "timestamp_opt")
WITHOUT_REQUIRED = {"skip_merge_validation": "true"}  # fields of others must keep no member out
MAX_CONNECTIONS = 10  # Mailchimp's cap, over everything; how many there are is leased elsewhere
BULK_TIMEOUT_SECONDS = 60  # hundreds of members take Mailchimp longer than one
SAFE_ID = re.compile(r"[A-Za-z0-9_-]+")
JSON = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Journey:
    """A customer journey's step with an API trigger."""

    journey_id: int
    step_id: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Automation:
    """An e-mail of a classic automation."""

    workflow_id: str
    email_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactFields:
    """What an upsert sets. Without `status` a contact keeps the one it has; a new one gets `status_if_new`."""

    email: str
    merge_fields: Mapping[str, str]
    status_if_new: str
    status: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AudienceMember:
    """A contact as Mailchimp has it; `hash` is its key. Answers to bulk calls may come without tags."""

    hash: str
    status: str
    tags: frozenset[str]
    merge_fields: Mapping[str, Any]
    opted_in_at: datetime | None  # when she subscribed, or was subscribed, for the first time


@dataclass(frozen=True, kw_only=True, slots=True)
class MergeField:
    """A field of the audience's contacts."""

    tag: str
    type: str
    is_required: bool


def connect(access: VendorAccess) -> Mailchimp:
    """Return a client of the connection `mailchimp`."""
    account = access.account("mailchimp")
    return Mailchimp(
        account.password,
        base_url=account.host,
        list_id=str(account.extra.get("list_id", "")),
        timeout_seconds=access.settings.vendor_timeout_seconds,
        welcome=_welcome_from(account.extra, access.settings.welcome),
    )


def _welcome_from(extra: Mapping[str, Any], kind: str) -> Journey | Automation | None:
    """Return what welcomes a new member, from the extras of the connection."""
    if kind == "journey":
        return Journey(journey_id=int(extra["journey_id"]), step_id=int(extra["journey_step_id"]))
    if kind == "automation":
        return Automation(
            workflow_id=str(extra["workflow_id"]), email_id=str(extra["workflow_email_id"])
        )
    return None


class Mailchimp:
    """One audience and its welcome. May be used by several threads."""

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str,
        list_id: str,
        timeout_seconds: float,
        welcome: Journey | Automation | None,
    ) -> None:
        """Call `base_url`, which ends in `/3.0`; nothing is sent yet."""
        if not SAFE_ID.fullmatch(list_id):
            raise PermanentVendorError("Mailchimp: the list id has characters that no list id has")
        client = _PooledApiClient(api_key, base_url, timeout_seconds)
        bulk_client = _PooledApiClient(api_key, base_url, BULK_TIMEOUT_SECONDS)
        self._bulk_lists = ListsApi(bulk_client)  # type: ignore[no-untyped-call]
        self._lists = ListsApi(client)  # type: ignore[no-untyped-call]
        self._journeys = CustomerJourneysApi(client)  # type: ignore[no-untyped-call]
        self._automations = AutomationsApi(client)  # type: ignore[no-untyped-call]
        self._list_id = list_id
        self._welcome = welcome

    def read_member(self, key: str) -> AudienceMember:
        """Return the contact of a hash; VendorNotFoundError where there is none."""
        answer = _call(self._lists.get_list_member, self._list_id, key, fields=list(MEMBER_FIELDS))
        return _audience_member(_json(answer))

    def upsert_member(self, fields: ContactFields) -> AudienceMember:
        """Create or change a contact, and return it as it is now. Repeating it is harmless."""
        body = _body_of(fields, status_if_new=fields.status_if_new)
        key = subscriber_hash(fields.email)
        answer = _call(self._lists.set_list_member, self._list_id, key, body, **WITHOUT_REQUIRED)
        return _audience_member(_json(answer))

    def update_member(self, key: str, fields: ContactFields) -> AudienceMember:
        """Change the contact of a hash whose address we do not know any more."""
        body = {name: value for name, value in _body_of(fields).items() if name != "email_address"}
        update = self._lists.update_list_member
        return _audience_member(_json(_call(update, self._list_id, key, body, **WITHOUT_REQUIRED)))

    def move_member(self, old_hash: str, email: str) -> None:
        """Give a contact another address: it keeps its history and gets another hash.

        Raises AddressTakenError where that address is a contact already, VendorNotFoundError where
        there is none of the old hash, PermanentVendorError where the contact is not subscribed.
        """
        body = {"email_address": email}
        _call(self._lists.update_list_member, self._list_id, old_hash, body, **WITHOUT_REQUIRED)

    def archive_member(self, old_hash: str) -> None:
        """Take a contact out of the audience; it can come back."""
        _call(self._lists.delete_list_member, self._list_id, old_hash)

    def set_tags(self, key: str, tags: Mapping[str, bool], *, is_silent: bool = False) -> None:
        """Give (true) and take (false) tags of the contact of a hash. Unless `is_silent`, automations on them start."""
        states = [
            {"name": name, "status": "active" if is_on else "inactive"}
            for name, is_on in tags.items()
        ]
        _call(
            self._lists.update_list_member_tags,
            self._list_id,
            key,
            {"tags": states, **({"is_syncing": True} if is_silent else {})},
        )

    def upsert_members(
        self, members: Sequence[ContactFields], *, update_existing: bool
    ) -> dict[str, AudienceMember | VendorError]:
        """Create up to 500 contacts, or change them too; return each one as it is now, or its error.

        The answers' keys are addresses in lower case. Without `update_existing` a contact that exists
        is an AddressTakenError. The call has no `status_if_new`: a new contact gets `status`.
        """
        bodies = [_body_of(fields) for fields in members]
        body = {"members": bodies, "update_existing": update_existing}
        call = self._bulk_lists.batch_list_members
        answer = _json(_call(call, self._list_id, body, **WITHOUT_REQUIRED))
        found: dict[str, AudienceMember | VendorError] = {
            member["email_address"].lower(): _audience_member(member)
            for member in (*answer["new_members"], *answer["updated_members"])
        }
        failed = {e["email_address"].lower(): bulk_error_from(e) for e in answer["errors"]}
        return found | failed

    def list_members(self) -> Iterator[AudienceMember]:
        """Return the whole audience, those who are asleep too."""
        for status in ("", "archived"):
            for offset in count(0, MEMBERS_PAGE):
                page = _json(
                    _call(
                        self._bulk_lists.get_list_members_info,
                        self._list_id,
                        count=MEMBERS_PAGE,
                        offset=offset,
                        fields=[f"members.{name}" for name in MEMBER_FIELDS],
                        **({"status": status} if status else {}),
                    )
                )["members"]
                yield from map(_audience_member, page)
                if len(page) < MEMBERS_PAGE:
                    break

    def list_audiences(self) -> dict[str, str]:
        """Return the names of all audiences of the account, by their ids."""
        fields = ["lists.id", "lists.name"]
        answer = _call(self._lists.get_all_lists, count=MEMBERS_PAGE, fields=fields)
        return {str(one["id"]): str(one["name"]) for one in _json(answer)["lists"]}

    def list_merge_fields(self) -> list[MergeField]:
        """Return the fields that contacts of the audience have; VendorNotFoundError where there is no audience."""
        answer = _call(self._lists.get_list_merge_fields, self._list_id, count=MEMBERS_PAGE)
        return [
            MergeField(
                tag=str(field["tag"]), type=str(field["type"]), is_required=bool(field["required"])
            )
            for field in _json(answer)["merge_fields"]
        ]

    def list_tags(self) -> dict[str, int]:
        """Return the ids of all tags: a tag is a static segment."""
        answer = _call(
            self._lists.list_segments,
            self._list_id,
            type="static",
            count=1000,
            fields=["segments.id", "segments.name"],
        )
        return {segment["name"]: segment["id"] for segment in _json(answer)["segments"]}

    def create_tag(self, name: str) -> int:
        """Make a tag that nobody has yet, and return its id."""
        body = {"name": name, "static_segment": []}
        return int(_json(_call(self._lists.create_segment, self._list_id, body))["id"])

    def change_tag(self, tag_id: int, *, give: Iterable[str], take: Iterable[str]) -> set[str]:
        """Give one tag to up to 500 addresses and take it from as many; return the unknown ones."""
        body = {"members_to_add": list(give), "members_to_remove": list(take)}
        answer = _json(
            _call(self._bulk_lists.batch_segment_members, body, self._list_id, str(tag_id))
        )
        return {email.lower() for error in answer["errors"] for email in error["email_addresses"]}

    def check_welcome(self) -> bool:
        """Look for the welcome and start nothing; False where Mailchimp has no call that could tell.

        Of a journey it has only the one that starts it.
        """
        if not isinstance(self._welcome, Automation):
            return False
        read = self._automations.get_workflow_email_subscriber_queue
        _call(read, self._welcome.workflow_id, self._welcome.email_id)
        return True

    def trigger_welcome(self, email: str) -> None:
        """Start the welcome for a contact. Must not be repeated: a lost answer is a VendorUncertainError."""
        body = {"email_address": email}
        match self._welcome:
            case Journey(journey_id=journey_id, step_id=step_id):
                _call_once(self._journeys.trigger, str(journey_id), str(step_id), body)
            case Automation(workflow_id=workflow_id, email_id=email_id):
                add = self._automations.add_workflow_email_subscriber
                _call_once(add, workflow_id, email_id, body)
            case None:
                raise PermanentVendorError("Mailchimp: no welcome is configured")


def subscriber_hash(email: str) -> str:
    """Return Mailchimp's key of an address: the MD5 of it in lower case."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()


class _PooledApiClient(ApiClient):
    """The package's client over connections that are kept and shared by its threads."""

    def __init__(self, api_key: str, base_url: str, timeout_seconds: float) -> None:
        nothing_to_replace = {"server": ""}
        config = {"api_key": api_key, "timeout": timeout_seconds, **nothing_to_replace}
        super().__init__(config)  # type: ignore[no-untyped-call]
        self.host = base_url.rstrip("/")
        self._session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=MAX_CONNECTIONS)
        self._session.mount(self.host, adapter)

    def request(
        self,
        method: str,
        url: str,
        query_params: Any = None,
        headers: dict[str, str] | None = None,
        body: Any = None,
    ) -> requests.Response:
        return self._session.request(
            method,
            url,
            params=query_params,
            headers=headers,
            auth=("user", self.api_key),
            timeout=self.timeout,
            data=None if body is None else orjson.dumps(body),
        )


def _call(function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Make a call that may be repeated."""
    return _checked(function, arguments, options, repeatable=True)


def _call_once(function: Callable[..., Any], *arguments: Any) -> Any:
    """Make a call that must not be repeated unless it surely did not arrive."""
    return _checked(function, arguments, {}, repeatable=False)


def _checked(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    options: JSON,
    *,
    repeatable: bool,
) -> Any:
    try:
        answer = function(*arguments, **options)
    except ApiClientError as error:
        if error.status_code is None:
            failure = network_error_from(error.text, repeatable=repeatable)
        else:
            failure = error_from(error.status_code, error.text, repeatable=repeatable)
        raise failure.by(VENDOR) from None
    if isinstance(answer, requests.Response) and not answer.ok:
        raise error_from(answer.status_code, "", repeatable=repeatable).by(VENDOR)
    return answer


def _audience_member(member: JSON) -> AudienceMember:
    return AudienceMember(
        hash=subscriber_hash(str(member["email_address"])),
        status=str(member["status"]),
        tags=frozenset(str(tag["name"]) for tag in member.get("tags") or ()),
        merge_fields=member.get("merge_fields") or {},
        opted_in_at=_moment(member.get("timestamp_opt")),
    )


def _moment(text: object) -> datetime | None:
    """Return a moment with a time zone; None where Mailchimp says none that we can read."""
    try:
        moment = datetime.fromisoformat(str(text or ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _json(answer: Any) -> JSON:
    if not isinstance(answer, dict):
        raise error_from(HTTPStatus.BAD_GATEWAY, "", repeatable=True).by(VENDOR)
    return answer


def _body_of(fields: ContactFields, **more: str) -> JSON:
    status = {} if fields.status is None else {"status": fields.status}
    return {
        "email_address": fields.email,
        "merge_fields": dict(fields.merge_fields),
        **status,
        **more,
    }
