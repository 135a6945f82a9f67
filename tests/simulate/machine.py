"""The state machine: members live for months, and Hypothesis looks for a history that ends wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tests.simulate.history import NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence

PLANS = ("community", "pro", "leader")
ANYBODY = {"who": NAMES}

ACTS: dict[str, dict[str, Sequence[Any]]] = {
    "sign_up": ANYBODY,
    "rename": ANYBODY | {"last_name": ("King", "Hopper", "Müller")},
    "move_address": ANYBODY | {"how": ("only", "second")},
    "delete_account": ANYBODY,
    "come_back": ANYBODY,
    "bar": ANYBODY | {"becomes": ("banned", "unbanned", "locked", "unlocked")},
    "read_newsletter": ANYBODY,
    "unsubscribe": ANYBODY,
    "join": ANYBODY
    | {
        "plan": PLANS,
        "terms": ("plain", "yearly", "add_on", "trial", "fixed_term", "declined"),
        "named_in": ("client_reference_id", "session", "subscription", "customer"),
        "as_new_customer": (False, True),
        "is_named": (True, False),
    },
    "pay_twice": ANYBODY
    | {"plan": PLANS, "as_new_customer": (False, True), "is_named": (True, False)},
    "other_name": ANYBODY,
    "move_key": {},
    "buy_else": ANYBODY | {"what": ("hosting", "donation")},
    "test_mode": ANYBODY,
    "try_cards": ANYBODY,
    "card": ANYBODY | {"works": (False, True)},
    "cancel": ANYBODY,
    "keep": ANYBODY,
    "cancel_now": ANYBODY | {"refund": ("none", "prorated", "full")},
    "give_up": ANYBODY | {"how": ("payment_given_up", "payment_left_open")},
    "pause": ANYBODY | {"how": ("pause", "pause_collection")},
    "go_on": ANYBODY,
    "upgrade": ANYBODY | {"plan": ("pro", "leader"), "refunds_difference": (False, True)},
    "money_back": ANYBODY | {"cents": (None, 100)},
    "refund_taken_back": ANYBODY | {"becomes": ("failed", "canceled")},
    "dispute": ANYBODY | {"becomes": ("created", "won", "lost")},
    "delete_customer": ANYBODY,
    "pass_days": {"days": (1, 3, 10, 20, 31, 45)},
    "pass_months": {"months": (1, 3, 6)},
    "live_on": {"months": (6, 12, 18)},
    "break_down": {
        "vendor": ("stripe", "clerk", "mailchimp"),
        "times": (1, 2, 3),
        "status": (429, 500, 503),
    },
    "deliver": {
        "order": ("in_order", "shuffled"),
        "seed": range(10),
        "copies": (1, 2),
        "at_once": (1000, 7, 1),
        "version": ("new", "old"),
    },
    "lose": {"seed": range(10)},
    "calm": {},
}
"""What may happen, and how: each act is a method of `History`."""

OFF: dict[str, str] = {}
"""What the jobs do not answer rightly yet, as `act` or `act detail=value`, each with the reason; in the end none."""


class Life(RuleBasedStateMachine):
    """A community of eight, with one more who is always a member; each run has a history of its own."""

    begin: Any = None  # gives the world of a history; set by the test
    count: Any = None  # is given the history when it is over

    def __init__(self) -> None:
        """Begin with nobody."""
        super().__init__()
        self.world = type(self).begin()
        self.history = self.world.__enter__()

    def teardown(self) -> None:
        """Look at everybody a last time, and leave nothing behind."""
        try:
            if not self.history.has_failed:
                self.history.do("calm")
            type(self).count(self.history)
        finally:
            self.world.__exit__(None, None, None)

    @initialize(seats=st.lists(st.sampled_from(PLANS), min_size=4, max_size=len(NAMES)))
    def let_some_join(self, seats: list[str]) -> None:
        """Have members from the start, so that months have somebody to pass for."""
        for who, plan in zip(NAMES, seats, strict=False):
            self.history.do("sign_up", who=who)
            self.history.do("join", who=who, plan=plan)
        self.history.do("deliver")


def act_of(name: str) -> Any:
    """Return the rule of an act."""

    def happen(self: Life, **details: Any) -> None:
        self.history.do(name, **details)

    happen.__name__ = name
    choices = {
        detail: [value for value in values if f"{name} {detail}={value}" not in OFF]
        for detail, values in ACTS[name].items()
    }
    return rule(**{detail: st.sampled_from(values) for detail, values in choices.items()})(happen)


Community = type("Community", (Life,), {name: act_of(name) for name in ACTS if name not in OFF})
