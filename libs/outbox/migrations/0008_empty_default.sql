-- As before (0007), but it looks at the newest row first: as long as that has to stay, and that is for
-- all the time that somebody writes such ids, the others are not read.
CREATE OR REPLACE FUNCTION outbox_empty_default(days integer, sample pg_snapshot, taken_at pg_lsn)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  before timestamptz := outbox_keep_days(days)::timestamp AT TIME ZONE 'UTC';
  proven xid8 := outbox_confirmed_horizon(sample, taken_at);
  looked xid8 := pg_snapshot_xmin(pg_current_snapshot());
  newest timestamptz;
BEGIN
  PERFORM partitions_begin('outbox');
  SELECT created_at INTO newest FROM outbox_default ORDER BY tx DESC LIMIT 1;
  IF newest IS NULL OR newest >= before THEN
    RETURN false;
  END IF;
  IF EXISTS (SELECT FROM outbox_default
              WHERE created_at >= before OR tx >= proven OR NOT pg_visible_in_snapshot(tx, sample)) THEN
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
