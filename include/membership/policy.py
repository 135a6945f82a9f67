"""`include/membership.yaml`: what makes a member, read strictly, with line, column and the nearest right word."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from include import strict_yaml
from include.strict_yaml import FileError, Problems, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE: Final = Path(__file__).resolve().parents[1] / "membership.yaml"

DURATION: Final = re.compile(r"(0|[1-9][0-9]{0,3})(h|d)")
UNITS: Final = {"h": "hours", "d": "days"}
STANDING_NAMES: Final = ("active", "alumni", "canceling", "past_due", "paused")
"""Tags that a standing has; a tier must not be named like one."""

MAX_TIER: Final = 50  # Mailchimp takes 100 characters in a tag's name
VALUE: Final = "{}"  # in a tag's name: where the fact's value goes
Fact = Literal["tier", "first_active_at", "first_active_year", "ends_at"]
"""What is known of a member and can be shown at Mailchimp, in a merge field or as a tag."""
NAMES_FIELDS: Final = ("FNAME", "LNAME")
"""The merge fields of her names, which every audience has."""
USUAL_FIELDS: Final[dict[str, Fact]] = {"TIER": "tier"}
USUAL_TAGS: Final[dict[str, Fact]] = {VALUE: "tier"}
METADATA: Final = "metadata."
ACCOUNT_PLACES: Final = ("client_reference_id", "metadata.clerk_user_id")


class PolicyError(FileError):
    """The membership policy cannot be used; one line per problem."""


def duration_from(value: object) -> timedelta:
    """Return `14d` as a timedelta."""
    if isinstance(value, timedelta):
        return value
    match = DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError("duration", "a time like 36h or 14d is expected")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


def _grace_from(value: object) -> object:
    """Accept `ended` for no grace at all."""
    return {"for": "0d"} if value == "ended" else value


def _place_from(value: object) -> str:
    """Return a place where an object of Stripe's may name a Clerk user."""
    if isinstance(value, str) and (
        value == ACCOUNT_PLACES[0] or re.fullmatch(r"metadata\.[^\s.]{1,40}", value)
    ):
        return value
    context = {"hint": nearest(str(value), ACCOUNT_PLACES)}
    raise PydanticCustomError(
        "policy", "client_reference_id or metadata.<key> is expected{hint}", context
    )


def _tier_from(value: object) -> str:
    """Return a tier's name, which becomes a tag and a merge field."""
    if not isinstance(value, str) or not value.strip() or len(value.strip()) > MAX_TIER:
        longest = {"longest": MAX_TIER}
        raise PydanticCustomError("policy", "tier: 1 to {longest} characters are expected", longest)
    tier = value.strip()
    if tier.lower().replace(" ", "_") in STANDING_NAMES:
        context = {"tier": tier}
        raise PydanticCustomError(
            "policy", "tier {tier}: a standing has this name; call the tier something else", context
        )
    return tier


def _field_from(value: object) -> object:
    """Refuse the fields that are filled without being named."""
    if value in NAMES_FIELDS:
        context = {"field": value}
        raise PydanticCustomError("policy", "{field} has her name, whatever is said here", context)
    return value


def _tag_from(value: object) -> object:
    """Refuse a tag that a standing has: it would be given and taken by two."""
    if isinstance(value, str) and value.strip().lower().replace(" ", "_") in STANDING_NAMES:
        context = {"tag": value.strip()}
        raise PydanticCustomError(
            "policy", "tag {tag}: a standing has this name; call the tag something else", context
        )
    return value


PolicyDuration = Annotated[
    timedelta,
    BeforeValidator(duration_from),
    WithJsonSchema({"type": "string", "pattern": f"^{DURATION.pattern}$", "examples": ["14d"]}),
]
PlanId = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^\S+$")]
MergeFieldTag = Annotated[
    str, BeforeValidator(_field_from), Field(pattern=r"^[A-Z][A-Z0-9_]{0,9}$")
]
TagName = Annotated[str, BeforeValidator(_tag_from), Field(min_length=1, max_length=50)]


class _Part(BaseModel):
    """A part of the file: nothing in it is ignored, and nothing changes once it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Plan(_Part):
    """What of Stripe's price list is a tier of membership."""

    tier: Annotated[
        str,
        BeforeValidator(_tier_from),
        WithJsonSchema({"type": "string", "minLength": 1, "maxLength": MAX_TIER}),
    ]
    products: tuple[PlanId, ...] = Field(default=(), description="ids of products: prod_…")
    prices: tuple[PlanId, ...] = Field(default=(), description="ids of prices: price_…")
    lookup_keys: tuple[PlanId, ...] = Field(
        default=(), description="lookup keys of prices; where an id tells, the id counts"
    )

    def names(self) -> Iterator[tuple[str, int, str]]:
        """Return every id that it names, with its place in the file."""
        for kind in ("products", "prices", "lookup_keys"):
            for index, one in enumerate(getattr(self, kind)):
                yield kind, index, one


