"""Takes webhooks in: verify, store, answer; then hands what waits to Airflow.

It needs Postgres and nothing else: vendors and Airflow may be down. `python -m include.relay` runs it.
"""
