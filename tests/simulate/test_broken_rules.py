"""The simulation finds a rule that is broken on purpose: the jobs are told another rule than the oracle.

`./ops test simulate --long`: how long it takes is chance, minutes in all.
"""

from dataclasses import replace

import pytest
import yaml

from include.membership import desired_contact, identity_map, policy
from tests.simulate.history import POLICY, DifferenceError
from tests.simulate.lives import live

pytestmark = [pytest.mark.only_with("--long"), pytest.mark.timeout(0)]
ATTEMPTS = 30
OTHER_POLICIES = {
    "what else the shop sells makes members": {"other_subscriptions": "member"},
    "who is late keeps all for two months": {"access": {"past_due": {"for": "60d"}}},
    "test mode counts": {"test_mode": "take"},
    "nobody is new": {"welcome": {"within": "0d"}},
}


@pytest.mark.parametrize("rule", OTHER_POLICIES)
def test_other_policy_is_found(rule, new_history, monkeypatch, tmp_path):
    """A policy that says something else in one place leads to a difference."""
    file = tmp_path / "membership.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(POLICY.read_text()) | OTHER_POLICIES[rule]))
    monkeypatch.setattr(policy, "FILE", file)

    assert is_found(new_history)


def test_first_item_that_decides_is_found(new_history, monkeypatch):
    """An add-on that stands first hides the plan."""
    whole = identity_map.placement_of

    def of_first(subscription, policy):
        return whole(replace(subscription, items=subscription.items[:1]), policy)

    monkeypatch.setattr(identity_map, "placement_of", of_first)

    assert is_found(new_history)


def test_forgotten_canceling_is_found(new_history, monkeypatch):
    """Nobody is shown as leaving."""
    whole = desired_contact.tags_of
    monkeypatch.setattr(
        desired_contact, "tags_of", lambda one, *rest: whole(one, *rest) - {"canceling"}
    )

    assert is_found(new_history)


def is_found(new_history):
    """Tell whether some histories show that a rule is broken."""
    for number in range(ATTEMPTS):
        try:
            live(new_history, seed_number=number, shrink_seconds=0)
        except DifferenceError:
            return True
    return False
