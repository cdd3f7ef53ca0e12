-- Products and their stock. The three counts together change only when somebody adjusts the stock;
-- orders move units from one to another.
CREATE TABLE products (
  product_id       bigint      NOT NULL PRIMARY KEY CHECK (product_id >= 1),
  name             text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
  unit_price_minor bigint      NOT NULL CHECK (unit_price_minor BETWEEN 0 AND 1000000000000000),
  currency         text        NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
  available        bigint      NOT NULL CHECK (available >= 0),
  reserved         bigint      NOT NULL DEFAULT 0 CHECK (reserved >= 0),
  consumed         bigint      NOT NULL DEFAULT 0 CHECK (consumed >= 0),
  created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- So that no sum of them overflows.
  CHECK (available::numeric + reserved + consumed <= 1000000000000000000)
) WITH (fillfactor = 50);  -- the same few rows change all the time

-- What an order holds, or held: at most one reservation a saga. Its states never change their names:
--   RESERVED    its lines are in products.reserved
--   REFUSED     nothing was taken; no lines
--   RELEASED    given back; without lines it came before the reservation, which it forbids (a tombstone)
--   CONFIRMED   its lines are in products.consumed
CREATE TABLE reservations (
  tx_id      uuid        NOT NULL PRIMARY KEY,
  order_id   text        NOT NULL,  -- empty for a tombstone
  state      text        NOT NULL CHECK (state IN ('RESERVED', 'REFUSED', 'RELEASED', 'CONFIRMED')),
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX reservations_state ON reservations (state, tx_id);

-- Written together with their reservation, never changed. No foreign keys: they would lock the
-- products of every order once more.
CREATE TABLE reservation_lines (
  tx_id            uuid   NOT NULL,
  product_id       bigint NOT NULL,
  amount           bigint NOT NULL CHECK (amount >= 1),
  unit_price_minor bigint NOT NULL CHECK (unit_price_minor >= 0),
  PRIMARY KEY (tx_id, product_id)
);

GRANT SELECT, INSERT, UPDATE ON products, reservations TO ${service_role};
GRANT SELECT, INSERT ON reservation_lines TO ${service_role};
