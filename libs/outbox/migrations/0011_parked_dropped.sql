-- What is dropped is looked for at each start of a stream, however much is parked beside it. While this
-- reads a table in which much is parked, nothing more can be; what need not be parked flows.
CREATE INDEX outbox_parked_dropped ON outbox_parked (commit_lsn) WHERE dropped_at IS NOT NULL;

-- What was dropped before 0009 leaves its scope, too: what has one is parked.
UPDATE outbox_parked SET scope = NULL WHERE dropped_at IS NOT NULL AND scope IS NOT NULL;
