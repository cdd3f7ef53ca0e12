-- Customers and their credit, in the minor units of their currency.
CREATE TABLE customers (
  user_id            bigint      NOT NULL PRIMARY KEY CHECK (user_id >= 1),
  name               text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
  status             text        NOT NULL CHECK (status IN ('ACTIVE', 'BLOCKED')),
  credit_limit_minor bigint      NOT NULL CHECK (credit_limit_minor BETWEEN 0 AND 1000000000000000),
  currency           text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  -- Together they may be above the limit: it can be lowered at any time. No sum ever overflows.
  held_minor         bigint      NOT NULL DEFAULT 0 CHECK (held_minor BETWEEN 0 AND 1000000000000000),
  charged_minor      bigint      NOT NULL DEFAULT 0 CHECK (charged_minor BETWEEN 0 AND 1000000000000000),
  created_at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at         timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 70);

-- The credit that an order holds, or held: at most one hold a saga. Its states never change their
-- names:
--   HELD      its amount is in customers.held_minor
--   REFUSED   nothing was held
--   RELEASED  free again; without a user it came before the hold, which it forbids (a tombstone)
--   CAPTURED  its amount is in customers.charged_minor
CREATE TABLE credit_holds (
  tx_id        uuid        NOT NULL PRIMARY KEY,
  order_id     text        NOT NULL,  -- empty for a tombstone
  user_id      bigint      NOT NULL,  -- 0 for a tombstone; a refused one's may be unknown
  amount_minor bigint      NOT NULL CHECK (amount_minor >= 0),
  currency     text        NOT NULL,  -- empty for a tombstone
  state        text        NOT NULL CHECK (state IN ('HELD', 'REFUSED', 'RELEASED', 'CAPTURED')),
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK (user_id >= 1 OR state IN ('RELEASED', 'REFUSED'))
) WITH (fillfactor = 80);

GRANT SELECT, INSERT, UPDATE ON customers, credit_holds TO ${service_role};
