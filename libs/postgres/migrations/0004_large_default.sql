-- Attaching a partition reads all of DEFAULT, and writers wait meanwhile: where that is large, which
-- takes ids that are of no day, no more partitions are made. Such ids have no use for them.
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
  -- 64 MiB, which are read in some tenths of a second.
  IF pg_relation_size(to_regclass(parent || '_default')) > 67108864 THEN
    RETURN 0;
  END IF;
  RETURN (SELECT count(*) FILTER (WHERE partitions_make(parent, today + ahead))
            FROM generate_series(-1, days) ahead);
END
$$;
