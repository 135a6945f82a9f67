-- What the baseline writes down beside its own users and memberships.
CREATE TABLE public.processed_events (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id     text NOT NULL UNIQUE,
  processed_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE public.audit_log (
  id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  target       text NOT NULL,
  action       text NOT NULL,
  at           timestamptz NOT NULL DEFAULT now()
);
