-- The outbox's partitions go when their retention is over and Kafka has their rows; until then they
-- are kept, so that they can be published again.

-- The cluster whose transaction ids stand in outbox.tx. In another one (a dump that was restored, a
-- major upgrade) they mean nothing, and nobody can tell by them what was published.
CREATE TABLE outbox_cluster (
  one       boolean NOT NULL PRIMARY KEY DEFAULT true CHECK (one),
  system_id bigint  NOT NULL
);
INSERT INTO outbox_cluster (system_id) SELECT system_identifier FROM pg_control_system();

-- For the owner, after a restore or a major upgrade: says that Kafka has every row that is there.
CREATE FUNCTION outbox_all_published() RETURNS void
LANGUAGE sql SET search_path = public, pg_temp AS $$
  UPDATE outbox_cluster SET system_id = (SELECT system_identifier FROM pg_control_system())
$$;
REVOKE ALL ON FUNCTION outbox_all_published() FROM PUBLIC;

-- The first transaction that may not be published yet, by what the server itself knows: earlier ones
-- were over when the log was where the slot has confirmed to be. Refuses a caller who says that a
-- sample (pg_current_snapshot(), pg_current_wal_insert_lsn()) is confirmed when it is not.
CREATE FUNCTION outbox_confirmed_horizon(sample pg_snapshot, taken_at pg_lsn) RETURNS xid8
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
  slot record;
  next bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
  low  bigint;
BEGIN
  IF sample IS NULL OR taken_at IS NULL THEN
    RAISE EXCEPTION 'outbox rotation: a sample is needed' USING ERRCODE = '22023';
  END IF;
  IF (SELECT system_id FROM outbox_cluster)
     IS DISTINCT FROM (SELECT system_identifier FROM pg_control_system()) THEN
    RAISE EXCEPTION 'outbox rotation: this cluster is another than the one that wrote the rows'
      USING ERRCODE = '55000',
            HINT = 'Once Kafka has every row of the outbox, as its owner: SELECT outbox_all_published()';
  END IF;
  SELECT * INTO slot FROM pg_replication_slots
   WHERE slot_name = 'outbox_' || current_database() AND database = current_database();
  IF NOT FOUND OR slot.catalog_xmin IS NULL OR slot.wal_status = 'lost' THEN
    RAISE EXCEPTION 'outbox rotation: slot outbox_% is missing or lost', current_database()
      USING ERRCODE = '55000', HINT = 'The relay''s log says what to do.';
  END IF;
  IF slot.confirmed_flush_lsn IS NULL OR taken_at > slot.confirmed_flush_lsn THEN
    RAISE EXCEPTION 'outbox rotation: % is not confirmed, the slot is at %', taken_at,
                    slot.confirmed_flush_lsn USING ERRCODE = '55000';
  END IF;
  IF pg_snapshot_xmax(sample)::text::bigint > next THEN
    RAISE EXCEPTION 'outbox rotation: the sample is from the future' USING ERRCODE = '22023';
  END IF;
  -- The 32 bits of catalog_xmin, counted on from the epoch in which they are not in the future.
  low := slot.catalog_xmin::text::bigint;
  low := low + (next >> 32 << 32) - CASE WHEN low > next & 4294967295 THEN 4294967296 ELSE 0 END;
  RETURN low::text::xid8;
END
$$;
REVOKE ALL ON FUNCTION outbox_confirmed_horizon(pg_snapshot, pg_lsn) FROM PUBLIC;

CREATE FUNCTION outbox_keep_days(days integer) RETURNS date
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
  IF days IS NULL OR days NOT BETWEEN 1 AND 3650 THEN
    RAISE EXCEPTION 'outbox rotation: days must be 1 to 3650, not %', days USING ERRCODE = '22023';
  END IF;
  RETURN (now() AT TIME ZONE 'UTC')::date - days;
END
$$;
REVOKE ALL ON FUNCTION outbox_keep_days(integer) FROM PUBLIC;

-- Empties the oldest partition that ended at least `days` days ago, has rows, and of which Kafka has
-- every one. `sample` and `taken_at` are the relay's: what was committed before `taken_at` is at
-- Kafka. Answers the name of what it emptied, or NULL; and in `held` the oldest partition of that
-- age that has a row which is not known to be published, or NULL.
CREATE FUNCTION outbox_empty(days integer, sample pg_snapshot, taken_at pg_lsn,
                             OUT emptied text, OUT held text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  before date := outbox_keep_days(days);
  proven xid8 := outbox_confirmed_horizon(sample, taken_at);
  name   text;
  used   boolean;
  unsure boolean;
  -- By the index on tx. Both must agree: the server's own horizon and the relay's sample.
  look   text := format(
    'SELECT EXISTS (SELECT FROM %%1$I), EXISTS (SELECT FROM %%1$I WHERE tx >= least(%1$L::xid8, '
    '%2$L::xid8) AND (tx >= %1$L::xid8 OR NOT pg_visible_in_snapshot(tx, %3$L::pg_snapshot)))',
    proven, pg_snapshot_xmin(sample), sample);
BEGIN
  PERFORM partitions_begin('outbox');
  FOR name IN SELECT leaf FROM partitions_leaves('outbox') WHERE day < before LOOP
    EXECUTE format(look, name) INTO used, unsure;
    IF unsure THEN
      held := coalesce(held, name);
    ELSIF used AND emptied IS NULL THEN
      EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', name);
      -- Again: what was committed before the lock was granted is seen only now.
      EXECUTE format(look, name) INTO used, unsure;
      IF unsure THEN
        held := coalesce(held, name);
      ELSE
        EXECUTE format('TRUNCATE TABLE ONLY %I', name);
        emptied := name;
      END IF;
    END IF;
  END LOOP;
END
$$;
REVOKE ALL ON FUNCTION outbox_empty(integer, pg_snapshot, pg_lsn) FROM PUBLIC;

-- Drops the oldest empty partition that ended at least `days` days ago; answers its name, or NULL.
CREATE FUNCTION outbox_drop(days integer) RETURNS text
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '50ms' AS $$
  SELECT partitions_drop_empty('outbox', outbox_keep_days(days))
$$;
REVOKE ALL ON FUNCTION outbox_drop(integer) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION outbox_empty(integer, pg_snapshot, pg_lsn), outbox_drop(integer),
                          partitions_state(text) TO ${relay_role};
