-- The request_ids of calls that changed something: the same id again does nothing more.
CREATE TABLE requests (
  method     text        NOT NULL,  -- product.v1.CreateProduct
  request_id uuid        NOT NULL,
  hash       bytea       NOT NULL,  -- SHA-256 of the request without its request_id
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (method, request_id)
);
-- For finding what has expired.
CREATE INDEX requests_created_at ON requests (created_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON requests TO ${service_role};
