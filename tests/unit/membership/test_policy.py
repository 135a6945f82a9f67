"""The policy file: what it may say, and how a mistake in it is refused."""

from datetime import timedelta

import jsonschema
import pytest
import yaml

from include.membership.policy import FILE, PolicyError, load, policy_from
from include.membership.policy_schema import TARGET, document

ONE = """\
plans:
  - tier: gold
    products: [prod_gold]
  - tier: silver
    prices: [price_silver]
welcome: {within: 30d}
access:
  past_due: {for: 14d}
  unpaid: ended
  paused: none
clerk_user_id: [client_reference_id]
"""
SCHEMA = yaml.safe_load(document())


def test_shipped_policy_names_the_sandboxs_price_list():
    """What the repository ships fits the sandbox: the tiers in order of rank, everything else ignored."""
    policy = load()

    assert policy.tiers == ("leader", "pro", "community")
    assert policy.other_subscriptions == "ignore"


def test_what_is_left_out_has_the_defaults_of_the_document():
    """A file that names its plans is enough."""
    policy = policy_from("plans: [{tier: gold, products: [prod_gold]}]")

    assert policy == policy_from(
        "plans: [{tier: gold, products: [prod_gold]}]\n"
        "other_subscriptions: ignore\n"
        "access: {past_due: {for: 14d}, unpaid: ended, paused: none}\n"
        "welcome: {within: 30d}\n"
        "refunds: {full: end, proration: ignore}\n"
        "disputes: {lost: end}\n"
        "clerk_user_id: [client_reference_id, metadata.clerk_user_id]\n"
        "test_mode: ignore\n"
        "merge_fields: {TIER: tier}\n"
        'tags: {"{}": tier}\n'
    )
    assert policy.access.past_due.for_ == timedelta(days=14)
    assert policy.access.unpaid.for_ == timedelta(0)


@pytest.mark.parametrize(
    ("old", "new", "refusal"),
    [
        ("tier: gold", "teir: gold", "2:11: unknown key teir; did you mean tier?"),
        ("    products", "   products", "3:4: not YAML"),
        ("welcome:", "welcom:", "6:9: unknown key welcom; did you mean welcome?"),
        ("within: 30d", "withn: 30d", "6:18: unknown key withn; did you mean within?"),
        ("within: 30d", "within: 30 days", "6:19: a time like"),
        ("for: 14d", "for: fortnight", "8:19: a time like"),
        ("paused: none", "paused: maybe", "10:11: paused: one of 'none' or 'full'"),
        ("tier: gold", "tier: Active", "2:11: tier Active: a standing has this name"),
        ("tier: gold", "tier: past due", "2:11: tier past due: a standing has this name"),
        ("tier: gold", f"tier: {'x' * 51}", "2:11: tier: 1 to 50 characters"),
        ("[prod_gold]", "[price_gold]", "3:16: price_gold is no id of products"),
        ("[price_silver]", "[price_silver, price_silver]", "5:28: price_silver is named"),
        ("welcome:", "merge_fields: {FNAME: tier}\nwelcome:", "6:23: FNAME has her name"),
        ("welcome:", "merge_fields: {JOINED: teir}\nwelcome:", "6:24: JOINED: one of 'tier',"),
        ("welcome:", "tags: {Alumni: tier}\nwelcome:", "6:16: tag Alumni: a standing has this"),
        ("    prices: [price_silver]\n", "", "4:5: silver: name products, prices or lookup_keys"),
        (
            "[client_reference_id]",
            "[client_reference]",
            "11:17: client_reference_id or metadata.<key> is expected; did you mean client_ref",
        ),
        (
            "welcome: {within: 30d}",
            "welcome: {within: 30d, within: 1d}",
            "6:24: within is there twice",
        ),
    ],
)
def test_mistake_is_refused_by_its_place(old, new, refusal):
    """File, line and column, what is wrong, and the nearest right word."""
    with pytest.raises(PolicyError) as refused:
        policy_from(ONE.replace(old, new), file="membership.yaml")

    assert f"membership.yaml:{refusal}" in str(refused.value)


def test_every_mistake_is_told_at_once():
    """Two mistakes are two lines, from the top of the file down."""
    with pytest.raises(PolicyError) as refused:
        policy_from(ONE.replace("tier: gold", "tier: alumni").replace("for: 14d", "for: 2w"))

    assert [line.split(":")[1] for line in str(refused.value).splitlines()] == ["2", "8"]


def test_policy_without_plans_is_refused():
    """Nobody would be a member; who takes every subscription needs none."""
    with pytest.raises(PolicyError, match="none are named"):
        policy_from("plans: []")

    assert policy_from("other_subscriptions: member").plans == ()


def test_missing_file_is_told(tmp_path):
    """One line, as for any other mistake."""
    with pytest.raises(PolicyError, match=r"gone\.yaml: cannot be read"):
        load(tmp_path / "gone.yaml")


def test_schema_is_what_the_models_say():
    """`python -m include.membership.policy_schema` writes it anew."""
    assert TARGET.read_text(encoding="utf-8") == document()


def test_shipped_policy_fits_its_schema():
    """What we read, an editor does not complain about; it finds the schema by the first line."""
    text = FILE.read_text(encoding="utf-8")

    jsonschema.Draft202012Validator(SCHEMA).validate(yaml.safe_load(text))
    assert text.splitlines()[0].endswith(f"$schema={TARGET.name}")


@pytest.mark.parametrize(
    "change",
    [
        {"plans": [{"teir": "gold"}]},
        {"welcome": {"within": "30 days"}},
        {"access": {"unpaid": "never"}},
        {"clerk_user_id": ["id"]},
        {"other_subscription": "ignore"},
    ],
)
def test_mistakes_do_not_fit_the_schema(change):
    """What we refuse, an editor underlines."""
    tree = {**yaml.safe_load(FILE.read_text(encoding="utf-8")), **change}

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(tree)
