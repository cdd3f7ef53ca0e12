-- As before (0004), but a large DEFAULT is no trap. Where ids of the present come (they are UUIDv7 by now,
-- or nobody made days ahead for a week), the days to come are made all the same, or such ids would land
-- in DEFAULT for ever and keep it from being emptied: one a call, as writers wait while DEFAULT is read,
-- and none beyond 1 GiB, which takes too long: then a person chooses the hour (partitions_make).
CREATE OR REPLACE FUNCTION partitions_create_ahead(parent text, days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  today   date := (now() AT TIME ZONE 'UTC')::date;
  size    bigint;
  present boolean;
BEGIN
  IF days IS NULL OR days NOT BETWEEN 0 AND 31 THEN
    RAISE EXCEPTION 'partitions_create_ahead: days must be 0 to 31, not %', days
      USING ERRCODE = '22023';
  END IF;
  PERFORM partitions_check(parent);
  size := pg_relation_size(to_regclass(parent || '_default'));
  -- 64 MiB are read in some tenths of a second.
  IF size <= 67108864 THEN
    RETURN (SELECT count(*) FILTER (WHERE partitions_make(parent, today + ahead))
              FROM generate_series(-1, days) ahead);
  END IF;
  IF size > 1073741824 THEN
    RETURN 0;
  END IF;
  -- Of ids that are of no time, some may be of these days by chance.
  EXECUTE format('SELECT count(*) > 50 FROM (SELECT FROM %I WHERE id >= %L AND id < %L LIMIT 51) few',
                 parent, uuid_v7_floor((today - 1)::timestamp AT TIME ZONE 'UTC'),
                 uuid_v7_floor((today + 1)::timestamp AT TIME ZONE 'UTC'))
     INTO present;
  IF present THEN
    FOR ahead IN 1..least(days, 3) LOOP
      IF partitions_make(parent, today + ahead) THEN
        RETURN 1;
      END IF;
    END LOOP;
  END IF;
  RETURN 0;
END
$$;
