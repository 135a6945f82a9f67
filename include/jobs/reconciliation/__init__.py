"""The job `reconciliation`: what callbacks and webhooks missed is found, put right, and counted.

Each check looks at one thing, says what it found in `ops.reconciliations`, and repairs through what is there
already: the store's own functions, and the normal jobs. May be run again at any time.
"""
