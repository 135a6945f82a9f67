"""Evaluate the alert rules and tell people what has changed; once, whatever ends in between.

`evaluate` writes what happened and who is to be told in one transaction; `deliver` sends what is due; `watch` does
both, each minute.
"""
