-- Daily partitions of tables whose key is a UUIDv7 (RFC 9562): the id's first 48 bits are
-- milliseconds, so a day is a range of ids.

-- The smallest id that a message made at `moment` can have.
CREATE FUNCTION uuid_v7_floor(moment timestamptz) RETURNS uuid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT (lpad(to_hex(floor(extract(epoch FROM moment) * 1000)::bigint), 12, '0')
          || '00000000000000000000')::uuid
$$;

-- Makes the partitions of `parent` for yesterday, today and `days` more days, where they are missing;
-- answers how many it made. Rows of that range that wait in the DEFAULT partition move into
-- the new one: replication slots do not send them again.
--
-- CREATE and ATTACH, because CREATE … PARTITION OF locks the parent exclusively. It is SECURITY
-- DEFINER so that a role which owns nothing can have tomorrow's partition made.
CREATE FUNCTION partitions_create_ahead(parent text, days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '2s' AS $$
DECLARE
  day    date;
  leaf   text;
  low    uuid;
  high   uuid;
  made   integer := 0;
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_partitioned_table WHERE partrelid = to_regclass(parent)) THEN
    RAISE EXCEPTION 'partitions_create_ahead: % is no partitioned table', parent;
  END IF;
  -- One at a time: two callers would make the same leaf.
  PERFORM pg_advisory_xact_lock(hashtextextended('partitions_create_ahead ' || parent, 0));
  FOR day IN SELECT generate_series((now() AT TIME ZONE 'UTC')::date - 1,
                                    (now() AT TIME ZONE 'UTC')::date + days, interval '1 day')::date
  LOOP
    leaf := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
    CONTINUE WHEN to_regclass(leaf) IS NOT NULL;
    low  := uuid_v7_floor(day::timestamp AT TIME ZONE 'UTC');
    high := uuid_v7_floor((day + 1)::timestamp AT TIME ZONE 'UTC');
    -- Never INCLUDING IDENTITY: the parent numbers the rows.
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', leaf, parent);
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent || '_default');
    EXECUTE format('WITH moved AS (DELETE FROM %I WHERE id >= %L AND id < %L RETURNING *) '
                   'INSERT INTO %I SELECT * FROM moved', parent || '_default', low, high, leaf);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   parent, leaf, low, high);
    made := made + 1;
  END LOOP;
  RETURN made;
END
$$;
REVOKE ALL ON FUNCTION partitions_create_ahead(text, integer) FROM PUBLIC;

-- The smallest id that has a daily partition; NULL if there is none. An id below it would meet
-- no twin: its day is gone.
CREATE FUNCTION partitions_oldest(parent text) RETURNS uuid
LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT uuid_v7_floor(min(to_date(right(relname, 8), 'YYYYMMDD'))::timestamp AT TIME ZONE 'UTC')
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
   WHERE inhparent = to_regclass(parent) AND relname ~ '_[0-9]{8}$'
$$;
