-- A key that is parked because its topic does not exist: once the topic is there, the relay releases
-- the key by itself.
ALTER TABLE outbox_parked_keys ADD COLUMN missing_topic boolean NOT NULL DEFAULT false;

GRANT UPDATE (missing_topic) ON outbox_parked_keys TO ${relay_role};
