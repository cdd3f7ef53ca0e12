-- Rotation of the tables that have daily partitions (outbox, inbox): partitions are made ahead,
-- emptied by TRUNCATE when their time is over, and dropped later, when they are empty already.
--
-- All of it runs as the owner, for roles that own nothing, so each function checks what it is given.
-- Each is a short transaction of its caller's. What it must lock it waits for 50 ms at most, because
-- every writer queues up behind a lock that is waited for; then it fails (SQLSTATE 55P03), and the
-- caller tries again later.

-- Ids below a floor are not remembered any more, although their partition may still be there.
CREATE TABLE partition_floors (
  parent    text        NOT NULL PRIMARY KEY,
  floor     date        NOT NULL,
  raised_at timestamptz NOT NULL DEFAULT now()
);

-- Refuses what is not one of the two tables.
CREATE FUNCTION partitions_check(parent text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
BEGIN
  IF parent IS NULL OR parent NOT IN ('outbox', 'inbox') THEN
    RAISE EXCEPTION 'partitions: % is not outbox or inbox', parent USING ERRCODE = '22023';
  END IF;
  IF NOT EXISTS (SELECT 1 FROM pg_partitioned_table WHERE partrelid = to_regclass(parent)) THEN
    RAISE EXCEPTION 'partitions: % is no partitioned table here', parent USING ERRCODE = '22023';
  END IF;
END
$$;
REVOKE ALL ON FUNCTION partitions_check(text) FROM PUBLIC;

-- Refuses a caller whose later statements would not see what was committed meanwhile, and waits for
-- whoever else rotates `parent`.
CREATE FUNCTION partitions_begin(parent text) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM partitions_check(parent);
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'partitions: only in READ COMMITTED, as rows are looked at again under a lock'
      USING ERRCODE = '25001';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('partitions ' || parent, 0));
END
$$;
REVOKE ALL ON FUNCTION partitions_begin(text) FROM PUBLIC;

-- The daily partitions of `parent`, never DEFAULT.
CREATE FUNCTION partitions_leaves(parent text) RETURNS TABLE (leaf text, day date)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT relname::text, to_date(right(relname, 8), 'YYYYMMDD')
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
   WHERE inhparent = to_regclass(parent) AND relname ~ ('^' || parent || '_[0-9]{8}$')
   ORDER BY 2
$$;
REVOKE ALL ON FUNCTION partitions_leaves(text) FROM PUBLIC;

-- Makes the partition of `parent` for `day`; answers whether it did: not if it is there, and not if
-- more than 1,000 rows of that day wait in the DEFAULT partition, because moving them would hold up
-- writers. Fewer rows move into the new partition: replication slots do not send them again.
--
-- CREATE and ATTACH, because CREATE … PARTITION OF locks the parent exclusively. Writers are kept out
-- for the few milliseconds of the ATTACH: one that had chosen DEFAULT for a row of that day would fail.
CREATE FUNCTION partitions_make(parent text, day date) RETURNS boolean
LANGUAGE plpgsql SET search_path = public, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  rest text := parent || '_default';
  leaf text := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
  low  uuid := uuid_v7_floor(day::timestamp AT TIME ZONE 'UTC');
  high uuid := uuid_v7_floor((day + 1)::timestamp AT TIME ZONE 'UTC');
  few  boolean;
BEGIN
  PERFORM partitions_begin(parent);
  IF to_regclass(leaf) IS NOT NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('SELECT count(*) <= 1000 FROM '
                 '(SELECT FROM %I WHERE id >= %L AND id < %L LIMIT 1001) few', rest, low, high)
     INTO few;
  IF NOT few THEN
    RETURN false;
  END IF;
  -- Never INCLUDING IDENTITY: the parent numbers the rows.
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', leaf, parent);
  EXECUTE format('LOCK TABLE ONLY %I IN SHARE ROW EXCLUSIVE MODE', parent);
  EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', rest);
  EXECUTE format('WITH moved AS (DELETE FROM %I WHERE id >= %L AND id < %L RETURNING *) '
                 'INSERT INTO %I SELECT * FROM moved', rest, low, high, leaf);
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                 parent, leaf, low, high);
  RETURN true;
END
$$;
REVOKE ALL ON FUNCTION partitions_make(text, date) FROM PUBLIC;

-- Makes the partitions of `parent` for yesterday, today and `days` (0 to 31) more days, where they
-- are missing; answers how many it made.
CREATE OR REPLACE FUNCTION partitions_create_ahead(parent text, days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  today date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
  IF days IS NULL OR days NOT BETWEEN 0 AND 31 THEN
    RAISE EXCEPTION 'partitions_create_ahead: days must be 0 to 31, not %', days
      USING ERRCODE = '22023';
  END IF;
  PERFORM partitions_check(parent);
  RETURN (SELECT count(*) FILTER (WHERE partitions_make(parent, today + ahead))
            FROM generate_series(-1, days) ahead);
END
$$;

-- The smallest id that `parent` remembers; NULL if it has no daily partition. An id below it would
-- meet no twin: its day is gone, or about to go.
CREATE OR REPLACE FUNCTION partitions_oldest(parent text) RETURNS uuid
LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = public, pg_temp AS $$
  SELECT uuid_v7_floor(greatest(min(day), (SELECT floor FROM partition_floors f
                                            WHERE f.parent = partitions_oldest.parent))
                       ::timestamp AT TIME ZONE 'UTC')
    FROM partitions_leaves(parent)
$$;

-- Drops the oldest partition of `parent` whose day is before `before` if it is empty; answers its
-- name, or NULL. For the owner's functions, which know what `before` may be.
CREATE FUNCTION partitions_drop_empty(parent text, before date) RETURNS text
LANGUAGE plpgsql SET search_path = public, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  name text;
  used boolean;
BEGIN
  PERFORM partitions_begin(parent);
  FOR name IN SELECT leaf FROM partitions_leaves(parent) WHERE day < before LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO used;
    CONTINUE WHEN used;
    -- In the order in which everybody else comes: the parent first.
    EXECUTE format('LOCK TABLE ONLY %I IN ACCESS EXCLUSIVE MODE', parent);
    EXECUTE format('LOCK TABLE %I, %I IN ACCESS EXCLUSIVE MODE', parent || '_default', name);
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO used;
    CONTINUE WHEN used;
    EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, name);
    EXECUTE format('DROP TABLE %I', name);
    RETURN name;
  END LOOP;
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION partitions_drop_empty(text, date) FROM PUBLIC;

-- What is worth an alarm: how many days after today have a partition; how many rows are in DEFAULT
-- (counted to 1,000 at most); and what the whole table takes on disk.
CREATE FUNCTION partitions_state(parent text)
RETURNS TABLE (future_partitions bigint, default_rows bigint, total_bytes bigint)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM partitions_check(parent);
  future_partitions := (SELECT count(*) FROM partitions_leaves(parent)
                         WHERE day > (now() AT TIME ZONE 'UTC')::date);
  EXECUTE format('SELECT count(*) FROM (SELECT FROM %I LIMIT 1000) few', parent || '_default')
     INTO default_rows;
  total_bytes := (SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits
                   WHERE inhparent = to_regclass(parent));
  RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION partitions_state(text) FROM PUBLIC;
