"""Evaluate the alert rules and tell people what has changed; once, whatever ends in between.

`evaluate` writes what happened and who is to be told in one transaction; `deliver` sends what is due; `watch` does
both, each minute.
"""

from include.jobs.alert_rules.evaluate import Evaluation, evaluate
from include.jobs.alert_rules.examples import examples_from
from include.jobs.alert_rules.numbers import Numbers
from include.jobs.alert_rules.watch import watch, words_of
from include.notify.alerts import Delivery, deliver

__all__ = [
    "Delivery",
    "Evaluation",
    "Numbers",
    "deliver",
    "evaluate",
    "examples_from",
    "watch",
    "words_of",
]
