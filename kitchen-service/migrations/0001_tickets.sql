-- What the kitchen was asked to cook: at most one ticket a saga. Its states never change their names:
--   PENDING    waits for AcceptTicket or RejectTicket
--   ACCEPTED   it is being cooked
--   REJECTED   it will not be cooked
--   CANCELLED  withdrawn before an answer; without lines it came before the ticket, which it forbids
--              (a tombstone)
--   COMPLETED  it is cooked
CREATE TABLE tickets (
  ticket_id  uuid        NOT NULL PRIMARY KEY,  -- UUIDv7
  tx_id      uuid        NOT NULL UNIQUE,
  order_id   text        NOT NULL,              -- empty for a tombstone
  state      text        NOT NULL
             CHECK (state IN ('PENDING', 'ACCEPTED', 'REJECTED', 'CANCELLED', 'COMPLETED')),
  -- The command that a pending ticket will answer (participant::Command::Remember).
  command    bytea,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (state <> 'PENDING' OR command IS NOT NULL)
);
CREATE INDEX tickets_state ON tickets (state, ticket_id);

-- Written together with their ticket, never changed.
CREATE TABLE ticket_lines (
  tx_id      uuid   NOT NULL,
  product_id bigint NOT NULL,
  amount     bigint NOT NULL CHECK (amount >= 1),
  PRIMARY KEY (tx_id, product_id)
);

GRANT SELECT, INSERT, UPDATE ON tickets TO ${service_role};
GRANT SELECT, INSERT ON ticket_lines TO ${service_role};
