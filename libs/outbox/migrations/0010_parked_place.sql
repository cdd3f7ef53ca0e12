-- A key that Kafka refuses again, and whose place is not known, keeps the cluster that what is parked of
-- it comes from.
ALTER TABLE outbox_parked_keys
  DROP CONSTRAINT outbox_parked_keys_check,
  ADD CONSTRAINT outbox_parked_keys_place
    CHECK ((commit_lsn IS NULL) = (ordinal IS NULL) AND (commit_lsn IS NULL OR system_id IS NOT NULL));
