-- One row a saga: where it stands, and what it waits for. Its content is saga::Saga (libs/saga).
CREATE TABLE sagas (
  tx_id         uuid        NOT NULL PRIMARY KEY,  -- UUIDv7: the table grows at one end
  type          text        NOT NULL,              -- ORDER_CREATION
  table_version integer     NOT NULL CHECK (table_version >= 1),
  -- saga::State: 1 RUNNING, 2 COMPENSATING, 3 COMPLETED, 4 COMPENSATED. Never change the numbers.
  state         smallint    NOT NULL CHECK (state BETWEEN 1 AND 4),
  step          text        NOT NULL,              -- empty when ended
  commands      jsonb       NOT NULL,              -- the current step's: [{name, direction, id, attempt, answer}]
  refusal       jsonb,                             -- why it is or was compensated
  parked        jsonb,                             -- what an operator must decide
  version       bigint      NOT NULL CHECK (version >= 1),
  data          bytea       NOT NULL,              -- the owner's: what its commands are built from
  traceparent   text,
  created_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  CHECK ((state IN (3, 4)) = (step = '')),
  CHECK (state <> 4 OR refusal IS NOT NULL)
) WITH (fillfactor = 60);  -- each saga's row changes often: leave room to change it in its page

-- Those on their way, oldest first; nothing here changes until a saga ends.
CREATE INDEX sagas_in_flight ON sagas (tx_id) WHERE state IN (1, 2);
CREATE INDEX sagas_parked ON sagas (tx_id) WHERE parked IS NOT NULL;

-- Every command sent and reply received. Insert only.
CREATE TABLE saga_log (
  tx_id      uuid        NOT NULL,
  n          bigint      GENERATED ALWAYS AS IDENTITY,
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- 1 command, 2 reply, 3 stale reply (changed nothing). Never change the numbers.
  kind       smallint    NOT NULL CHECK (kind BETWEEN 1 AND 3),
  step       text        NOT NULL,
  command    text        NOT NULL,
  command_id uuid        NOT NULL,
  attempt    integer     NOT NULL,
  approved   boolean,    -- replies
  outcome    text        NOT NULL DEFAULT '',
  message    text        NOT NULL DEFAULT '',
  PRIMARY KEY (tx_id, n)
);

GRANT SELECT, INSERT, UPDATE ON sagas TO ${service_role};
GRANT SELECT, INSERT ON saga_log TO ${service_role};
