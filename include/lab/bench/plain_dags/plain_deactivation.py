"""The end of a membership as it is usually written: a run from the start, whose sensor waits for the moment.

**Starts** by a POST when the end is announced, with `conf.subscription_id` and `conf.deactivate_at`.
**Changes** the baseline's own memberships, the tags at Mailchimp.
**Rerun** from the first task; nothing remembers which effects have happened.
**When it fails** the task's retries, then the run is failed and stays so.

This is the baseline of `./ops bench sleepers`, not a part of the product. It is kinder than what one would write
first: the sensor starts and ends in the triggerer, which costs no worker, and `max_active_runs` lets all runs
wait at once (the default would let the 17th begin when the first is over).
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import md5
from typing import Any

from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync
from airflow.sdk import chain, dag, get_current_context, task

RETRIES = {"retries": 3, "retry_delay": timedelta(seconds=1)}
MOST_WAITING = 100_000


@dag(
    schedule=None,
    catchup=False,
    max_active_runs=MOST_WAITING,
    default_args=RETRIES,
    tags=["bench"],
)
def plain_deactivation() -> None:
    @task
    def check_status() -> bool:
        """Ask Stripe whether it is still to be."""
        import stripe
        from airflow.sdk import BaseHook

        account = BaseHook.get_connection("stripe")
        client = stripe.StripeClient(
            account.password, base_addresses={"api": account.host}, max_network_retries=2
        )
        subscription = client.v1.subscriptions.retrieve(_subscription_id())
        return subscription.status == "canceled" or subscription.cancel_at is not None

    @task
    def update_database(is_over: bool) -> str | None:  # noqa: FBT001 - a task's value
        """Close the membership, and return whose it is."""
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        if not is_over:
            return None
        with PostgresHook("platform").get_conn() as connection, connection.cursor() as cursor:
            cursor.execute(
                "UPDATE public.memberships SET status = 'canceled', updated_at = now()"
                " FROM public.users WHERE users.id = user_id AND stripe_subscription_id = %s"
                " RETURNING email",
                (_subscription_id(),),
            )
            return cursor.fetchone()[0]

    @task
    def update_tags(email: str | None) -> bool:
        """Take the active tag, give the alumni tag."""
        import mailchimp_marketing
        from airflow.sdk import BaseHook

        if email is None:
            return False
        account = BaseHook.get_connection("mailchimp")
        client = mailchimp_marketing.Client()
        client.set_config({"api_key": account.password, "server": "us1", "timeout": 10})
        client.api_client.host = account.host
        client.lists.update_list_member_tags(
            account.extra_dejson["list_id"],
            md5(email.lower().encode(), usedforsecurity=False).hexdigest(),
            {
                "tags": [
                    {"name": "active", "status": "inactive"},
                    {"name": "alumni", "status": "active"},
                ]
            },
        )
        return True

    @task
    def record(is_done: bool) -> None:  # noqa: FBT001 - a task's value
        """Write the audit row."""
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        if is_done:
            with PostgresHook("platform").get_conn() as connection, connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO public.audit_log (target, action) VALUES (%s, %s)",
                    (_subscription_id(), "member:deactivated"),
                )

    wait = DateTimeSensorAsync(
        task_id="wait_for_period_end",
        target_time="{{ dag_run.conf['deactivate_at'] }}",
        start_from_trigger=True,
        end_from_trigger=True,
    )
    checked = check_status()
    chain(wait, checked)
    record(update_tags(update_database(checked)))


def _subscription_id() -> Any:
    """Return whose end this run is."""
    return get_current_context()["dag_run"].conf["subscription_id"]


plain_deactivation()
