-- The ids of the messages that were applied: a message whose id is here does nothing.
--
-- Ids are UUIDv7, so that a day is a partition and old days can go as a whole.
CREATE TABLE inbox (
  id          uuid        NOT NULL PRIMARY KEY,
  received_at timestamptz NOT NULL DEFAULT clock_timestamp()
) PARTITION BY RANGE (id);

-- Takes foreign and future ids. Never dropped; a row in it is worth an alarm.
CREATE TABLE inbox_default PARTITION OF inbox DEFAULT;

SELECT partitions_create_ahead('inbox', 3);

-- Sagas (by Kafka key) whose messages are held back, because one of them could not be applied.
CREATE TABLE inbox_parked_keys (
  key       text        NOT NULL PRIMARY KEY,
  error     text        NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Their messages in the order of arrival. A parked message has no row in inbox yet.
CREATE TABLE inbox_parked (
  arrival      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id           uuid        NOT NULL UNIQUE,
  key          text        NOT NULL REFERENCES inbox_parked_keys (key),
  topic        text        NOT NULL,
  partition    integer     NOT NULL,
  "offset"     bigint      NOT NULL,
  payload      bytea,
  content_type text        NOT NULL,
  traceparent  text,
  parked_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX inbox_parked_key ON inbox_parked (key, arrival);

GRANT SELECT, INSERT ON inbox TO ${service_role};
GRANT SELECT, INSERT, UPDATE, DELETE ON inbox_parked_keys, inbox_parked TO ${service_role};
GRANT EXECUTE ON FUNCTION partitions_create_ahead(text, integer) TO ${service_role};
