-- Once a relay has as many keys parked as it may (--max_parked_keys), it parks a topic as a whole: 't'
-- is the name of all keys of the topic that are not parked by themselves. A relay of this release looks
-- for the constraint by its name.
ALTER TABLE outbox_parked_keys
  DROP CONSTRAINT outbox_parked_keys_name_check,
  ADD CONSTRAINT outbox_parked_keys_name CHECK (name ~ '^[ki]' OR name = 't');

-- Healing gives what is parked, and in the outbox still, its place among the rows that it adds.
-- What is dropped leaves its scope.
GRANT UPDATE (scope, era, commit_lsn, ordinal) ON outbox_parked TO ${relay_role};
