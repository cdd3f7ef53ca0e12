-- Postgres 14 goes on sending nothing of a table that a replication stream has met before it was attached:
-- its rows, moved there from DEFAULT, were no events, and what is inserted into it later would be none
-- either (tried; from 15 on it looks again). Any change of the publication makes it look. Who may not
-- make that change makes no partition: the rows stay in DEFAULT.
CREATE OR REPLACE FUNCTION partitions_make(parent text, day date) RETURNS boolean
LANGUAGE plpgsql SET search_path = public, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  rest  text := parent || '_default';
  leaf  text := format('%s_%s', parent, to_char(day, 'YYYYMMDD'));
  low   uuid := uuid_v7_floor(day::timestamp AT TIME ZONE 'UTC');
  high  uuid := uuid_v7_floor((day + 1)::timestamp AT TIME ZONE 'UTC');
  few   boolean;
  moved integer;
  name  text;
  root  boolean;
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
  GET DIAGNOSTICS moved = ROW_COUNT;
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                 parent, leaf, low, high);
  IF moved > 0 AND current_setting('server_version_num')::integer < 150000 THEN
    FOR name, root IN SELECT pubname, pubviaroot FROM pg_publication p
                        JOIN pg_publication_rel ON prpubid = p.oid AND prrelid = parent::regclass
    LOOP
      EXECUTE format('ALTER PUBLICATION %I SET (publish_via_partition_root = %s)', name, root::text);
    END LOOP;
  END IF;
  RETURN true;
END
$$;
