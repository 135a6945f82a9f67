"""Evaluate the alert rules and tell people what has changed; once, whatever ends in between.

`evaluate` writes what happened and who is to be told in one transaction; `deliver` sends what is due; `watch` does
both, each minute.
"""

from include.jobs.alert_rules.evaluate import Evaluation, evaluate
from include.jobs.alert_rules.numbers import StoredNumbers
from include.jobs.alert_rules.report import examples_from, words_of
from include.jobs.alert_rules.steps import watch
from include.notify.alerts import AlertDelivery, deliver

__all__ = [
    "AlertDelivery",
    "Evaluation",
    "StoredNumbers",
    "deliver",
    "evaluate",
    "examples_from",
    "watch",
    "words_of",
]
