"""The member sync as it is usually written: seven steps, seven tasks, one run per event.

**Starts** by a POST per webhook, with the whole event as `conf.event`.
**Changes** the baseline's own users and memberships, the Mailchimp audience, the welcome journey.
**Rerun** from the first task; nothing remembers which effects have happened.
**When it fails** the task's retries, then the run is failed and stays so.

This is the baseline of `./ops bench`, not a part of the product: the same vendors' packages, the same
sandbox, imports kept out of the parsing as Airflow's best practices say, and nothing slowed down.
"""

from __future__ import annotations

from datetime import timedelta
from hashlib import md5
from typing import Any

from airflow.sdk import chain, dag, get_current_context, task

Json = dict[str, Any]
RETRIES = {"retries": 3, "retry_delay": timedelta(seconds=1)}


@dag(schedule=None, catchup=False, default_args=RETRIES, tags=["bench"])
def plain_sync() -> None:  # noqa: C901 - seven tasks
    @task
    def parse_event() -> Json:
        """Take out of the event what the next steps need."""
        event = get_current_context()["dag_run"].conf["event"]
        about = event["data"]["object"]
        is_checkout = event["type"] == "checkout.session.completed"
        details = about.get("customer_details") or {}
        return {
            "event_id": event["id"],
            "customer_id": about["customer"],
            "subscription_id": about["subscription"] if is_checkout else about["id"],
            "subscription": None if is_checkout else about,
            "clerk_user_id": about.get("client_reference_id"),
            "email": details.get("email"),
            "name": details.get("name") or "",
        }

    @task
    def find_member(event: Json) -> Json:
        """Find the member by customer or address; somebody new has no id yet."""
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        found = PostgresHook("platform").get_first(
            "SELECT id::text, email, first_name, last_name FROM public.users"
            " WHERE stripe_customer_id = %s OR lower(email) = lower(%s)",
            parameters=(event["customer_id"], event["email"]),
        )
        if found:
            return dict(zip(("id", "email", "first_name", "last_name"), found, strict=True))
        first_name, _, last_name = event["name"].partition(" ")
        return {
            "id": None,
            "email": event["email"],
            "first_name": first_name,
            "last_name": last_name,
        }

    @task
    def update_tables(event: Json, member: Json) -> Json:
        """Write down member and membership; a checkout's subscription is read from Stripe first."""
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        subscription = event["subscription"] or _subscription(event["subscription_id"])
        tier = subscription["items"]["data"][0]["price"]["metadata"]["tier"]
        with PostgresHook("platform").get_conn() as connection, connection.cursor() as cursor:
            if member["id"] is None:
                cursor.execute(
                    "INSERT INTO public.users"
                    " (email, clerk_user_id, stripe_customer_id, first_name, last_name)"
                    " VALUES (%s, %s, %s, %s, %s) RETURNING id::text",
                    (
                        member["email"],
                        event["clerk_user_id"],
                        event["customer_id"],
                        member["first_name"],
                        member["last_name"],
                    ),
                )
                member["id"] = cursor.fetchone()[0]
            cursor.execute(
                "INSERT INTO public.memberships"
                " (user_id, stripe_subscription_id, status, tier, first_active_at)"
                " VALUES (%s, %s, %s, %s, now()) ON CONFLICT (stripe_subscription_id)"
                " DO UPDATE SET status = excluded.status, tier = excluded.tier, updated_at = now()"
                " RETURNING xmax = 0",
                (member["id"], subscription["id"], subscription["status"], tier),
            )
            joined = cursor.fetchone()[0]
        return {**member, "status": subscription["status"], "tier": tier, "joined": joined}

    @task
    def upsert_mailchimp(member: Json) -> None:
        """Bring the contact in line."""
        client, audience = _mailchimp()
        client.lists.set_list_member(
            audience["list_id"],
            _subscriber_hash(member),
            {
                "email_address": member["email"],
                "status_if_new": "subscribed",
                "merge_fields": {
                    "FNAME": member["first_name"],
                    "LNAME": member["last_name"],
                    "TIER": member["tier"],
                },
            },
        )

    @task
    def update_tags(member: Json) -> None:
        """Give the tags of the membership and take the others."""
        client, audience = _mailchimp()
        wanted = {member["status"], member["tier"]}
        known = {"active", "past_due", "canceling", "alumni", "community", "pro", "leader"}
        client.lists.update_list_member_tags(
            audience["list_id"],
            _subscriber_hash(member),
            {
                "tags": [
                    {"name": name, "status": "active" if name in wanted else "inactive"}
                    for name in sorted(known | wanted)
                ]
            },
        )

    @task
    def send_welcome(member: Json) -> None:
        """Welcome somebody who has just joined."""
        if member["joined"]:
            client, audience = _mailchimp()
            client.customerJourneys.trigger(
                audience["journey_id"],
                audience["journey_step_id"],
                {"email_address": member["email"]},
            )

    @task
    def record(event: Json, member: Json) -> None:
        """Write the audit row and mark the event as processed."""
        from airflow.providers.postgres.hooks.postgres import PostgresHook

        with PostgresHook("platform").get_conn() as connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO public.audit_log (target, action) VALUES (%s, %s)",
                (member["id"], "mailchimp:create" if member["joined"] else "mailchimp:update"),
            )
            cursor.execute(
                "INSERT INTO public.processed_events (event_id) VALUES (%s) ON CONFLICT DO NOTHING",
                (event["event_id"],),
            )

    event = parse_event()
    member = update_tables(event, find_member(event))
    chain(
        upsert_mailchimp(member), update_tags(member), send_welcome(member), record(event, member)
    )


def _subscription(subscription_id: str) -> Any:
    """Read a subscription from Stripe."""
    import stripe
    from airflow.sdk import BaseHook

    account = BaseHook.get_connection("stripe")
    client = stripe.StripeClient(
        account.password, base_addresses={"api": account.host}, max_network_retries=2
    )
    return client.v1.subscriptions.retrieve(subscription_id)


def _subscriber_hash(member: Json) -> str:
    """Return Mailchimp's key of an address."""
    return md5(member["email"].lower().encode(), usedforsecurity=False).hexdigest()


def _mailchimp() -> tuple[Any, Json]:
    """Return Mailchimp's client and the ids of the audience."""
    import mailchimp_marketing
    from airflow.sdk import BaseHook

    account = BaseHook.get_connection("mailchimp")
    client = mailchimp_marketing.Client()
    client.set_config({"api_key": account.password, "server": "us1", "timeout": 10})
    client.api_client.host = account.host
    return client, account.extra_dejson


plain_sync()
