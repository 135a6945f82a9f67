-- What a community has after years: :members members (@example.org, one family name each), a million events of theirs with
-- short bodies, the runs that took them, what the audit log says. Numbers alone, so that each bench searches the same.
INSERT INTO public.users (id, email, clerk_user_id, stripe_customer_id, first_name, last_name)
SELECT pg_temp.member(number), 'member' || number || '@example.org', 'user_bench' || number, 'cus_bench' || number,
       'Ada', 'Lovelace' || lpad(number::text, 5, '0')
FROM generate_series(1, %(members)s) AS number;

INSERT INTO public.memberships (user_id, stripe_subscription_id, status, tier, current_period_end, first_active_at)
SELECT pg_temp.member(number), 'sub_bench' || number, 'active', 'pro', now() + interval '20 days', now() - interval '2 years'
FROM generate_series(1, %(members)s) AS number;

INSERT INTO ops.objects (provider, mode, object_id, member_id, as_of)
SELECT made.provider, 'test', made.prefix || number, pg_temp.member(number), now()
FROM generate_series(1, %(members)s) AS number
CROSS JOIN (VALUES ('stripe', 'cus_bench'), ('stripe', 'sub_bench'), ('clerk', 'user_bench')) AS made (provider, prefix);

INSERT INTO ops.contacts (member_id, subscriber_hash, status, tags, applied_sha256, synced_at)
SELECT pg_temp.member(number), md5('member' || number || '@example.org'), 'subscribed', '{active,pro}', '', now()
FROM generate_series(1, %(members)s) AS number;

INSERT INTO ops.steps (key, effect, member_id, state, attempts, planned_at, intended_at, finished_at)
SELECT 'welcome:' || pg_temp.member(number), 'welcome', pg_temp.member(number), 'done', 1, now(), now(), now()
FROM generate_series(1, %(members)s) AS number;

INSERT INTO ops.inbox (provider, mode, event_id, type, created_at, received_at, headers, body, body_sha256, member_key, job,
                       state, attempts, dag_run_id, member_id, dispatched_at, finished_at)
SELECT 'stripe', 'test', 'evt_bench' || number, 'customer.subscription.updated', at, at, '{}', '{}', ''::bytea,
       'cus_bench' || whose, 'mailchimp_sync', 'processed', 1, 'bench.' || number / 5, pg_temp.member(whose), at, at
FROM (
  SELECT number, number %% %(members)s + 1 AS whose, now() - (%(events)s - number) * interval '1 minute' AS at
  FROM generate_series(1, %(events)s) AS number
) AS made;

INSERT INTO ops.dispatches (dag_run_id, job, rows, state, claimed_at, started_at, finished_at)
SELECT dag_run_id, job, count(*), 'finished', min(received_at), min(received_at), max(finished_at)
FROM ops.inbox GROUP BY dag_run_id, job;

INSERT INTO ops.job_runs (job, dag_run_id, status, started_at, finished_at, rows, tries, ends_left)
SELECT job, dag_run_id, 'success', claimed_at, finished_at, rows, 1, '{}' FROM ops.dispatches;

INSERT INTO ops.run_members (dag_run_id, member_id, outcome, recorded_at)
SELECT dag_run_id, member_id, 'update', max(finished_at) FROM ops.inbox GROUP BY dag_run_id, member_id;

INSERT INTO ops.audit_log (target, seq, at, actor, action, dag_run_id, inbox_ids)
SELECT 'member:' || member_id, row_number() OVER (PARTITION BY member_id ORDER BY id), finished_at,
       'system:mailchimp_sync', 'mailchimp:update', dag_run_id, ARRAY[id]
FROM ops.inbox;

INSERT INTO ops.dead_letters (job, subject, state, error_class, fingerprint, reason, severity, member_id, first_seen_at,
                              last_seen_at, since)
SELECT 'mailchimp_sync', 'member:' || pg_temp.member(number), 'open', 'permanent', 'bench', 'a bench', 'error',
       pg_temp.member(number), now(), now(), now()
FROM generate_series(1, least(100, %(members)s)) AS number;
