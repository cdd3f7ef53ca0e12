-- How far the relay is known to have published, in which history of writes: one row for each slot.
-- The relay tells Postgres no position that does not stand here, so a slot that is further on was
-- moved or made again by somebody else. The row travels with the outbox's rows into standbys,
-- backups and dumps; a copy of it is in the Kafka topic outbox-relay-state.
CREATE TABLE outbox_relay_state (
  slot        text        PRIMARY KEY,
  generation  bigint      NOT NULL,  -- counts the changes of history that were healed or accepted
  system_id   text        NOT NULL,
  timeline    bigint      NOT NULL,
  confirmed   pg_lsn      NOT NULL,  -- everything before it is at Kafka
  details     text        NOT NULL,  -- JSON: snapshots, Kafka offsets, the source's name
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 20);  -- updated in place up to ten times a second

GRANT SELECT, INSERT, UPDATE ON outbox_relay_state TO ${relay_role};
