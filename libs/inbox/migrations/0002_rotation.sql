-- The inbox forgets ids that are older than its window. The window is at least as long as anybody may
-- still bring a message: what the topics and the dead letter topics keep (7 and 30 days), and what
-- may be published again.

-- Empties the oldest partition that ended at least `days` (31 to 3650) days ago and has rows; answers
-- its name, or NULL.
--
-- First the floor of what is remembered rises, and only two hours later the rows go: by then every
-- door has read the new floor (each does so hourly), so that none takes a message as new whose id has
-- just been forgotten. The floor never sinks.
CREATE FUNCTION inbox_empty(days integer) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '50ms' AS $$
DECLARE
  before date := (now() AT TIME ZONE 'UTC')::date - days;
  stored partition_floors;
  name   text;
  used   boolean;
BEGIN
  IF days IS NULL OR days NOT BETWEEN 31 AND 3650 THEN
    RAISE EXCEPTION 'inbox_empty: the window must be 31 to 3650 days, not %', days
      USING ERRCODE = '22023',
            HINT = 'A message that is still in a topic or a dead letter topic must be remembered.';
  END IF;
  PERFORM partitions_begin('inbox');
  SELECT * INTO stored FROM partition_floors WHERE parent = 'inbox' FOR UPDATE;
  IF stored.floor IS NULL OR stored.floor < before THEN
    INSERT INTO partition_floors (parent, floor) VALUES ('inbox', before)
    ON CONFLICT (parent) DO UPDATE SET floor = excluded.floor, raised_at = excluded.raised_at;
    RETURN NULL;
  END IF;
  IF stored.raised_at > now() - interval '2 hours' THEN
    RETURN NULL;
  END IF;
  FOR name IN SELECT leaf FROM partitions_leaves('inbox') WHERE day < least(before, stored.floor) LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO used;
    CONTINUE WHEN NOT used;
    EXECUTE format('TRUNCATE TABLE ONLY %I', name);
    RETURN name;
  END LOOP;
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION inbox_empty(integer) FROM PUBLIC;

-- Drops the oldest empty partition below the floor for which the two hours are over; answers its
-- name, or NULL.
CREATE FUNCTION inbox_drop() RETURNS text
LANGUAGE sql SECURITY DEFINER
SET search_path = public, pg_temp SET lock_timeout = '50ms' AS $$
  SELECT partitions_drop_empty('inbox', floor) FROM partition_floors
   WHERE parent = 'inbox' AND raised_at <= now() - interval '2 hours'
$$;
REVOKE ALL ON FUNCTION inbox_drop() FROM PUBLIC;

GRANT EXECUTE ON FUNCTION inbox_empty(integer), inbox_drop(), partitions_state(text)
  TO ${service_role};
