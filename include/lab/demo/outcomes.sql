-- name: read_outcomes(event_ids)
-- Read what became of these events so far; one that has not arrived is not among them.
SELECT id, provider, event_id, type, state, reason, attempts, dag_run_id, member_id,
       due_at, received_at, dispatched_at, finished_at
FROM ops.inbox
WHERE event_id = ANY (:event_ids::text[])
ORDER BY id;

-- name: read_people(emails)
-- Read who the platform knows under these addresses, with each membership.
SELECT users.id AS member_id, lower(email) AS email, clerk_user_id, stripe_customer_id, first_name, last_name,
       is_visible, memberships.status, memberships.tier
FROM public.users
LEFT JOIN public.memberships ON memberships.user_id = users.id
WHERE lower(email) = ANY (:emails::text[]) AND deleted_at IS NULL
ORDER BY lower(email), memberships.updated_at;

-- name: read_audit(targets)
-- Read what is written down about these targets, in order.
SELECT target, seq, at, actor, action, dag_run_id FROM ops.audit_log
WHERE target = ANY (:targets::text[])
ORDER BY target, seq;

-- name: read_job_entries(dag_run_id)
-- Read what a job wrote down about one of its runs as a whole, in order.
SELECT at, actor, action, metadata FROM ops.audit_log
WHERE dag_run_id = :dag_run_id AND starts_with(target, 'job:')
ORDER BY id;
