-- A key that is parked because its topic does not exist: once the topic is there, the relay releases
-- the key by itself.
ALTER TABLE outbox_parked_keys ADD COLUMN missing_topic boolean NOT NULL DEFAULT false;

-- Those that are parked already. Nothing else tells why: the text begins with the name of Kafka's error.
UPDATE outbox_parked_keys SET missing_topic = true
 WHERE whole_topic AND reason ~ '^_?UNKNOWN_(TOPIC|PARTITION)';

GRANT UPDATE (missing_topic) ON outbox_parked_keys TO ${relay_role};
