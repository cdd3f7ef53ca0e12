-- Events that Kafka refuses, and what follows of the same key: kept here, in order, until an operator
-- releases them (outbox-relay parked …). The relay writes, publishes and removes them; it owns nothing.

-- One row a parked key. An event without a key has no order to keep: it is parked alone.
CREATE TABLE outbox_parked_keys (
  scope       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  topic       text        NOT NULL,
  -- 'k' and the key, or 'i' and the id of an event without a key.
  name        text        NOT NULL CHECK (name ~ '^[ki]'),
  -- The event that Kafka refused, and why.
  poison_id   text        NOT NULL,
  reason      text        NOT NULL,
  fix         text        NOT NULL,
  -- The reason lies in the topic: until a release no event of it is tried.
  whole_topic boolean     NOT NULL DEFAULT false,
  since       timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Where the poison stands in the log of that cluster: what came before it was not parked. NULL
  -- while it is only known that Kafka refuses it, until the stream comes by it again.
  system_id   text,
  commit_lsn  pg_lsn,
  ordinal     bigint,
  -- Grows when the database wakes up in another cluster, where positions begin anew.
  era         integer     NOT NULL DEFAULT 0,
  -- Set by an operator; the active relay then publishes what is parked, and removes the row.
  released_at timestamptz,
  released_by text,
  UNIQUE (topic, name),
  CHECK ((commit_lsn IS NULL) = (ordinal IS NULL) AND (commit_lsn IS NULL) = (system_id IS NULL)),
  CHECK ((released_at IS NULL) = (released_by IS NULL))
);

-- All that is needed to publish. Within a scope (era, commit_lsn, ordinal) is the order. A foreign key,
-- so that a relay which was asleep while its key was released cannot park behind everybody's back.
CREATE TABLE outbox_parked (
  id          text        PRIMARY KEY,
  -- NULL only for a dropped event whose key has been released.
  scope       bigint      REFERENCES outbox_parked_keys ON DELETE SET NULL,
  era         integer     NOT NULL,
  commit_lsn  pg_lsn      NOT NULL,
  ordinal     bigint      NOT NULL,
  topic       text        NOT NULL,
  key         text,
  type        text        NOT NULL,
  payload     bytea,
  traceparent text,
  headers     text,
  created_at  timestamptz NOT NULL,
  parked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- An operator gave this event up: it is never published, and stays as the record of that.
  dropped_at  timestamptz,
  dropped_by  text,
  dropped_why text,
  CHECK (scope IS NOT NULL OR dropped_at IS NOT NULL),
  CHECK ((dropped_at IS NULL) = (dropped_by IS NULL) AND (dropped_at IS NULL) = (dropped_why IS NULL))
);

CREATE INDEX outbox_parked_order ON outbox_parked (scope, era, commit_lsn, ordinal);

GRANT SELECT, INSERT, DELETE ON outbox_parked_keys, outbox_parked TO ${relay_role};
GRANT UPDATE (poison_id, reason, fix, whole_topic, system_id, commit_lsn, ordinal, era, released_at,
              released_by) ON outbox_parked_keys TO ${relay_role};
GRANT UPDATE (dropped_at, dropped_by, dropped_why) ON outbox_parked TO ${relay_role};
