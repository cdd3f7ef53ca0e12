-- The final answer to each command: a command that comes again gets the same answer and does nothing.
-- tx_id (a UUIDv7) leads the key, so that the table grows at one end.
CREATE TABLE command_replies (
  tx_id      uuid        NOT NULL,
  command_id uuid        NOT NULL,
  reply      bytea       NOT NULL,  -- saga.v1.Envelope
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tx_id, command_id)
);

GRANT SELECT, INSERT ON command_replies TO ${service_role};
