-- The platform's tables, as far as we read and write them. The platform owns them: in production they
-- exist already and this file is only run by the local stack and the tests.
CREATE TABLE IF NOT EXISTS public.users (
  id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email              text,
  clerk_user_id      text UNIQUE,
  stripe_customer_id text UNIQUE,
  first_name         text NOT NULL DEFAULT '',
  last_name          text NOT NULL DEFAULT '',
  is_visible         boolean NOT NULL DEFAULT true,
  created_at         timestamptz NOT NULL DEFAULT now(),
  updated_at         timestamptz NOT NULL DEFAULT now(),
  deleted_at         timestamptz
);
CREATE UNIQUE INDEX IF NOT EXISTS users_email_key ON public.users (lower(email)) WHERE deleted_at IS NULL;

CREATE TABLE IF NOT EXISTS public.memberships (
  id                     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id                uuid NOT NULL REFERENCES public.users (id),
  stripe_subscription_id text UNIQUE,
  status                 text NOT NULL,
  tier                   text NOT NULL DEFAULT '',
  current_period_end     timestamptz,
  cancel_at              timestamptz,
  cancel_at_period_end   boolean NOT NULL DEFAULT false,
  first_active_at        timestamptz,
  ended_at               timestamptz,
  updated_at             timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS memberships_user_id_idx ON public.memberships (user_id);
