-- The DEFAULT partition takes ids that are of no day. It has no day after which it could be emptied:
-- it is when all its rows are past their retention and at Kafka.

-- True if it had rows, and is empty now. As outbox_empty; a row's age is that of its created_at.
CREATE FUNCTION outbox_empty_default(days integer, sample pg_snapshot, taken_at pg_lsn)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  before timestamptz := outbox_keep_days(days)::timestamp AT TIME ZONE 'UTC';
  proven xid8 := outbox_confirmed_horizon(sample, taken_at);
  looked xid8 := pg_snapshot_xmin(pg_current_snapshot());
BEGIN
  PERFORM partitions_begin('outbox');
  IF NOT EXISTS (SELECT FROM outbox_default)
     OR EXISTS (SELECT FROM outbox_default
                 WHERE created_at >= before OR tx >= proven
                    OR NOT pg_visible_in_snapshot(tx, sample)) THEN
    RETURN false;
  END IF;
  LOCK TABLE outbox_default IN ACCESS EXCLUSIVE MODE;
  -- What was committed since that look; by the index, as everybody waits for the lock.
  IF EXISTS (SELECT FROM outbox_default WHERE tx >= looked) THEN
    RETURN false;
  END IF;
  TRUNCATE TABLE ONLY outbox_default;
  RETURN true;
END
$$;
REVOKE ALL ON FUNCTION outbox_empty_default(integer, pg_snapshot, pg_lsn) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION outbox_empty_default(integer, pg_snapshot, pg_lsn) TO ${relay_role};
