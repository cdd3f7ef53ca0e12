-- A key that Kafka refuses again, and whose place is not known, keeps the cluster that what is parked of
-- it comes from. A relay of this release looks for the constraint by its name.
ALTER TABLE outbox_parked_keys
  DROP CONSTRAINT outbox_parked_keys_check,
  ADD CONSTRAINT outbox_parked_keys_place
    CHECK ((commit_lsn IS NULL) = (ordinal IS NULL) AND (commit_lsn IS NULL OR system_id IS NOT NULL));

-- What is dropped is looked for at each start of a stream, however much is parked beside it.
CREATE INDEX outbox_parked_dropped ON outbox_parked (commit_lsn) WHERE dropped_at IS NOT NULL;

-- What was dropped before 0009 leaves its scope, too: what has one is parked.
UPDATE outbox_parked SET scope = NULL WHERE dropped_at IS NOT NULL AND scope IS NOT NULL;
