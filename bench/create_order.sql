-- One CreateOrder as order-service writes it, for pgbench: the same rows by the same number of statements.
-- Ids are random instead of made by time.
\set user random(1, 1000)
\set product random(1, 99)
BEGIN;
INSERT INTO orders (order_id, tx_id, user_id, status, request_id, request_hash)
  VALUES (gen_random_uuid(), gen_random_uuid(), :user, 'PENDING', gen_random_uuid(), sha256('x'))
  ON CONFLICT (request_id) DO NOTHING RETURNING order_id AS order_id, tx_id AS tx_id \gset
INSERT INTO order_products VALUES (:order_id::uuid, :product, 1), (:order_id::uuid, :product + 1, 1);
INSERT INTO sagas (tx_id, type, table_version, state, step, commands, version, data, traceparent)
  VALUES (:tx_id::uuid, 'ORDER_CREATION', 1, 1, 'product-stock',
          '[{"id": "b33598dd-1dbb-55cc-a295-d378018a2913", "name": "ReserveStock", "answer": 0, "attempt": 1, "direction": 1}]',
          1, decode(repeat('00', 55), 'hex'), '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
INSERT INTO saga_log (tx_id, kind, step, command, command_id, attempt)
  VALUES (:tx_id::uuid, 1, 'product-stock', 'ReserveStock', gen_random_uuid(), 1);
INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic, traceparent)
  VALUES (gen_random_uuid(), 'ORDER_CREATION', :tx_id::uuid::text, 'product.v1.ReserveStock',
          decode(repeat('00', 180), 'hex'), 'order-to-product-product-stock',
          '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01');
COMMIT;
