"""The demo: stories played at the vendors' side, followed through relay, Airflow and Mailchimp, and checked."""