class GracePeriod(_Part):
    """How long a standing keeps what a membership opens."""

    for_: PolicyDuration = Field(alias="for", description="0d is at once")


GraceOrEnded = Annotated[
    GracePeriod,
    BeforeValidator(_grace_from),
    WithJsonSchema(
        {
            "oneOf": [
                {"const": "ended"},
                {
                    "type": "object",
                    "properties": {"for": {"type": "string", "pattern": f"^{DURATION.pattern}$"}},
                    "required": ["for"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


class Access(_Part):
    """What a standing opens, at the platform and at each vendor alike."""

    past_due: GraceOrEnded = Field(
        default=GracePeriod(**{"for": "14d"}),
        description="a payment failed: so long, from the first failed payment, all stays; then as ended",
    )
    unpaid: GraceOrEnded = Field(
        default=GracePeriod(**{"for": "0d"}), description="Stripe has given up collecting"
    )
    paused: Literal["none", "full"] = Field(
        default="none", description="the subscription, or collecting for it, is paused"
    )


class Welcome(_Part):
    """Who is welcomed."""

    within: PolicyDuration = Field(
        default=timedelta(days=30), description="of the start of her first paid membership"
    )


class RefundPolicy(_Part):
    """What money that was paid back means."""

    full: Literal["end", "ignore"] = Field(default="end", description="what a period had cost")
    proration: Literal["ignore", "end"] = Field(
        default="ignore", description="a difference, such as an upgrade's"
    )


class Disputes(_Part):
    """What a dispute means."""

    lost: Literal["end", "ignore"] = "end"


class Policy(_Part):
    """The file."""

    plans: tuple[Plan, ...] = Field(
        default=(), description="in order of rank: the first one that she has is hers"
    )
    other_subscriptions: Literal["ignore", "member"] = Field(
        default="ignore", description="subscriptions of the same Stripe account that no plan names"
    )
    access: Access = Access()
    welcome: Welcome = Welcome()
    refunds: RefundPolicy = RefundPolicy()
    disputes: Disputes = Disputes()
    clerk_user_id: tuple[
        Annotated[
            str,
            BeforeValidator(_place_from),
            WithJsonSchema(
                {"type": "string", "pattern": r"^(client_reference_id|metadata\.[^\s.]{1,40})$"}
            ),
        ],
        ...,
    ] = Field(
        default=ACCOUNT_PLACES,
        description="where checkouts, subscriptions and customers name her Clerk account",
    )
    test_mode: Literal["ignore", "take"] = Field(
        default="ignore", description="Stripe's test events where the key is a live one"
    )
    merge_fields: dict[MergeFieldTag, Fact] = Field(
        default=USUAL_FIELDS, description="Mailchimp's merge fields beside those of her names"
    )
    tags: dict[TagName, Fact] = Field(
        default=USUAL_TAGS,
        description="tags beside those of the standings, while a membership lasts; {} is the value",
    )

    @property
    def tiers(self) -> tuple[str, ...]:
        """Return the tiers, the highest rank first."""
        return tuple(dict.fromkeys(plan.tier for plan in self.plans))


def load(path: Path = FILE) -> Policy:
    """Return the policy of a file; raise PolicyError naming file, line and column of each problem."""
    return policy_from(strict_yaml.text_of(path, PolicyError), file=path.name)


def shipped() -> Policy:
    """Return the policy of this installation, read again when its file has changed; raise PolicyError."""
    changed_ns = FILE.stat().st_mtime_ns if FILE.exists() else 0
    return _as_of(FILE, changed_ns)


@cache
def _as_of(file: Path, _changed_ns: int) -> Policy:
    return load(file)


def policy_from(text: str, *, file: str = FILE.name) -> Policy:
    """Return the policy that a file's text says; raise PolicyError."""
    return strict_yaml.read(text, Policy, file=file, check=_check, error_class=PolicyError)


def _check(policy: Policy, problems: Problems) -> None:
    """Look at what a single field cannot know: ids that stand for two plans, plans that name nothing."""
    if not policy.plans and policy.other_subscriptions == "ignore":
        problems.add(("plans",), "plans: none are named, so that nobody would be a member")
    seen: dict[tuple[str, str], str] = {}
    for number, plan in enumerate(policy.plans):
        if not any(plan.names()):
            problems.add(
                ("plans", number), f"{plan.tier}: name products, prices or lookup_keys of it"
            )
        _check_names(number, plan, seen, problems)


def _check_names(
    number: int, plan: Plan, seen: dict[tuple[str, str], str], problems: Problems
) -> None:
    for kind, index, name in plan.names():
        place: tuple[Any, ...] = ("plans", number, kind, index)
        prefix = {"products": "prod_", "prices": "price_"}.get(kind)
        other = {"products": "price_", "prices": "prod_"}.get(kind)
        if other and name.startswith(other):
            problems.add(place, f"{name} is no id of {kind}: they begin with {prefix}")
        if (kind, name) in seen:
            problems.add(place, f"{name} is named by the plan {seen[kind, name]} above")
        seen.setdefault((kind, name), plan.tier)
