-- The transactional outbox. Insert only: what is published goes by partition, never by DELETE.
--
-- id is a UUIDv7, so a day's partition is a range of ids and a duplicate always meets its twin.
-- The first five columns are those of Debezium's outbox event router.
CREATE TABLE outbox (
  id            uuid        NOT NULL PRIMARY KEY,
  aggregatetype text        NOT NULL,
  aggregateid   text        NOT NULL,
  type          text        NOT NULL,
  payload       bytea,
  topic         text        NOT NULL,
  seq           bigint      GENERATED ALWAYS AS IDENTITY,
  tx            xid8        NOT NULL DEFAULT pg_current_xact_id(),
  traceparent   text,
  headers       jsonb,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp()
) PARTITION BY RANGE (id);

CREATE INDEX outbox_tx ON outbox (tx);

-- Takes foreign and future ids. Never dropped; a row in it is worth an alarm.
CREATE TABLE outbox_default PARTITION OF outbox DEFAULT;

SELECT partitions_create_ahead('outbox', 3);

-- Inserts only, under the parent's name: the default would send truncates and leaf names.
CREATE PUBLICATION outbox FOR TABLE outbox
  WITH (publish = 'insert', publish_via_partition_root = true);

GRANT INSERT ON outbox TO ${service_role};
GRANT SELECT ON outbox TO ${relay_role};
GRANT EXECUTE ON FUNCTION partitions_create_ahead(text, integer) TO ${relay_role};
