"""People: `users.*`."""

from include.lab.sandbox.slack.arguments import Arguments, document, required, text
from include.lab.sandbox.slack.errors import done, refused
from include.lab.sandbox.slack.methods import method
from include.lab.sandbox.slack.pages import page_of
from include.lab.sandbox.slack.people import FIELD, SETTABLE, WorkspaceUser
from include.lab.sandbox.slack.state import OWNER, SlackState
from include.lab.sandbox.wire import Answer, Json


@method("users.list")
def list_users(state: SlackState, arguments: Arguments, _reader: str) -> Answer:
    """Return a page of everybody: deactivated people, guests and bots too, but nobody of another workspace."""
    people = [person for person in state.people.by_id.values() if not person.is_stranger]
    page, metadata = page_of(people, arguments, usual=1000)
    members = [person.document() for person in page]
    return done(members=members, cache_ts=state.now(), response_metadata=metadata)


@method("users.info")
def user_info(state: SlackState, arguments: Arguments, _reader: str) -> Answer:
    """Return one person."""
    return done(user=state.people.get(required(arguments, "user")).document())


@method("users.lookupByEmail")
def lookup_by_email(state: SlackState, arguments: Arguments, _reader: str) -> Answer:
    """Return who has an address; a deactivated person is not found."""
    person = state.people.by_email(required(arguments, "email"))
    if person is None or person.is_deactivated:
        raise refused("users_not_found")
    return done(user=person.document())


@method("users.profile.get")
def get_profile(state: SlackState, arguments: Arguments, reader: str) -> Answer:
    """Return somebody's profile, or one's own."""
    return done(profile=state.people.get(text(arguments, "user") or reader).shown_profile())


@method("users.profile.set")
def set_profile(state: SlackState, arguments: Arguments, reader: str) -> Answer:
    """Change a profile: another's only with the token of a person who runs the workspace."""
    person = state.people.get(text(arguments, "user") or reader)
    if reader != OWNER:
        raise refused("not_allowed_token_type")
    if person.is_bot:
        raise refused("user_is_bot")
    if person.role in ("primary_owner", "owner") and person.id != reader:
        raise refused("cannot_update_admin_user")
    _change(person, _wish_from(arguments))
    person.updated = state.now()
    return done(profile=person.shown_profile(), username=person.name)


def _wish_from(arguments: Arguments) -> Json:
    """Return what to change: a whole `profile`, or one `name` and `value`."""
    wish = document(arguments, "profile", "invalid_profile")
    if wish is None and "name" in arguments:
        wish = {text(arguments, "name"): text(arguments, "value")}
    if not isinstance(wish, dict) or not wish:
        raise refused("invalid_profile")
    return wish


def _change(person: WorkspaceUser, wish: Json) -> None:
    """Take over a wish, whole or not at all."""
    fields = wish.get("fields", {})
    if not isinstance(fields, dict) or fields.keys() - {FIELD}:
        raise refused("invalid_profile")
    if any(not isinstance(field, dict) or "value" not in field for field in fields.values()):
        raise refused("invalid_profile")
    plain = {name: value for name, value in wish.items() if name != "fields"}
    if plain.keys() - set(SETTABLE):
        raise refused("invalid_profile")
    person.profile |= plain
    for name, field in fields.items():
        person.fields[name] = {"value": str(field["value"]), "alt": str(field.get("alt", ""))}
        if not person.fields[name]["value"]:
            del person.fields[name]
