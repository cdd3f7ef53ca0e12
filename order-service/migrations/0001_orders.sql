CREATE TABLE orders (
  order_id     uuid        NOT NULL PRIMARY KEY,  -- UUIDv7
  tx_id        uuid        NOT NULL UNIQUE,       -- the saga that carries it
  user_id      bigint      NOT NULL CHECK (user_id >= 1),
  status       text        NOT NULL CHECK (status IN ('PENDING', 'APPROVED', 'REJECTED', 'CANCELLED')),
  reason       text        NOT NULL DEFAULT '',
  message      text        NOT NULL DEFAULT '',
  total_minor  bigint      CHECK (total_minor >= 0),
  currency     text,
  version      bigint      NOT NULL DEFAULT 1 CHECK (version >= 1),
  -- The client's, or one that the door made; kept as long as the order.
  request_id   uuid        NOT NULL UNIQUE,
  request_hash bytea       NOT NULL,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK ((status = 'REJECTED') = (reason <> '') OR status = 'CANCELLED'),
  CHECK ((total_minor IS NULL) = (currency IS NULL))
) WITH (fillfactor = 80);  -- an order's row changes once or twice

CREATE INDEX orders_of_user ON orders (user_id, order_id);

CREATE TABLE order_products (
  order_id   uuid   NOT NULL REFERENCES orders,
  product_id bigint NOT NULL CHECK (product_id >= 1),
  amount     bigint NOT NULL CHECK (amount >= 1),
  PRIMARY KEY (order_id, product_id)
);

GRANT SELECT, INSERT, UPDATE ON orders TO ${service_role};
GRANT SELECT, INSERT ON order_products TO ${service_role};
