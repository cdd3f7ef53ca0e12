-- The relay's brake: while this table has its row, no relay publishes from this database. A row, so
-- that it outlives the relay and whoever takes over from it; `outbox-relay pause` and `resume` write it.
CREATE TABLE outbox_pause (
  one       boolean     PRIMARY KEY DEFAULT true CHECK (one),
  paused_by text        NOT NULL,
  reason    text        NOT NULL DEFAULT '',
  paused_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Relays listen, so that it takes effect at once, by whatever hand.
CREATE FUNCTION outbox_pause_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('outbox_pause', '');
  RETURN NULL;
END
$$;
CREATE TRIGGER changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON outbox_pause
  FOR EACH STATEMENT EXECUTE FUNCTION outbox_pause_changed();

GRANT SELECT, INSERT, DELETE ON outbox_pause TO ${relay_role};
