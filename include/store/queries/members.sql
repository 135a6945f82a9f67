-- name: find_members(customers, subscriptions, users, emails)
-- Find the members known by one of these; an address counts only for an account that is not deleted. Each is looked up by
-- its index, one by one (OFFSET 0 keeps it so): tables that grow in a burst have no statistics yet, and would be read whole.
SELECT found.id FROM unnest(:customers::text[]) AS customer CROSS JOIN LATERAL (
  SELECT id FROM public.users WHERE stripe_customer_id = customer OFFSET 0
) AS found
UNION
SELECT found.user_id FROM unnest(:customers::text[]) AS customer CROSS JOIN LATERAL (
  SELECT subscription_id FROM ops.subscriptions WHERE customer_id = customer OFFSET 0
) AS paid CROSS JOIN LATERAL (
  SELECT user_id FROM public.memberships WHERE stripe_subscription_id = paid.subscription_id OFFSET 0
) AS found
UNION
SELECT found.id FROM unnest(:users::text[]) AS account CROSS JOIN LATERAL (
  SELECT id FROM public.users WHERE clerk_user_id = account OFFSET 0
) AS found
UNION
SELECT found.id FROM unnest(:emails::text[]) AS address CROSS JOIN LATERAL (
  SELECT id FROM public.users WHERE lower(email) = address AND deleted_at IS NULL OFFSET 0
) AS found
UNION
SELECT found.user_id FROM unnest(:subscriptions::text[]) AS subscription CROSS JOIN LATERAL (
  SELECT user_id FROM public.memberships WHERE stripe_subscription_id = subscription OFFSET 0
) AS found
UNION
SELECT found.id FROM ops.accounts CROSS JOIN LATERAL (
  SELECT id FROM public.users WHERE clerk_user_id = accounts.clerk_user_id AND deleted_at IS NULL OFFSET 0
) AS found
WHERE accounts.addresses && :emails::text[]
UNION  -- who deleted her account while Stripe goes on charging: she may come back with a new one
SELECT gone.id FROM ops.accounts CROSS JOIN LATERAL (
  SELECT id FROM public.users WHERE clerk_user_id = accounts.clerk_user_id AND deleted_at IS NOT NULL OFFSET 0
) AS gone CROSS JOIN LATERAL (
  SELECT stripe_subscription_id FROM public.memberships WHERE user_id = gone.id OFFSET 0
) AS paid JOIN ops.objects ON objects.provider = 'stripe' AND objects.object_id = paid.stripe_subscription_id
WHERE accounts.addresses && :emails::text[] AND NOT objects.is_final;

-- name: find_mailboxes(mailboxes)
-- Find the living members of whose addresses one, in lower case and without what follows a plus sign, is one of these.
SELECT DISTINCT users.id
FROM public.users
LEFT JOIN ops.accounts USING (clerk_user_id)
CROSS JOIN LATERAL unnest(coalesce(accounts.addresses, '{}') || lower(users.email)) AS address
WHERE regexp_replace(address, '([^@+])\+[^@]*@', '\1@') = ANY (:mailboxes::text[]) AND deleted_at IS NULL;

-- name: read_ids_after(after, row_limit)
-- Read the next members in the order of their ids.
SELECT id FROM public.users
WHERE (:after::uuid IS NULL OR id > :after) AND deleted_at IS NULL
ORDER BY id LIMIT :row_limit;

-- name: read_living_subscriptions()
-- Read the subscriptions that may still change, with their customers.
SELECT memberships.stripe_subscription_id AS subscription_id, users.stripe_customer_id AS customer_id
FROM public.memberships JOIN public.users ON users.id = memberships.user_id
WHERE memberships.stripe_subscription_id IS NOT NULL AND memberships.status NOT IN ('canceled', 'incomplete_expired')
ORDER BY 1;

-- name: read_named_customers()
-- Read the Stripe customers that the rows of accounts which are not deleted name.
SELECT stripe_customer_id AS customer_id FROM public.users
WHERE stripe_customer_id IS NOT NULL AND deleted_at IS NULL ORDER BY 1;

-- name: read_living_users()
-- Read the Clerk users whose accounts are not deleted.
SELECT clerk_user_id FROM public.users WHERE clerk_user_id IS NOT NULL AND deleted_at IS NULL ORDER BY 1;

-- name: lock_members(member_ids)
-- Let nobody else change these members until the transaction ends; in one order, so that nobody waits in a circle.
SELECT pg_advisory_xact_lock(key)
FROM (
  SELECT DISTINCT hashtextextended('member:' || member_id, 0) AS key
  FROM unnest(:member_ids::uuid[]) AS wanted (member_id)
  ORDER BY key
) AS ordered;

-- name: read_members(member_ids)
-- Read these members with their contacts.
SELECT users.id, users.email, users.clerk_user_id, users.stripe_customer_id, users.first_name, users.last_name,
       users.created_at, users.deleted_at, accounts.addresses, accounts.is_barred,
       contacts.subscriber_hash, contacts.status AS contact_status, contacts.tags, contacts.retired,
       contacts.applied_sha256, contacts.is_reader
FROM public.users
LEFT JOIN ops.contacts ON contacts.member_id = users.id
LEFT JOIN ops.accounts USING (clerk_user_id)
WHERE users.id = ANY (:member_ids::uuid[]);

-- name: find_subscribers()
-- Find everybody who has, or had, a membership.
SELECT DISTINCT user_id AS id FROM public.memberships;

-- name: read_memberships(member_ids)
-- Read the memberships of these members.
SELECT user_id, stripe_subscription_id AS subscription_id, status, tier, current_period_end, cancel_at,
       cancel_at_period_end, first_active_at, ended_at, customer_id, past_due_since,
       coalesce(is_fixed_term, false) AS is_fixed_term, keyed_price
