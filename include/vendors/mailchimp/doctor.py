"""Does Mailchimp know our key, and has the audience what jobs write: fields, tags, the welcome."""

from collections.abc import Callable, Iterator
from typing import Final

from include.check_results import CheckContext, CheckResult, failed, not_configured, ok, warning
from include.errors import VendorNotFoundError
from include.membership.desired_contact import STANDING_TAGS, fields_named_by
from include.membership.policy import shipped
from include.vendors.mailchimp.client import MergeField, connect
from include.vendors.manifest import VendorAccess

TEXT_FIELDS: Final = frozenset({"text", "dropdown", "radio"})


def look(access: VendorAccess, context: CheckContext) -> Iterator[CheckResult]:
    """Read the audience's fields and tags, and look for the welcome."""
    mailchimp = connect(access)
    try:
        fields = mailchimp.list_merge_fields()
    except VendorNotFoundError:
        advice = "set `list_id` in the extras of the connection to the audience's id"
        yield failed("Mailchimp: audience", "there is none of this id", advice)
    else:
        yield ok("Mailchimp: audience", "is there")
        yield _merge_fields(fields)
        yield _tags(mailchimp.list_tags())
    yield _welcome(context, found=mailchimp.check_welcome)


def _merge_fields(fields: list[MergeField]) -> CheckResult:
    name, named = "Mailchimp: merge fields", fields_named_by(shipped())
    kinds = {field.tag: field.type for field in fields}
    missing = [tag for tag in named if tag not in kinds]
    if missing:
        advice = "add them to the audience as fields of type text"
        return failed(name, f"the audience lacks {', '.join(missing)}", advice)
    if other := [tag for tag in named if kinds[tag] not in TEXT_FIELDS]:
        return failed(name, f"no text: {', '.join(other)}", "make them fields of type text")
    if needed := [one.tag for one in fields if one.is_required and one.tag not in named]:
        advice = "make them optional: members come without them, and the audience's own forms ask for them"
        return warning(name, f"the audience requires {', '.join(needed)}", advice)
    return ok(name, f"{', '.join(named)} are there")


def _tags(known: dict[str, int]) -> CheckResult:
    missing = sorted(set(STANDING_TAGS.values()) - set(known))
    later = f"; {', '.join(missing)} come with the first member" if missing else ""
    return ok("Mailchimp: tags", f"can be read{later}")


def _welcome(context: CheckContext, *, found: Callable[[], bool]) -> CheckResult:
    name, kind = "Mailchimp: welcome", context.jobs.welcome
    if kind == "off":
        return not_configured(name, "new members are not welcomed (OPS_WELCOME)")
    try:
        was_asked = found()
    except VendorNotFoundError:
        advice = "set `workflow_id` and `workflow_email_id` in the extras of the connection"
        return failed(name, f"Mailchimp does not know the {kind}", advice)
    if was_asked:
        return ok(name, f"the {kind} is there")
    return ok(name, f"the {kind}'s ids have the right form; no call shows it without starting it")


LOOKS: Final = {"Mailchimp": look}