FROM public.memberships
LEFT JOIN ops.subscriptions ON subscription_id = stripe_subscription_id
WHERE user_id = ANY (:member_ids::uuid[])
ORDER BY user_id, stripe_subscription_id;

-- name: free_external_ids(member_ids)!
-- Take unique values away before they are given anew, perhaps to another member.
UPDATE public.users SET email = NULL, clerk_user_id = NULL, stripe_customer_id = NULL
WHERE id = ANY (:member_ids::uuid[]);

-- name: save_users(id, email, clerk_user_id, stripe_customer_id, first_name, last_name, created_at, deleted_at, now)*!
-- Write a member, new or known.
INSERT INTO public.users
  (id, email, clerk_user_id, stripe_customer_id, first_name, last_name, created_at, updated_at, deleted_at)
VALUES
  (:id, :email, :clerk_user_id, :stripe_customer_id, :first_name, :last_name, :created_at, :now, :deleted_at)
ON CONFLICT (id) DO UPDATE
  SET email = EXCLUDED.email, clerk_user_id = EXCLUDED.clerk_user_id,
      stripe_customer_id = EXCLUDED.stripe_customer_id, first_name = EXCLUDED.first_name,
      last_name = EXCLUDED.last_name, updated_at = EXCLUDED.updated_at, deleted_at = EXCLUDED.deleted_at;

-- name: save_accounts(clerk_user_id, addresses, is_barred)*!
-- Write down what Clerk says of an account and the platform has no column for.
INSERT INTO ops.accounts (clerk_user_id, addresses, is_barred)
VALUES (:clerk_user_id, :addresses, :is_barred)
ON CONFLICT (clerk_user_id) DO UPDATE
  SET addresses = EXCLUDED.addresses, is_barred = EXCLUDED.is_barred;

-- name: save_memberships(user_id, subscription_id, status, tier, current_period_end, cancel_at, cancel_at_period_end, first_active_at, ended_at, now)*!
-- Write a membership, new or known; the first active moment stays as it was first seen.
INSERT INTO public.memberships
  (user_id, stripe_subscription_id, status, tier, current_period_end, cancel_at, cancel_at_period_end,
   first_active_at, ended_at, updated_at)
VALUES
  (:user_id, :subscription_id, :status, :tier, :current_period_end, :cancel_at, :cancel_at_period_end,
   :first_active_at, :ended_at, :now)
ON CONFLICT (stripe_subscription_id) DO UPDATE
  SET user_id = EXCLUDED.user_id, status = EXCLUDED.status, tier = EXCLUDED.tier,
      current_period_end = EXCLUDED.current_period_end, cancel_at = EXCLUDED.cancel_at,
      cancel_at_period_end = EXCLUDED.cancel_at_period_end,
      first_active_at = coalesce(memberships.first_active_at, EXCLUDED.first_active_at),
      ended_at = EXCLUDED.ended_at, updated_at = EXCLUDED.updated_at;

-- name: add_subscriptions(subscription_id, customer_id, past_due_since, is_fixed_term, keyed_price)*!
-- Write down what Stripe says of subscriptions of which nothing was, or not by which price they are on their plan.
INSERT INTO ops.subscriptions (subscription_id, customer_id, past_due_since, is_fixed_term, keyed_price)
VALUES (:subscription_id, :customer_id, :past_due_since, :is_fixed_term, :keyed_price)
ON CONFLICT (subscription_id) DO UPDATE
  SET customer_id = EXCLUDED.customer_id, keyed_price = EXCLUDED.keyed_price,
      past_due_since = CASE WHEN subscriptions.customer_id IS NULL THEN EXCLUDED.past_due_since
                            ELSE subscriptions.past_due_since END,
      is_fixed_term = CASE WHEN subscriptions.customer_id IS NULL THEN EXCLUDED.is_fixed_term
                           ELSE subscriptions.is_fixed_term END
  WHERE subscriptions.customer_id IS NULL
    OR (subscriptions.keyed_price IS NULL AND EXCLUDED.keyed_price IS NOT NULL);

-- name: add_accounts(clerk_user_id, addresses, is_barred)*!
-- Write down the addresses of accounts of which none were.
INSERT INTO ops.accounts (clerk_user_id, addresses, is_barred)
VALUES (:clerk_user_id, :addresses, :is_barred)
ON CONFLICT (clerk_user_id) DO UPDATE SET addresses = EXCLUDED.addresses
  WHERE accounts.addresses = '{}';

-- name: save_subscriptions(subscription_id, customer_id, past_due_since, is_fixed_term, keyed_price)*!
-- Write down what Stripe says of a membership's subscription and the platform has no column for.
INSERT INTO ops.subscriptions (subscription_id, customer_id, past_due_since, is_fixed_term, keyed_price)
VALUES (:subscription_id, :customer_id, :past_due_since, :is_fixed_term, :keyed_price)
ON CONFLICT (subscription_id) DO UPDATE
  SET customer_id = EXCLUDED.customer_id, past_due_since = EXCLUDED.past_due_since,
      is_fixed_term = EXCLUDED.is_fixed_term, keyed_price = EXCLUDED.keyed_price;

-- name: move_members(from_ids, to_ids)!
-- Give the memberships of merged members, the platform's own ones too, to the ones they were merged into.
UPDATE public.memberships SET user_id = merged.to_id
FROM unnest(:from_ids::uuid[], :to_ids::uuid[]) AS merged (from_id, to_id)
WHERE memberships.user_id = merged.from_id;
